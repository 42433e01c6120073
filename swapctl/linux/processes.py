"""Swap held by each process: VmSwap of /proc/PID/status (proc_pid_status(5))."""

import os
from typing import NamedTuple

from swapctl.linux.files import under

_CHUNK = 8192
_KIB = 1024


class ProcessSwap(NamedTuple):
    """Bytes of anonymous private memory in swap; shared memory is not in it."""

    pid: int
    swap: int


def parse_vmswap(status: bytes) -> int | None:
    """Bytes of the VmSwap line; None for a kernel thread or a zombie, which have none."""
    start = status.find(b"\nVmSwap:")
    if start < 0:
        return None
    words = status[start + 8 : start + 48].split(None, 2)
    return int(words[0]) * _KIB if len(words) > 1 and words[1][:2] == b"kB" else None


def _read_status(path: str) -> bytes:
    # One small read does for all but a process in thousands of groups, and there may be thousands
    # of processes.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(fd, _CHUNK)
        while len(text) >= _CHUNK and b"\nVmSwap:" not in text:
            more = os.read(fd, _CHUNK)
            if not more:
                break
            text += more
        return text
    finally:
        os.close(fd)


def swap_by_process(root: str = "/") -> list[ProcessSwap]:
    """All processes with pages in swap, the largest first. Raises OSError without /proc.

    Processes that end meanwhile, and those that /proc hides from the caller, are left out.
    """
    proc = under(root, "proc")
    found = []
    for entry in os.listdir(proc):
        if not entry.isdecimal():
            continue
        try:
            swap = parse_vmswap(_read_status(f"{proc}/{entry}/status"))
        except OSError:
            continue
        if swap:
            found.append(ProcessSwap(int(entry), swap))
    return sorted(found, key=lambda one: (-one.swap, one.pid))
