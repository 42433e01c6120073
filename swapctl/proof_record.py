"""The vocabulary of a proof: what was measured while real pages went out and came back, and what
follows from it. The witness' part is proof_facts.py.

Immutable records like those of facts.py. Sizes are bytes, times seconds unless the name says more.
"""

from typing import Literal, NamedTuple

from swapctl.facts import SwapArea
from swapctl.proof_facts import Change, Event, FileChange, Filesystem
from swapctl.unknown import Unknown

Order = Literal["sequential", "random"]
Verdict = Literal["proven", "disproved", "inconclusive"]


class Traffic(NamedTuple):
    """Pages of the whole machine (proc_vmstat(5)): written to areas, read from them, and taken by
    zswap instead. A kernel without zswap counts none."""

    written: int
    read: int
    compressed: int


class WrongPage(NamedTuple):
    """A page that came back with something else, and what that looks like."""

    page: int
    found: str


class Round(NamedTuple):
    """Memory filled, pushed out, brought back in some order and compared.

    Of its `pages` after the push: `out` were in the area and not in memory, `elsewhere` in another
    area, `stayed` in memory (also). `used` is what /proc/swaps said of the area then. `back` of
    those that were out came back as they were; `wrong` of all did not. `faults` are the major ones
    of the process; how long they took is in `latencies`: pairs of nanoseconds, exact to 3 %, and a
    count, in ascending order.
    """

    order: Order
    pages: int
    out: int
    elsewhere: int
    stayed: int
    used: int
    back: int
    wrong: int
    first_wrong: tuple[WrongPage, ...]
    faults: int
    latencies: tuple[tuple[int, int], ...]
    push_seconds: float
    fetch_seconds: float
    pushed: Traffic
    fetched: Traffic


class Ended(NamedTuple):
    """Why the rounds ended early. `lost` says that a page could not be read back."""

    lost: bool
    text: str


class Measured(NamedTuple):
    """All that the outcome depends on.

    `size` is what a round was to move. `area` is as it was when the proof began, `activated` says
    that it was for the proof, `kept` that it stays so. `filesystems` and `control` are what the
    witness saw in the interval of the rounds and in one of the same length, `seconds`, without
    them; in the same order. `lacks` are things that it cannot watch. `shelter` is why zswap could
    not be kept out, None where it was or is off. `ended` is why the rounds ended early. `unsafe`
    are the rules that found the area unsafe and were allowed.
    """

    page_size: int
    size: int
    area: SwapArea
    activated: bool
    kept: bool
    rounds: tuple[Round, ...]
    seconds: float
    filesystems: tuple[Change, ...]
    control: tuple[Change, ...]
    lacks: tuple[Unknown, ...]
    shelter: Unknown | None
    ended: Ended | None
    unsafe: tuple[str, ...]


class Count(NamedTuple):
    """How many there were in the rounds and in the control interval, and how many of them are the
    pages to blame for; Unknown where that cannot be told."""

    proof: int | Unknown
    control: int | Unknown
    caused: int | Unknown


class Tally(NamedTuple):
    """What one filesystem did. `files` are the maps, as they changed in the rounds. `first` is the
    first event that the pages caused, where events were traced."""

    filesystem: Filesystem
    transactions: Count
    allocations: Count
    commits: Count
    files: tuple[FileChange, ...]
    first: Event | None


class Reason(NamedTuple):
    """Why the proof failed, or why it says nothing. `place` is the filesystem, "" for the rest."""

    verdict: Verdict
    place: str
    text: str


class Proof(NamedTuple):
    """What follows. Reasons of the verdict come first; a proven one has none."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    tallies: tuple[Tally, ...]
