"""Sum up a file's extents: holes, states, and the pages that the swap layer can use.

The page arithmetic is the kernel's (iomap_swapfile_add_extent() in fs/iomap/swapfile.c and
btrfs_add_swap_extent() in fs/btrfs/inode.c): physically contiguous extents are one run, a run
starts at the first whole page in it and ends at the last.
"""

from collections.abc import Callable, Iterable

from swapctl.facts import ExtentMap, Span, Spans
from swapctl.linux import fiemap
from swapctl.linux.fiemap import Row

_SHOWN = 3


class SpanCollector:
    """Gathers ranges in ascending order; neighbours become one."""

    def __init__(self) -> None:
        self._count = 0
        self._bytes = 0
        self._end = -1
        self._first: list[Span] = []

    def add(self, offset: int, length: int) -> None:
        """Take in [offset, offset + length)."""
        self._bytes += length
        if offset != self._end:
            self._count += 1
            if self._count <= _SHOWN:
                self._first.append(Span(offset, length))
        elif self._count <= _SHOWN:
            last = self._first[-1]
            self._first[-1] = Span(last.offset, last.length + length)
        self._end = offset + length

    def spans(self) -> Spans:
        """What was gathered."""
        return Spans(self._count, self._bytes, tuple(self._first))


class RunCounter:
    """Joins physically contiguous pieces and counts the aligned pages in each run."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._start = self._end = -1
        self._pages = 0
        self._runs = 0

    def add(self, physical: int, length: int) -> None:
        """Take in the next piece, in file order."""
        if physical != self._end:
            self._close()
            self._start = physical
            self._runs += 1
        self._end = physical + length

    def _close(self) -> None:
        if self._end >= 0:
            first = -(-self._start // self._page_size)
            self._pages += max(0, self._end // self._page_size - first)

    def totals(self) -> tuple[int, int]:
        """(runs, usable pages) of all pieces; call once, at the end."""
        self._close()
        return self._runs, self._pages


def summarise(extents: Iterable[Row], size: int, page_size: int) -> ExtentMap:
    """The extents of a file of `size` bytes as an ExtentMap, in one pass and constant memory.

    As the kernel does, only [0, size rounded down to a page) is looked at.
    """
    covered = size // page_size * page_size
    holes = SpanCollector()
    by_flag: tuple[tuple[int, SpanCollector], ...] = tuple(
        (flag, SpanCollector())
        for flag in (
            fiemap.FIEMAP_EXTENT_UNWRITTEN,
            fiemap.FIEMAP_EXTENT_SHARED,
            fiemap.FIEMAP_EXTENT_ENCODED,
            fiemap.FIEMAP_EXTENT_DATA_INLINE,
            fiemap.FIEMAP_EXTENT_DELALLOC,
            fiemap.FIEMAP_EXTENT_UNKNOWN,
        )
    )
    interesting = sum(flag for flag, _ in by_flag)
    runs = RunCounter(page_size)
    add_run: Callable[[int, int], None] = runs.add
    count = position = 0
    first_physical: int | None = None
    for logical, physical, length, flags in extents:
        if logical >= covered:
            break
        if logical > position:
            holes.add(position, logical - position)
        length = min(length, covered - logical)
        position = logical + length
        count += 1
        if flags & interesting:
            for flag, spans in by_flag:
                if flags & flag:
                    spans.add(logical, length)
        if logical == 0:
            first_physical = physical
        add_run(physical, length)
    if position < covered:
        holes.add(position, covered - position)
    total_runs, usable_pages = runs.totals()
    unwritten, shared, encoded, inline, delayed, unlocated = (s.spans() for _, s in by_flag)
    return ExtentMap(
        covered=covered,
        extents=count,
        runs=total_runs,
        usable_pages=usable_pages,
        first_physical=first_physical,
        holes=holes.spans(),
        unwritten=unwritten,
        shared=shared,
        encoded=encoded,
        inline=inline,
        delayed=delayed,
        unlocated=unlocated,
    )
