"""Where the pages of the calling process are: proc_pid_pagemap(5) and mincore(2)."""

import os
import struct
from typing import NamedTuple

from swapctl.linux import libc

_ENTRY = 8
_PRESENT = 1 << 63
_SWAPPED = 1 << 62
_TYPE = 0x1F


class PageState(NamedTuple):
    """One page. `area` is the number under which the kernel holds the swap area that the page is
    in, None where it is in none; `present` that the process has it mapped. `cached` says that a
    page in swap is in memory all the same, so that it would come back without being read."""

    present: bool
    area: int | None
    cached: bool


def states(address: int, pages: int) -> list[PageState]:
    """The pages of [address, address + pages). The number of the area is shown to root only;
    everybody else sees 0. Raises OSError: ENOENT on a kernel without CONFIG_PROC_PAGE_MONITOR."""
    size = os.sysconf("SC_PAGE_SIZE")
    length = pages * _ENTRY
    fd = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while len(data) < length:
            piece = os.pread(fd, length - len(data), address // size * _ENTRY + len(data))
            if not piece:
                raise OSError(None, "the page map ends early", "/proc/self/pagemap")
            data += piece
    finally:
        os.close(fd)
    resident = libc.mincore(address, pages * size, pages)
    # There are few different states and many pages: one record for all that are alike.
    alike: dict[tuple[int, int], PageState] = {}
    found = []
    for entry, in_memory in zip(struct.unpack(f"={pages}Q", data), resident, strict=True):
        key = (entry & (_PRESENT | _SWAPPED | _TYPE if entry & _SWAPPED else _PRESENT), in_memory)
        state = alike.get(key)
        if state is None:
            swapped = bool(entry & _SWAPPED)
            state = PageState(
                present=bool(entry & _PRESENT),
                area=entry & _TYPE if swapped else None,
                cached=swapped and bool(in_memory & 1),
            )
            alike[key] = state
        found.append(state)
    return found
