"""How much memory a proof may use: what the area has free, and what the machine can spare."""

from collections.abc import Sequence

from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import SwapArea
from swapctl.units import format_bytes

DEFAULT = 256 << 20
LEAST = 1 << 20
# Left to others in the area, and in case that the kernel gives out slots in advance.
_MARGIN = 512 << 10
# The size itself, and as much again for all others.
_SPARED = 2


def room(area: SwapArea, areas: Sequence[SwapArea]) -> int:
    """The bytes that can go out and be dropped from memory.

    When more than half of all swap is in use, the kernel gives up the place of a page as soon as it
    is back (vm_swap_full() in include/linux/swap.h), and it never is in the area alone.
    """
    known = {one.path: one for one in areas} | {area.path: area}
    half = sum(one.size for one in known.values()) // 2 - sum(one.used for one in known.values())
    return max(0, min(half, area.size - area.used) - _MARGIN)


def amount(
    wanted: int | None, area: SwapArea, areas: Sequence[SwapArea], memory: int, page_size: int
) -> int:
    """The bytes that a round moves, whole pages: `wanted`, or the default as far as there is room.

    `memory` is what is available. Raises SwapctlError where that is too little: an explicit size is
    a mistake when the area cannot hold it; else nothing can be proven now.
    """
    fits = room(area, areas) // page_size * page_size
    if wanted is not None and wanted > fits and wanted * 2 > area.size:
        raise SwapctlError(
            f"--size {format_bytes(wanted)} is more than the proof can push into "
            f"{format_bytes(area.size)}",
            hint=f"At most {format_bytes(fits)}: beyond half of all swap the kernel keeps pages in "
            "memory too.",
            code=ExitCode.USAGE,
            path=area.path,
        )
    size = min(DEFAULT, fits) if wanted is None else wanted // page_size * page_size
    if fits < LEAST or size > fits:
        raise SwapctlError(
            f"inconclusive: the area has room for {format_bytes(fits)} of pages; "
            f"{format_bytes(max(size, LEAST))} are needed",
            hint="Half of all swap has to be free, or the kernel keeps pages in memory too.",
            code=ExitCode.UNDECIDED,
            path=area.path,
        )
    if size < LEAST:
        raise SwapctlError(
            f"--size {format_bytes(size)} is too little",
            hint=f"At least {format_bytes(LEAST)}.",
            code=ExitCode.USAGE,
        )
    if size * _SPARED > memory:
        raise SwapctlError(
            f"inconclusive: {format_bytes(size)} of memory are needed and as much again is left to "
            f"others; {format_bytes(memory)} are available",
            hint="A smaller --size, or less running.",
            code=ExitCode.UNDECIDED,
        )
    return size
