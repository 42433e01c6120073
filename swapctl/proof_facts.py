"""The vocabulary of the witness: what is counted while real pages go through an area.

Immutable records like those of facts.py. Device numbers are text, "7:0"; offsets and sizes are
bytes. What a counter says is the difference of two observations (proof_changes.py).
"""

from typing import Literal, NamedTuple

from swapctl.storage_facts import Spans
from swapctl.unknown import Unknown

# What a counter counts: transactions that the filesystem ran, commits that it also makes for
# itself, extents that it gave out, bytes that are in use.
Kind = Literal["transaction", "commit", "allocation", "used"]

# Who caused an event: somebody who frees memory (the swap-out itself), kswapd, a worker of a loop
# device, the writer of dirty pages, what ends a write, the process that swaps, the witness itself
# in looking, a thread that keeps the filesystem in order, somebody else.
Role = Literal[
    "reclaim",
    "kswapd",
    "loop",
    "writeback",
    "completion",
    "ours",
    "witness",
    "housekeeping",
    "other",
]

# What became of a part of a file's map.
Became = Literal["appeared", "vanished", "moved", "changed flags"]


class WatchedFile(NamedTuple):
    """The candidate, `depth` -1, or a file that carries it, at the depth of its layer in
    Snapshot.storage."""

    path: str
    depth: int


class Filesystem(NamedTuple):
    """A filesystem (or a device that gives out blocks) that is watched: that of the candidate
    (`own`), or one below it. `transactions` says whether a counter counts them, or that there are
    none because the filesystem keeps no journal and the like; Unknown where nothing counts them.
    `traced` says that its events are known here."""

    place: str
    fstype: str
    device: str
    own: bool
    files: tuple[WatchedFile, ...]
    transactions: Literal["counted", "none"] | Unknown
    traced: bool = False


class Counter(NamedTuple):
    """One number of a filesystem, and where it was read."""

    name: str
    kind: Kind
    value: int | Unknown
    source: str


class FileMap(NamedTuple):
    """The extents of a file where the candidate is on it, as rows of struct format "=qqqQ": offset,
    physical address (-1 for none), length, FIEMAP_EXTENT_* flags; by offset, neighbours joined."""

    rows: bytes
    source: str


class Event(NamedTuple):
    """An event that the kernel traced, so many `times` by the same task on the same way. `device`
    is the number of the filesystem. `stack` are names of functions, the innermost first."""

    device: str
    event: str
    kind: Kind
    pid: int
    comm: str
    role: Role
    stack: tuple[str, ...]
    times: int


class Trace(NamedTuple):
    """The events since the observation before, the first seen first. `lost` says how many did not
    fit the buffer: the counts are that much too low. `complete` are the types of filesystems and
    the kinds of events of which the kernel shows every one."""

    events: tuple[Event, ...]
    lost: int
    complete: frozenset[tuple[str, Kind]] = frozenset()


class State(NamedTuple):
    """A filesystem at one moment; `maps` are of its files, () where they were not asked for."""

    filesystem: Filesystem
    counters: tuple[Counter, ...]
    maps: tuple[FileMap | Unknown, ...]


class Observation(NamedTuple):
    """All that is watched, at one moment in seconds of CLOCK_MONOTONIC; the events until then."""

    at: float
    states: tuple[State, ...]
    trace: Trace | Unknown


class Growth(NamedTuple):
    """By how much a counter grew."""

    name: str
    kind: Kind
    by: int | Unknown
    source: str


class MapChange(NamedTuple):
    """All parts of a file's map that had the same fate, offsets in the file. `before` and `after`
    are of the first one: its physical address (None where it has none), its flags by name."""

    became: Became
    parts: Spans
    before: tuple[int | None, tuple[str, ...]]
    after: tuple[int | None, tuple[str, ...]]


class FileChange(NamedTuple):
    """What became of a file's map: () where it is the same."""

    file: WatchedFile
    map: tuple[MapChange, ...] | Unknown


class Change(NamedTuple):
    """What happened on a filesystem between two observations; `files` is () without maps."""

    filesystem: Filesystem
    growth: tuple[Growth, ...]
    files: tuple[FileChange, ...]
    trace: Trace | Unknown
