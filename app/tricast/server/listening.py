"""Where the server listens: TCP addresses, all on one port, and Unix sockets."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tricast.errors import Unavailable
from tricast.hub.caller import UNIX_ADDRESS
from tricast.settings import UNIX

UNIX_CLIENT: Final = (UNIX_ADDRESS, 0)  # in the place of an address and a port
BACKLOG: Final = 4096
_WILDCARDS: Final = ("::", "0.0.0.0")


def has_unix_peer(transport: Any) -> bool:
    """Whether a connection came through a Unix socket."""
    sock = transport.get_extra_info("socket")
    return sock is not None and sock.family == socket.AF_UNIX


@dataclass(frozen=True)
class Listeners:
    """Open sockets. `port` is the one of all TCP addresses; `files` are ours until they are removed."""

    sockets: list[socket.socket] = field(default_factory=list)
    files: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port of the TCP addresses; 0: there are none."""
        return next((sock.getsockname()[1] for sock in self.sockets if sock.family != socket.AF_UNIX), 0)

    def close(self) -> None:
        """Close the sockets, and remove the files of Unix sockets unless they are another server's by now."""
        for sock in self.sockets:
            sock.close()
        for path, mark in self.files.items():
            with suppress(OSError):
                if _mark(path) == mark:
                    path.unlink()


def listen(hosts: Sequence[str], port: int, *, mode: int = 0o660) -> Listeners:
    """Sockets for all of `hosts`: addresses and names on `port` (0: one that is free), and `unix:/path`.

    `::` also listens on all IPv4 addresses. Files of Unix sockets get `mode`. Raises Unavailable.
    """
    opened = Listeners()
    try:
        for host in hosts:
            if host.startswith(UNIX):
                _listen_unix(opened, Path(host.removeprefix(UNIX)), mode)
        for family, address in _addresses(hosts, port):
            _listen_tcp(opened, family, address, opened.port or port)
    except BaseException:
        opened.close()
        raise
    return opened


def _addresses(hosts: Sequence[str], port: int) -> list[tuple[int, str]]:
    """Each address once; of a family of which all are listened to, none by itself."""
    found: dict[tuple[int, str], None] = {}
    for host in hosts:
        if host.startswith(UNIX):
            continue
        for name in _WILDCARDS if host == "::" else (host,):
            try:
                resolved = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            except OSError as error:
                raise _refusal(host, port, error) from None
            for family, *_, address in resolved:
                found[family, str(address[0])] = None
    everywhere = {family for family, address in found if address in _WILDCARDS}
    return [
        (family, address) for family, address in found if family not in everywhere or address in _WILDCARDS
    ]


def _listen_tcp(opened: Listeners, family: int, address: str, port: int) -> None:
    try:
        # (IPv6 only: IPv4 has sockets of its own, so that its clients have IPv4 addresses)
        sock = socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _refusal(address, port, error) from None
    opened.sockets.append(sock)


def _refusal(host: str, port: int, error: OSError) -> Unavailable:
    remedy = "choose another port (--port 9000, or make run PORT=9000)"
    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
        remedy = "choose another address (--host 127.0.0.1; 0.0.0.0 for all of IPv4)"
    return Unavailable(
        f"can not listen on {host} port {port}: {error.strerror or error}; {remedy}", field="host"
    )


def _listen_unix(opened: Listeners, path: Path, mode: int) -> None:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~mode)  # from the first moment on
    try:
        sock.bind(str(path))
        opened.files[path] = _mark(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"can not listen on {UNIX}{path}: {error.strerror or error}; choose a path of at most "
            "107 bytes in a directory that is there and that the server may write to",
            field="host",
        ) from None
    finally:
        os.umask(before)
    opened.sockets.append(sock)


def _remove_stale(path: Path) -> None:
    """Remove a socket that a server left behind. Raises Unavailable if one listens, or it is no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise Unavailable(
                f"can not listen on {UNIX}{path}: there is something else than a socket; choose another path",
                field="host",
            )
    except OSError:
        return  # nothing is there, or binding says what is wrong
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()
            return
        except OSError:
            return
    raise Unavailable(
        f"can not listen on {UNIX}{path}: another server does; stop that one, or choose another path",
        field="host",
    )


def _mark(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
