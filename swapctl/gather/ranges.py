"""Ranges of bytes on their way down through the layers; pure arithmetic."""

from collections.abc import Iterable
from typing import NamedTuple

from swapctl.linux import fiemap
from swapctl.linux.extent_map import SpanCollector
from swapctl.linux.fiemap import Row
from swapctl.storage_facts import BackingExtents, Spans

# (offset, length), by offset, without overlap
Ranges = list[tuple[int, int]]

# Device number -> where on it, None for all of it
Below = dict[str, Ranges | None]

_NO_PLACE = (
    fiemap.FIEMAP_EXTENT_UNKNOWN
    | fiemap.FIEMAP_EXTENT_DELALLOC
    | fiemap.FIEMAP_EXTENT_DATA_INLINE
    | fiemap.FIEMAP_EXTENT_NOT_ALIGNED
)


class Under(NamedTuple):
    """What of a file lies under some ranges of it: its state, and the blocks on its filesystem."""

    extents: BackingExtents
    blocks: Ranges


def merged(pieces: Iterable[tuple[int, int]]) -> Ranges:
    """The same bytes by offset, neighbours and overlaps joined."""
    found: Ranges = []
    for offset, length in sorted(pieces):
        if found and offset <= found[-1][0] + found[-1][1]:
            start, before = found[-1]
            found[-1] = (start, max(before, offset + length - start))
        elif length > 0:
            found.append((offset, length))
    return found


def add(below: Below, number: str, ranges: Ranges | None) -> None:
    """Take in that the candidate is there too."""
    before = below.get(number, [])
    if ranges is None or before is None:
        below[number] = None
    elif ranges:
        below[number] = merged([*before, *ranges])


def moved(ranges: Ranges, by: int) -> Ranges:
    """The ranges, all of them further on by so many bytes."""
    return [(offset + by, length) for offset, length in ranges]


def cut(ranges: Ranges, start: int, length: int) -> Ranges:
    """What lies in the window [start, start + length), counted from its start."""
    found: Ranges = []
    for offset, size in ranges:
        first, last = max(offset, start), min(offset + size, start + length)
        if first < last:
            found.append((first - start, last - first))
    return found


def member(ranges: Ranges, chunk: int, members: int, index: int) -> Ranges:
    """Where the ranges of a striped device lie on one of its members: of every `members` chunks
    it has the one at `index`, and they follow each other there."""
    found = []
    for offset, length in ranges:
        last_byte = offset + length - 1
        first = offset // chunk
        last = last_byte // chunk
        first_here = first + (index - first) % members
        last_here = last - (last - index) % members
        if first_here > last_here:
            continue
        start = first_here // members * chunk + (offset % chunk if first_here == first else 0)
        tail = last_byte % chunk + 1 if last_here == last else chunk
        found.append((start, last_here // members * chunk + tail - start))
    return merged(found)


def spans(ranges: Ranges) -> Spans:
    """How many, how much, and the first few."""
    collected = SpanCollector()
    for offset, length in ranges:
        collected.add(offset, length)
    return collected.spans()


def under(rows: Iterable[Row], ranges: Ranges) -> Under:
    """Lay the extents of a file over ranges of it. Extents without a place are in no block."""
    holes, unwritten, shared, encoded, unlocated = (SpanCollector() for _ in range(5))
    by_flag = (
        (fiemap.FIEMAP_EXTENT_UNWRITTEN, unwritten),
        (fiemap.FIEMAP_EXTENT_SHARED, shared),
        (fiemap.FIEMAP_EXTENT_ENCODED, encoded),
        (_NO_PLACE, unlocated),
    )
    blocks: Ranges = []
    extents = iter(rows)
    extent = next(extents, None)
    for offset, length in ranges:
        end = offset + length
        while offset < end:
            while extent is not None and extent[0] + extent[2] <= offset:
                extent = next(extents, None)
            if extent is None or extent[0] >= end:
                holes.add(offset, end - offset)
                break
            logical, physical, size, flags = extent
            if logical > offset:
                holes.add(offset, logical - offset)
                offset = logical
            piece = min(end, logical + size) - offset
            for flag, collector in by_flag:
                if flags & flag:
                    collector.add(offset, piece)
            if not flags & _NO_PLACE:
                blocks.append((physical + offset - logical, piece))
            offset += piece
    state = BackingExtents(*(c.spans() for c in (holes, unwritten, shared, encoded, unlocated)))
    return Under(state, merged(blocks))
