"""A lock that only one worker of a server can hold: each log in memory would have events of its own.

Workers of one server share its socket, which uvicorn, gunicorn and hypercorn bind in the parent process. The
first worker takes a record lock (fcntl(2)) on the sockets that it has inherited; a second one can't. The
kernel releases the lock when the process ends, so that a worker that is started again (`--reload`) gets it.
Processes without a common socket, such as those of pytest-xdist or multiprocessing, don't exclude each other.

granian's workers open their sockets after the application has started; they are told apart by granian's
worker number. Without /proc (on other systems than Linux) a second worker is not detected.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import multiprocessing
import os
import socket
import stat
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from tricast.errors import Unavailable

ONE_WORKER: Final = "run one worker (uvicorn --workers 1, gunicorn -w 1, granian --workers 1)"
_HANDOVER_S: Final = 2.0
_RETRY_S: Final = 0.1
_running: Counter[int] = Counter()  # logs in memory by process id; a fork keeps its parent's count


@asynccontextmanager
async def sole_worker() -> AsyncIterator[None]:
    """Keeps other workers of this server out until the exit; one process may enter several times.

    Waits up to 2 s for a worker that is being replaced. Raises Unavailable if another worker is inside.
    """
    process = os.getpid()
    await _acquire()
    _running[process] += 1
    try:
        yield
    finally:
        _running[process] -= 1
        if not _running[process]:
            for fd in _inherited_sockets():
                with suppress(OSError):
                    fcntl.lockf(fd, fcntl.LOCK_UN)


async def _acquire() -> None:
    if _granian_worker() > 1:
        raise _refusal()
    if any(count for process, count in _running.items() if process != os.getpid()):
        return  # a child of a process with a log in memory is not another worker
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _HANDOVER_S
    while not all(_lock(fd) for fd in _inherited_sockets()):
        if loop.time() > deadline:
            raise _refusal()
        await asyncio.sleep(_RETRY_S)


def _refusal() -> Unavailable:
    return Unavailable(
        "another worker process of this server has a hub in memory already, and neither would see the "
        f"other's events: {ONE_WORKER}; one process holds thousands of connections",
        field="log",
    )


def _lock(fd: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # the system can't lock this descriptor
    return True


def _inherited_sockets() -> list[int]:
    """File descriptors of server sockets; none unless the parent runs the same Python as this process.

    Other parents, such as shells, may leak sockets that are not this server's.
    """
    try:
        if os.readlink(f"/proc/{os.getppid()}/exe") != os.readlink("/proc/self/exe"):
            return []
        fds = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return []
    return [fd for fd in fds if _is_server_socket(fd)]


def _is_server_socket(fd: int) -> bool:
    """Whether it is a stream socket with an address and no peer, listening or not yet."""
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return False
        sock = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        if sock.type != socket.SOCK_STREAM or not _is_bound(sock):
            return False
        sock.getpeername()
    except OSError as error:
        return error.errno == errno.ENOTCONN
    else:
        return False
    finally:
        sock.detach()  # closing it would release the lock


def _is_bound(sock: socket.socket) -> bool:
    name = sock.getsockname()
    return bool(name[1] if isinstance(name, tuple) else name)


def _granian_worker() -> int:
    """The number of this process among granian's workers, from 1 on; 0 if it is none of them."""
    process = multiprocessing.current_process()
    given = getattr(process, "_args", ()) if process.name == "granian-worker" else ()
    return given[0] if given and isinstance(given[0], int) else 0
