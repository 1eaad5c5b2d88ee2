"""The server's listening sockets: TCP addresses, all on one port, and Unix sockets."""

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

UNIX_CLIENT: Final = (UNIX_ADDRESS, 0)  # the address and port of a Unix socket's clients
BACKLOG: Final = 4096
WILDCARDS: Final = ("::", "0.0.0.0")


def has_unix_peer(transport: Any) -> bool:
    """Whether a connection came through a Unix socket."""
    sock = transport.get_extra_info("socket")
    return sock is not None and sock.family == socket.AF_UNIX


@dataclass(frozen=True)
class Listeners:
    """Open sockets. `files` are those of Unix sockets, each with its device and inode number."""

    sockets: list[socket.socket] = field(default_factory=list)
    files: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port of all TCP addresses; 0 if there are none."""
        return next((sock.getsockname()[1] for sock in self.sockets if sock.family != socket.AF_UNIX), 0)

    def close(self) -> None:
        """Close the sockets, and remove the files of Unix sockets that no other server has replaced."""
        for sock in self.sockets:
            sock.close()
        for path, file_id in self.files.items():
            with suppress(OSError):
                if _file_id(path) == file_id:
                    path.unlink()


def listen(hosts: Sequence[str], port: int, *, mode: int = 0o660) -> Listeners:
    """Listening sockets for `hosts`: addresses and names on `port` (0 takes a free one), and `unix:/path`.

    `::` includes all IPv4 addresses. Files of Unix sockets get `mode`. Raises Unavailable if any of
    them can't be opened; none is open then.
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
    """The TCP addresses of `hosts` with their families, without those that a wildcard covers."""
    found: dict[tuple[int, str], None] = {}
    for host in hosts:
        if host.startswith(UNIX):
            continue
        for name in WILDCARDS if host == "::" else (host,):
            try:
                resolved = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            except OSError as error:
                raise _refusal(host, port, error) from None
            for family, *_, address in resolved:
                found[family, str(address[0])] = None
    everywhere = {family for family, address in found if address in WILDCARDS}
    return [
        (family, address) for family, address in found if family not in everywhere or address in WILDCARDS
    ]


def _listen_tcp(opened: Listeners, family: int, address: str, port: int) -> None:
    try:
        # IPv6 only: IPv4 has a socket of its own, so that its clients have IPv4 addresses.
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
    before = os.umask(0o777 & ~mode)  # the file must not have wider permissions for a moment
    try:
        sock.bind(str(path))
        opened.files[path] = _file_id(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"can not listen on {UNIX}{path}: {error.strerror or error}; choose a path of at most "
            "107 bytes in a directory that exists and that the server may write to",
            field="host",
        ) from None
    finally:
        os.umask(before)
    opened.sockets.append(sock)


def _remove_stale(path: Path) -> None:
    """Remove a socket that a killed server left behind.

    Raises Unavailable if a server listens on it, or if the file is not a socket.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise Unavailable(
                f"can not listen on {UNIX}{path}: it is something else than a socket; choose another path",
                field="host",
            )
    except OSError:
        return  # there is no file, or binding will report the error
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


def _file_id(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
