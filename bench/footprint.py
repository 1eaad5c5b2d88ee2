"""How much memory a process holds, and what the kernel holds for TCP."""

import os
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def rss_bytes(pids: tuple[int, ...]) -> int:
    """The resident memory of these processes together."""
    return sum(_rss_of(pid) for pid in pids)


def _rss_of(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, PermissionError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    line = next(line for line in text.splitlines() if line.startswith("Rss:"))
    return int(line.split()[1]) * 1024


def tcp_bytes() -> int:
    """The kernel's memory for all TCP sockets of this machine, both ends of a loopback connection."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * PAGE
    return 0
