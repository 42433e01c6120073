"""Ranges on their way down, held against the same done byte by byte."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from swapctl.gather.below_mapper import of_array, of_target
from swapctl.gather.ranges import Ranges, cut, member, merged, moved, spans, under
from swapctl.linux import fiemap
from swapctl.linux.md import Member
from swapctl.storage_facts import Span, Target

SECTOR = 512

PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6)
RANGES = PIECES.map(merged)


def units(ranges: Ranges) -> set[int]:
    return {at for offset, length in ranges for at in range(offset, offset + length)}


@given(PIECES)
def test_merged_are_the_same_bytes_in_order(pieces: Ranges) -> None:
    found = merged(pieces)
    assert units(found) == units(pieces)
    assert all(a + length < b for (a, length), (b, _) in itertools.pairwise(found))
    assert all(length for _, length in found)


@given(RANGES, st.integers(0, 70), st.integers(0, 30))
def test_cut(ranges: Ranges, start: int, length: int) -> None:
    inside = units(ranges) & set(range(start, start + length))
    assert units(cut(ranges, start, length)) == {at - start for at in inside}


@given(RANGES, st.integers(1, 7), st.integers(1, 5))
def test_every_byte_of_a_stripe_is_on_one_member(ranges: Ranges, chunk: int, members: int) -> None:
    expected: list[set[int]] = [set() for _ in range(members)]
    for at in units(ranges):
        number = at // chunk
        expected[number % members].add(number // members * chunk + at % chunk)
    for index in range(members):
        assert units(member(ranges, chunk, members, index)) == expected[index]


FLAGS = {
    fiemap.FIEMAP_EXTENT_UNWRITTEN: "unwritten",
    fiemap.FIEMAP_EXTENT_SHARED: "shared",
    fiemap.FIEMAP_EXTENT_ENCODED: "encoded",
    fiemap.FIEMAP_EXTENT_UNKNOWN: "unlocated",
}
EXTENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 12), st.sampled_from([0, *FLAGS])), max_size=8
)


@given(EXTENTS, RANGES)
def test_what_lies_under_ranges(extents: list[tuple[int, int, int]], ranges: Ranges) -> None:
    rows = []
    kinds: dict[int, str] = {}
    places: dict[int, int] = {}
    at, physical = 0, 1000
    for gap, length, flags in extents:
        at += gap
        rows.append((at, physical, length, flags))
        for n in range(length):
            kinds[at + n] = FLAGS.get(flags, "")
            places[at + n] = physical + n
        at += length
        physical += length + 3
    state, blocks = under(rows, ranges)
    wanted = units(ranges)
    for name in FLAGS.values():
        assert getattr(state, name).bytes == sum(kinds.get(at) == name for at in wanted)
    assert state.holes.bytes == sum(at not in kinds for at in wanted)
    located = {places[at] for at in wanted if kinds.get(at) not in (None, "unlocated")}
    assert units(blocks) == located


def test_a_hole_is_named_where_it_is() -> None:
    state, blocks = under([(0, 4096, 8192, 0), (12288, 65536, 4096, 0)], [(4096, 12288)])
    assert state.holes.first == (Span(8192, 4096),)
    assert blocks == [(8192, 4096), (65536, 4096)]


def test_spans_name_the_first_only() -> None:
    found = spans([(n * 10, 1) for n in range(9)])
    assert (found.pieces, found.bytes, len(found.first)) == (9, 9, 3)


WHERE = [(8 * SECTOR, 4 * SECTOR)]


def target(kind: str, table: str) -> Target:
    return Target(0, 1000 * SECTOR, kind, table, "")


def test_lines_of_a_table() -> None:
    assert of_target(target("linear", "8:1 100"), WHERE) == {"8:1": moved(WHERE, 100 * SECTOR)}
    crypt = "aes-xts-plain64 - 0 8:2 4096 1 allow_discards"
    assert of_target(target("crypt", crypt), WHERE) == {"8:2": moved(WHERE, 4096 * SECTOR)}
    assert of_target(target("snapshot-origin", "8:3"), WHERE) == {"8:3": WHERE}
    striped = of_target(target("striped", "2 2 8:1 0 8:2 10"), WHERE)
    assert striped == {"8:1": [(4 * SECTOR, 2 * SECTOR)], "8:2": [(14 * SECTOR, 2 * SECTOR)]}


def test_lines_that_do_not_keep_blocks_in_place_or_are_torn() -> None:
    for kind, table in (
        ("thin", "8:1 1"),
        ("cache", ""),
        ("linear", ""),
        ("linear", "8:1"),
        ("striped", "2 x"),
        ("striped", "2 0 8:1 0 8:2 0"),
        ("crypt", "aes - 0"),
    ):
        assert of_target(target(kind, table), WHERE) is None


def test_arrays() -> None:
    pair = (Member("8:1", 0, 1 << 20, 64 << 20), Member("8:2", 1, 2 << 20, 64 << 20))
    ranges = [(0, 128 << 10)]
    mirror = of_array("raid1", 0, pair, ranges)
    assert mirror == {"8:1": moved(ranges, 1 << 20), "8:2": moved(ranges, 2 << 20)}
    striped = of_array("raid0", 64 << 10, pair, ranges)
    assert striped == {"8:1": [(1 << 20, 64 << 10)], "8:2": [(2 << 20, 64 << 10)]}
    joined = of_array("linear", 0, pair, [(63 << 20, 2 << 20)])
    assert joined == {"8:1": [(64 << 20, 1 << 20)], "8:2": [(2 << 20, 1 << 20)]}
    uneven = (pair[0], pair[1]._replace(size=32 << 20))
    assert of_array("raid0", 64 << 10, uneven, ranges) is None
    assert of_array("raid5", 64 << 10, pair, ranges) is None
