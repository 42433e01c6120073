"""What changed between two maps and two counts, compared with a byte-by-byte second witness."""

from hypothesis import given
from hypothesis import strategies as st

from swapctl.gather import file_map
from swapctl.gather.ranges import Ranges, merged
from swapctl.linux import fiemap
from swapctl.proof_changes import changes, grown, map_changes
from swapctl.proof_facts import (
    Became,
    Counter,
    Event,
    FileMap,
    Filesystem,
    Kind,
    MapChange,
    Observation,
    Role,
    State,
    Trace,
    WatchedFile,
)
from swapctl.storage_facts import Span, Spans
from swapctl.unknown import Unknown

Row = tuple[int, int, int, int]

UNWRITTEN = fiemap.FIEMAP_EXTENT_UNWRITTEN
DELAYED = fiemap.FIEMAP_EXTENT_DELALLOC | fiemap.FIEMAP_EXTENT_UNKNOWN
SIZE = 60


def a_map(*rows: Row) -> FileMap:
    return FileMap(file_map.pack(rows), "test")


def by_byte(rows: list[Row]) -> list[tuple[int, int] | None]:
    """For every byte where it is and its flags, None for a hole."""
    found: list[tuple[int, int] | None] = [None] * SIZE
    for offset, physical, length, flags in rows:
        for index in range(length):
            place = -1 if flags & DELAYED else physical + index
            found[offset + index] = (place, flags)
    return found


@st.composite
def maps(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    offset = 0
    while True:
        offset += draw(st.integers(0, 6))
        length = draw(st.integers(1, 9))
        if offset + length > SIZE:
            return rows
        # Few places, so that pieces often follow each other or stay where they are.
        physical = draw(st.sampled_from([100, 200])) + offset
        rows.append((offset, physical, length, draw(st.sampled_from([0, UNWRITTEN, DELAYED]))))
        offset += length


def fate(before: tuple[int, int] | None, after: tuple[int, int] | None) -> Became | None:
    """One byte."""
    if before == after:
        return None
    had, has = (state is not None and state[0] >= 0 for state in (before, after))
    if before is None or (has and not had):
        return "appeared"
    if after is None or (had and not has):
        return "vanished"
    return "changed flags" if before[0] == after[0] else "moved"


@given(maps(), maps())
def test_every_byte_has_its_fate(old: list[Row], new: list[Row]) -> None:
    found = {one.became: one for one in map_changes(a_map(*old), a_map(*new))}
    fates = [fate(*pair) for pair in zip(by_byte(old), by_byte(new), strict=True)]
    assert {became: one.parts.bytes for became, one in found.items()} == {
        became: fates.count(became) for became in set(fates) - {None}
    }
    for became, one in found.items():
        starts = [i for i, f in enumerate(fates) if f == became and (not i or fates[i - 1] != f)]
        assert one.parts.pieces == len(starts)
        assert [span.offset for span in one.parts.first] == starts[:3]
        for span in one.parts.first:
            assert set(fates[span.offset : span.offset + span.length]) == {became}
            assert fates[span.offset + span.length : span.offset + span.length + 1] != [became]


@given(maps(), st.data())
def test_how_the_kernel_cuts_its_answer_is_no_change(rows: list[Row], data: st.DataObject) -> None:
    cut: list[Row] = []
    for offset, physical, length, flags in rows:
        at = data.draw(st.integers(1, length))
        cut.append((offset, physical, at, flags | fiemap.FIEMAP_EXTENT_MERGED))
        if at < length:
            cut.append((offset + at, physical + at, length - at, flags))
    if cut:
        cut[-1] = (*cut[-1][:3], cut[-1][3] | fiemap.FIEMAP_EXTENT_LAST)
    assert map_changes(a_map(*rows), a_map(*cut)) == ()
    assert a_map(*rows) == a_map(*cut)


@given(maps(), st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 20))))
def test_only_the_ranges_are_kept(rows: list[Row], pieces: list[tuple[int, int]]) -> None:
    ranges: Ranges = merged((start, min(length, SIZE - start)) for start, length in pieces)
    kept = by_byte(list(file_map.clipped(rows, ranges)))
    inside = {index for start, length in ranges for index in range(start, start + length)}
    whole = by_byte(rows)
    assert kept == [state if i in inside else None for i, state in enumerate(whole)]


def test_a_change_is_told_with_its_first_place() -> None:
    before = a_map((0, 4096, 8192, UNWRITTEN), (16384, 65536, 4096, 0))
    after = a_map((0, 4096, 4096, 0), (4096, 8192, 4096, UNWRITTEN), (16384, 98304, 4096, 0))
    assert map_changes(before, after) == (
        MapChange(
            "changed flags", Spans(1, 4096, (Span(0, 4096),)), (4096, ("unwritten",)), (4096, ())
        ),
        MapChange("moved", Spans(1, 4096, (Span(16384, 4096),)), (65536, ()), (98304, ())),
    )
    (gone,) = map_changes(before, a_map((0, 4096, 8192, UNWRITTEN)))
    assert (gone.became, gone.before, gone.after) == ("vanished", (65536, ()), (None, ()))


def fs(device: str) -> Filesystem:
    files = (WatchedFile("/mnt/image", 1),)
    return Filesystem("/mnt", "ext4", device, False, files, "counted", traced=True)


def event(device: str, kind: Kind, role: Role) -> Event:
    return Event(device, "jbd2_handle_start", kind, 7, "kworker/0:1", role, (), 2)


def observation(value: int | Unknown, map_of: FileMap | Unknown, *events: Event) -> Observation:
    counters = (
        Counter("transactions", "transaction", value, "info"),
        Counter("commits", "commit", 100, "info"),
        Counter("empty", "transaction", 1, "info"),
    )
    states = tuple(State(fs(device), counters, (map_of,)) for device in ("7:0", "7:1"))
    return Observation(1.0, states, Trace(events, 0))


LOST = Unknown("transactions", "gone")
MAP = a_map((0, 4096, 4096, 0))


def test_growth_and_events_of_each_filesystem() -> None:
    events = (event("7:0", "transaction", "loop"), event("7:1", "allocation", "other"))
    first, second = changes(observation(5, MAP), observation(9, MAP, *events))
    assert grown(first, "transaction") == 4
    assert grown(first, "commit") == 0
    assert grown(first, "allocation") == 0
    assert first.trace == Trace(events[:1], 0)
    assert second.trace == Trace(events[1:], 0)
    assert [change.map for change in first.files] == [()]


def test_what_was_not_read_is_not_known() -> None:
    (first, _) = changes(observation(LOST, MAP), observation(9, LOST))
    assert grown(first, "transaction") == LOST
    assert grown(first, "commit") == 0
    assert [change.map for change in first.files] == [LOST]
    (first, _) = changes(observation(1, LOST), observation(LOST, MAP))
    assert grown(first, "transaction") == LOST
    assert [change.map for change in first.files] == [LOST]


def test_what_nothing_counts_is_not_zero() -> None:
    lacks = Unknown("transactions", "jfs shows no number of them")
    jfs = fs("7:0")._replace(fstype="jfs", transactions=lacks, traced=False)
    one = Observation(1.0, (State(jfs, (), ()),), Trace((), 0))
    (change,) = changes(one, one)
    assert grown(change, "transaction") == lacks
    assert grown(change, "allocation") == 0
    assert isinstance(change.trace, Unknown)
