"""The sums over extents are those of a walk block by block, as the kernel's swap layer walks."""

import errno
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.facts import Span, Spans
from swapctl.linux.btrfs import Chunk
from swapctl.linux.btrfs_map import place
from swapctl.linux.extent_map import summarise
from swapctl.linux.fiemap import (
    FIEMAP_EXTENT_DATA_INLINE,
    FIEMAP_EXTENT_DELALLOC,
    FIEMAP_EXTENT_ENCODED,
    FIEMAP_EXTENT_LAST,
    FIEMAP_EXTENT_MERGED,
    FIEMAP_EXTENT_SHARED,
    FIEMAP_EXTENT_UNKNOWN,
    FIEMAP_EXTENT_UNWRITTEN,
    Extent,
)

BLOCK = 1024
PAGE = 4096
PER_PAGE = PAGE // BLOCK
FLAGS = {
    "unwritten": FIEMAP_EXTENT_UNWRITTEN,
    "shared": FIEMAP_EXTENT_SHARED,
    "encoded": FIEMAP_EXTENT_ENCODED,
    "inline": FIEMAP_EXTENT_DATA_INLINE,
    "delayed": FIEMAP_EXTENT_DELALLOC,
    "unlocated": FIEMAP_EXTENT_UNKNOWN,
}


class Piece(NamedTuple):
    """A drawn extent in blocks: the hole before it, its length, where it lies, its flags."""

    hole: int
    length: int
    jump: int
    flags: int


PIECES = st.lists(
    st.builds(
        Piece,
        st.sampled_from((0, 0, 0, 1, 5)),
        st.integers(1, 11),
        st.sampled_from((0, 0, 1, 2, 4, 7, 100)),
        st.lists(st.sampled_from([*FLAGS.values(), FIEMAP_EXTENT_MERGED])).map(
            lambda flags: sum(set(flags))
        ),
    ),
    max_size=12,
)


def laid_out(pieces: list[Piece], first: int = 0) -> list[Extent]:
    """Extents in file order; each begins `jump` blocks behind the end of the one before it."""
    found = []
    logical, physical = 0, first
    for piece in pieces:
        logical += piece.hole
        physical += piece.jump
        found.append(Extent(logical * BLOCK, physical * BLOCK, piece.length * BLOCK, piece.flags))
        logical += piece.length
        physical += piece.length
    return found


class Block(NamedTuple):
    """A block of the file that has a place on the disk."""

    number: int
    physical: int
    flags: int


def blocks_of(extents: list[Extent], end: int) -> list[Block]:
    """All blocks before `end`, one by one."""
    return [
        Block((e.logical + offset) // BLOCK, (e.physical + offset) // BLOCK, e.flags)
        for e in extents
        for offset in range(0, e.length, BLOCK)
        if e.logical + offset < end
    ]


def usable_pages(physical: list[int], per_page: int = PER_PAGE) -> int:
    """iomap_swapfile_add_extent(): a page counts where its blocks follow each other, aligned."""
    pages = 0
    for index, start in enumerate(physical):
        wanted = list(range(start, start + per_page))
        if start % per_page == 0 and physical[index : index + per_page] == wanted:
            pages += 1
    return pages


def runs(physical: list[int]) -> int:
    """iomap_swapfile_iter() begins a new run where a block does not follow the one before."""
    return sum(
        index == 0 or block != physical[index - 1] + 1 for index, block in enumerate(physical)
    )


def spans(numbers: list[int]) -> Spans:
    """Ranges of neighbouring blocks; three of them in full."""
    found: list[Span] = []
    for number in numbers:
        if found and found[-1].offset + found[-1].length == number * BLOCK:
            found[-1] = Span(found[-1].offset, found[-1].length + BLOCK)
        else:
            found.append(Span(number * BLOCK, BLOCK))
    return Spans(len(found), len(numbers) * BLOCK, tuple(found[:3]))


@given(PIECES, st.integers(0, 160 * BLOCK), st.integers(0, 9))
def test_summary_is_that_of_a_walk_block_by_block(
    pieces: list[Piece], size: int, first: int
) -> None:
    extents = laid_out(pieces, first)
    end = size - size % PAGE
    blocks = blocks_of(extents, end)
    physical = [block.physical for block in blocks]
    seen = summarise(extents, size, PAGE)
    assert seen.covered == end
    assert seen.extents == len([e for e in extents if e.logical < end])
    assert seen.usable_pages == usable_pages(physical)
    assert seen.runs == runs(physical)
    at_start = [block.physical * BLOCK for block in blocks if block.number == 0]
    assert seen.first_physical == (at_start[0] if at_start else None)
    present = {block.number for block in blocks}
    assert seen.holes == spans([n for n in range(end // BLOCK) if n not in present])
    for name, flag in FLAGS.items():
        flagged = [block.number for block in blocks if block.flags & flag]
        assert getattr(seen, name) == spans(flagged), name


@given(PIECES, st.integers(0, 9))
def test_how_extents_are_cut_does_not_matter(pieces: list[Piece], first: int) -> None:
    """A filesystem may report one piece of the disk as many extents."""
    extents = laid_out(pieces, first)
    size = 160 * BLOCK
    cut = [
        Extent(e.logical + offset, e.physical + offset, BLOCK, e.flags)
        for e in extents
        for offset in range(0, e.length, BLOCK)
    ]
    whole, split = summarise(extents, size, PAGE), summarise(cut, size, PAGE)
    assert split._replace(extents=whole.extents) == whole


def test_an_aligned_file_is_usable_to_the_last_page() -> None:
    seen = summarise([Extent(0, 7 * PAGE, 16 * PAGE, FIEMAP_EXTENT_LAST)], 16 * PAGE, PAGE)
    assert (seen.usable_pages, seen.runs, seen.first_physical) == (16, 1, 7 * PAGE)


def test_a_file_that_begins_inside_a_page_loses_it() -> None:
    seen = summarise([Extent(0, 7 * PAGE + BLOCK, 16 * PAGE, 0)], 16 * PAGE, PAGE)
    assert seen.usable_pages == 15


def test_two_short_pieces_that_meet_on_the_disk_are_one_page() -> None:
    half = PAGE // 2
    extents = [Extent(0, PAGE, half, 0), Extent(half, PAGE + half, half, 0)]
    assert summarise(extents, PAGE, PAGE).usable_pages == 1


def test_blocks_behind_the_last_whole_page_do_not_count() -> None:
    seen = summarise([Extent(0, PAGE, 4 * PAGE, FIEMAP_EXTENT_SHARED)], PAGE + 1, PAGE)
    assert (seen.covered, seen.usable_pages, seen.shared.bytes) == (PAGE, 1, PAGE)


def test_no_extents_are_one_hole() -> None:
    assert summarise([], 3 * PAGE, PAGE).holes == Spans(1, 3 * PAGE, (Span(0, 3 * PAGE),))
    assert summarise([], PAGE - 1, PAGE).holes == Spans(0, 0, ())


PROFILES = {0: "single", 1 << 3: "raid0", 1 << 4: "raid1", 1 << 5: "dup", 1 << 7: "raid5"}
DATA = 1
LARGE_PAGE = 4 * PAGE


@st.composite
def chunk_tables(draw: st.DrawFn) -> list[Chunk]:
    """Neighbouring chunks from address 0 on, each somewhere on one of three devices."""
    found: list[Chunk] = []
    for _ in range(draw(st.integers(1, 6))):
        start = found[-1].logical + found[-1].length if found else 0
        kind = draw(st.sampled_from((0, 0, 0, 0, *PROFILES)))
        stripe = (draw(st.integers(1, 3)), draw(st.integers(0, 40)) * PAGE)
        other = ((9, 0),) if kind else ()
        found.append(Chunk(start, draw(st.integers(1, 12)) * PAGE, DATA | kind, (stripe, *other)))
    return found


@given(chunk_tables(), PIECES, st.integers(0, 100 * PAGE), st.sampled_from((PAGE, LARGE_PAGE)))
def test_placement_is_that_of_a_walk_block_by_block(
    chunks: list[Chunk], pieces: list[Piece], size: int, page: int
) -> None:
    extents = [
        Extent(e.logical * PER_PAGE, e.physical * PER_PAGE, e.length * PER_PAGE, 0)
        for e in laid_out(pieces)
    ]
    end = size - size % page
    total = chunks[-1].logical + chunks[-1].length
    walked: list[tuple[int, str, int, int]] = []
    for e in extents:
        for offset in range(0, max(0, min(e.length, end - e.logical)), PAGE):
            address = e.physical + offset
            if address >= total:
                with pytest.raises(OSError, match="in no btrfs chunk") as caught:
                    place(extents, chunks, size, page)
                assert caught.value.errno == errno.EUCLEAN
                return
            (chunk,) = (c for c in chunks if c.logical <= address < c.logical + c.length)
            device, start = chunk.stripes[0]
            profile = PROFILES[chunk.type_flags & ~DATA]
            walked.append((e.logical + offset, profile, device, start + address - chunk.logical))
    seen = place(extents, chunks, size, page)
    assert seen.profiles == tuple(dict.fromkeys(profile for _, profile, _, _ in walked))
    assert seen.device_ids == tuple(dict.fromkeys(device for _, _, device, _ in walked))
    unsuitable = [offset for offset, profile, _, _ in walked if profile != "single"]
    elsewhere = [offset for offset, _, device, _ in walked if device != walked[0][2]]
    assert seen.profile_at == (unsuitable[0] if unsuitable else None)
    assert seen.device_at == (elsewhere[0] if elsewhere else None)
    at_start = [physical for offset, _, _, physical in walked if offset == 0]
    assert seen.first_physical == (at_start[0] if at_start else None)
    sectors = [physical // PAGE for _, _, _, physical in walked]
    assert seen.runs == runs(sectors)
    assert seen.usable_pages == usable_pages(sectors, page // PAGE)


def test_an_extent_over_a_border_of_chunks_is_two_pieces() -> None:
    chunks = [
        Chunk(0, 8 * PAGE, DATA, ((1, 100 * PAGE),)),
        Chunk(8 * PAGE, 8 * PAGE, DATA, ((2, 0),)),
    ]
    seen = place([Extent(0, 4 * PAGE, 8 * PAGE, 0)], chunks, 8 * PAGE, PAGE)
    assert (seen.runs, seen.device_ids, seen.device_at) == (2, (1, 2), 4 * PAGE)
    assert (seen.first_physical, seen.usable_pages) == (104 * PAGE, 8)


@pytest.mark.parametrize("flag", [FIEMAP_EXTENT_DATA_INLINE, FIEMAP_EXTENT_UNKNOWN])
def test_extents_without_a_place_are_not_looked_up(flag: int) -> None:
    seen = place([Extent(0, 2**60, PAGE, flag)], [], PAGE, PAGE)
    assert (seen.runs, seen.profiles, seen.first_physical) == (0, (), None)
