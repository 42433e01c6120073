"""What changed between two observations of the witness; pure."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from swapctl.proof_facts import (
    Became,
    Change,
    Counter,
    FileChange,
    FileMap,
    Filesystem,
    Growth,
    Kind,
    MapChange,
    Observation,
    State,
    Trace,
)
from swapctl.storage_facts import Span, Spans
from swapctl.unknown import Unknown

_SHOWN = 3
_ROW = struct.Struct("=qqqQ")
# FIEMAP_EXTENT_* of <linux/fiemap.h>
_FLAGS = (
    (0x2, "unknown"),
    (0x4, "delayed"),
    (0x8, "encoded"),
    (0x80, "encrypted"),
    (0x100, "not aligned"),
    (0x200, "inline"),
    (0x400, "tail"),
    (0x800, "unwritten"),
    (0x2000, "shared"),
)


class _Piece(NamedTuple):
    """Some bytes with one state before and one after: (physical, flags), None for a hole."""

    offset: int
    length: int
    before: tuple[int, int] | None
    after: tuple[int, int] | None


def _pieces(before: bytes, after: bytes) -> Iterator[_Piece]:
    """Both maps side by side, cut wherever one of them begins or ends a row."""
    sides = (_ROW.iter_unpack(before), _ROW.iter_unpack(after))
    rows = [next(side, None) for side in sides]
    position = 0
    while rows[0] is not None or rows[1] is not None:
        position = max(position, min(row[0] for row in rows if row is not None))
        end = min(
            row[0] if row[0] > position else row[0] + row[2] for row in rows if row is not None
        )
        states: list[tuple[int, int] | None] = []
        for row in rows:
            if row is None or row[0] > position:
                states.append(None)
            else:
                offset, physical, _, flags = row
                states.append((physical + position - offset if physical >= 0 else -1, flags))
        yield _Piece(position, end - position, states[0], states[1])
        position = end
        for index, side in enumerate(sides):
            row = rows[index]
            if row is not None and row[0] + row[2] <= position:
                rows[index] = next(side, None)


def _fate(piece: _Piece) -> Became | None:
    before, after = piece.before, piece.after
    if before == after:
        return None
    if before is None or (after is not None and before[0] < 0 <= after[0]):
        return "appeared"
    if after is None or after[0] < 0 <= before[0]:
        return "vanished"
    return "moved" if before[0] != after[0] else "changed flags"


def _shown(state: tuple[int, int] | None) -> tuple[int | None, tuple[str, ...]]:
    if state is None:
        return None, ()
    physical, flags = state
    names = tuple(name for bit, name in _FLAGS if flags & bit)
    return physical if physical >= 0 else None, names


def map_changes(before: FileMap, after: FileMap) -> tuple[MapChange, ...]:
    """What became of a file's map, one for each fate, the first met first."""
    if before.rows == after.rows:
        return ()
    found: dict[Became, MapChange] = {}
    ends: dict[Became, int] = {}
    for piece in _pieces(before.rows, after.rows):
        fate = _fate(piece)
        if fate is None:
            continue
        known = found.get(fate)
        if known is None:
            known = MapChange(fate, Spans(0, 0, ()), _shown(piece.before), _shown(piece.after))
        joined = ends.get(fate) == piece.offset
        found[fate] = known._replace(parts=_with(known.parts, piece, joined))
        ends[fate] = piece.offset + piece.length
    return tuple(found.values())


def _with(spans: Spans, piece: _Piece, joined: bool) -> Spans:
    pieces, first = spans.pieces, spans.first
    if joined:
        if pieces <= _SHOWN:
            last = first[-1]
            first = (*first[:-1], Span(last.offset, last.length + piece.length))
    else:
        pieces += 1
        if pieces <= _SHOWN:
            first = (*first, Span(piece.offset, piece.length))
    return Spans(pieces, spans.bytes + piece.length, first)


def _growth(before: Counter, after: Counter) -> Growth:
    by: int | Unknown
    if isinstance(before.value, Unknown):
        by = before.value
    elif isinstance(after.value, Unknown):
        by = after.value
    else:
        by = after.value - before.value
    return Growth(after.name, after.kind, by, after.source)


def _file_changes(before: State, after: State) -> tuple[FileChange, ...]:
    if not before.maps or not after.maps:
        return ()
    found = []
    for file, old, new in zip(after.filesystem.files, before.maps, after.maps, strict=True):
        if isinstance(old, Unknown):
            found.append(FileChange(file, old))
        elif isinstance(new, Unknown):
            found.append(FileChange(file, new))
        else:
            found.append(FileChange(file, map_changes(old, new)))
    return tuple(found)


def changes(before: Observation, after: Observation) -> tuple[Change, ...]:
    """One for every filesystem that is watched, in the order of Witness.filesystems."""
    found = []
    for old, new in zip(before.states, after.states, strict=True):
        growth = tuple(_growth(*pair) for pair in zip(old.counters, new.counters, strict=True))
        trace = _trace(new.filesystem, after.trace)
        found.append(Change(new.filesystem, growth, _file_changes(old, new), trace))
    return tuple(found)


def _trace(filesystem: Filesystem, trace: Trace | Unknown) -> Trace | Unknown:
    if isinstance(trace, Unknown):
        return trace
    if not filesystem.traced:
        return Unknown("trace events", f"those of {filesystem.fstype} are not known")
    return trace._replace(events=tuple(e for e in trace.events if e.device == filesystem.device))


def grown(change: Change, kind: Kind) -> int | Unknown:
    """The sum over the counters of that kind; Unknown if one of them is, or if there is none of
    what the filesystem does have, else 0."""
    transactions = change.filesystem.transactions
    if kind == "transaction" and isinstance(transactions, Unknown):
        return transactions
    total = 0
    for one in change.growth:
        if one.kind == kind:
            if isinstance(one.by, Unknown):
                return one.by
            total += one.by
    return total
