"""Which core the server gets and which the load generator."""

import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class Cores:
    server: int
    load: int

    @property
    def shared(self) -> bool:
        return self.server == self.load


def pick_cores() -> Cores:
    """The first and the last core this process may use; the same one where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[0], load=usable[-1])


def pinned_to(core: int) -> Callable[[], None]:
    """For Popen's `preexec_fn`: the child, and all it starts, runs on `core`; it ends when we are killed."""
    prctl = ctypes.CDLL(None).prctl

    def pin() -> None:
        os.sched_setaffinity(0, {core})
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return pin
