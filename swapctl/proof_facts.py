"""The vocabulary of the witness: what is counted while real pages go through an area.

Immutable records like those of facts.py. Device numbers are text, "7:0"; offsets and sizes are
bytes. Counters only grow; what they say is the difference of two observations (proof_changes.py).
"""

from typing import Literal, NamedTuple

from swapctl.storage_facts import Spans
from swapctl.unknown import Unknown

# What a counter counts: transactions that the filesystem ran, their commits (those that it makes
# on its own too), blocks that it gave out, bytes that are in use.
Kind = Literal["transaction", "commit", "allocation", "used"]

# Who caused an event: the process that swaps (in reclaim or not), kswapd, a worker of a loop
# device, the writer of dirty pages, a thread of the filesystem itself, somebody else.
Role = Literal["ours", "reclaim", "kswapd", "loop", "writeback", "filesystem", "other"]

# What became of a part of a file's map.
Became = Literal["moved", "appeared", "vanished", "changed flags"]


class Filesystem(NamedTuple):
    """A filesystem that is watched. `depth` is 0 for the candidate's own, else that of its layer in
    Snapshot.storage, which has the same `place` and `device` in `name` and `number`. `path` is the
    file in it: the candidate, or what carries it. `transactions` says whether it has any: "counted"
    by a counter, "none" because it keeps no journal or the like, Unknown where nothing counts
    them."""

    place: str
    fstype: str
    device: str
    own: bool
    depth: int
    path: str
    transactions: Literal["counted", "none"] | Unknown


class Counter(NamedTuple):
    """One number of a filesystem, and where it was read."""

    name: str
    kind: Kind
    value: int | Unknown
    source: str


class FileMap(NamedTuple):
    """The extents of a file where the candidate is on it: rows of (offset, physical, length, flags)
    in a packed array, by offset, neighbours joined. `flags` are FIEMAP_EXTENT_* but for those that
    say nothing of the blocks. Physical is -1 in what has no place."""

    extents: int
    rows: bytes
    source: str


class Event(NamedTuple):
    """An event that the kernel traced, by device, task and stack; `count` of how many. `stack` is
    innermost first, as deep as the kernel kept it."""

    device: str
    event: str
    kind: Kind
    pid: int
    comm: str
    role: Role
    stack: tuple[str, ...]
    count: int


class State(NamedTuple):
    """A filesystem at one moment. `map` is None where it was not asked for."""

    filesystem: Filesystem
    counters: tuple[Counter, ...]
    map: FileMap | Unknown | None


class Observation(NamedTuple):
    """All that is watched at one moment, after everything under way was written. `at` is in seconds
    of CLOCK_MONOTONIC, `events` since the witness was opened."""

    at: float
    states: tuple[State, ...]
    events: tuple[Event, ...] | Unknown


class Growth(NamedTuple):
    """By how much a counter grew."""

    name: str
    kind: Kind
    by: int | Unknown
    source: str


class MapChange(NamedTuple):
    """What became of the map: all parts of one fate. The spans are offsets in the file; `before`
    and `after` are the physical address (None: has none) and flags by name of the first one."""

    became: Became
    parts: Spans
    before: tuple[int | None, tuple[str, ...]]
    after: tuple[int | None, tuple[str, ...]]


class Change(NamedTuple):
    """What happened on a filesystem between two observations. `map` is () where it is the same,
    None where it was not asked for."""

    filesystem: Filesystem
    growth: tuple[Growth, ...]
    map: tuple[MapChange, ...] | Unknown | None
    events: tuple[Event, ...] | Unknown
