"""Whether another worker of the same server has a log in memory too: each would have events of its own.

Workers of one server share its socket, which uvicorn, gunicorn and hypercorn bind in the parent process. So
the first one takes a record lock (fcntl(2)) on the sockets that it has inherited, and the next finds it
taken. The kernel ends the lock with the process: nothing is left behind, and a worker that is started again
(`--reload`) gets it. Processes that share no such socket, such as those of pytest-xdist or multiprocessing,
have nothing to do with each other.

granian's workers open their sockets after the application has started; there, the number that granian gives
each of them tells. Where there is no /proc (not on Linux), nothing is found out.
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
_running: Counter[int] = Counter()  # logs in memory by process; what was counted before a fork stays


@asynccontextmanager
async def sole_worker() -> AsyncIterator[None]:
    """No other worker of this server is inside meanwhile; this process may be so several times.

    Waits up to 2 s for one that is being replaced. Raises Unavailable.
    """
    me = os.getpid()
    await _claim()
    _running[me] += 1
    try:
        yield
    finally:
        _running[me] -= 1
        if not _running[me]:
            for fd in _inherited_sockets():
                with suppress(OSError):
                    fcntl.lockf(fd, fcntl.LOCK_UN)


async def _claim() -> None:
    if _granian_worker() > 1:
        raise _refusal()
    if any(count for process, count in _running.items() if process != os.getpid()):
        return  # forked from a process that has one: its helper, not its fellow worker
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
        pass  # not lockable here
    return True


def _inherited_sockets() -> list[int]:
    """File descriptors of server sockets, if the parent is a Python process as this one is.

    (A shell may leak one of its own to everything that is started in it.)
    """
    try:
        if os.readlink(f"/proc/{os.getppid()}/exe") != os.readlink("/proc/self/exe"):
            return []
        fds = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return []
    return [fd for fd in fds if _serves(fd)]


def _serves(fd: int) -> bool:
    """Whether it is a stream socket with an address and no peer (it may be that nobody listens yet)."""
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
        sock.detach()  # (to close it would end the lock)


def _is_bound(sock: socket.socket) -> bool:
    name = sock.getsockname()
    return bool(name[1] if isinstance(name, tuple) else name)


def _granian_worker() -> int:
    """Which of granian's workers this process is, from 1 on; 0: none."""
    process = multiprocessing.current_process()
    given = getattr(process, "_args", ()) if process.name == "granian-worker" else ()
    return given[0] if given and isinstance(given[0], int) else 0
