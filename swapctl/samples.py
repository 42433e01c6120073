"""What `monitor` measures, and what two measurements say about the time between them.

Pure. Sizes are bytes, counters count since boot, None is "not known".
"""

from collections.abc import Sequence
from typing import NamedTuple

from swapctl.facts import SwapArea


class Holder(NamedTuple):
    """A process and what of its private memory is in swap."""

    pid: int
    name: str
    swap: int


class Memory(NamedTuple):
    """The machine's memory and swap."""

    total: int
    available: int
    swap_total: int
    swap_used: int


class Stall(NamedTuple):
    """Pressure stall information of memory: percent of the last 10 s, microseconds since boot."""

    some_avg10: float | None
    some_total_us: int | None
    full_avg10: float | None
    full_total_us: int | None


class Sample(NamedTuple):
    """One measurement. `clock` is seconds since the epoch, `moment` is on a clock that never steps.

    `bytes_in` and `bytes_out` are what was read from and written to swap.
    """

    clock: float
    moment: float
    areas: tuple[SwapArea, ...]
    bytes_in: int | None
    bytes_out: int | None
    major_faults: int | None
    memory: Memory | None
    stall: Stall | None


class Delta(NamedTuple):
    """From one sample to the next, all per second but `changes`: by how many bytes the use of each
    area of the later sample grew, None for an area that is new."""

    bytes_in: float | None
    bytes_out: float | None
    major_faults: float | None
    changes: tuple[int | None, ...]
    full_in: float | None


class Reading(NamedTuple):
    """A sample with what has changed since the last, and the processes that hold most swap."""

    sample: Sample
    delta: Delta
    holders: tuple[Holder, ...]


class Event(NamedTuple):
    """An area that appeared or went, when it was noticed (seconds since the epoch)."""

    clock: float
    added: bool
    area: SwapArea


Identity = tuple[str, str, int]


def identity(area: SwapArea) -> Identity:
    """What stays the same while an area is active, as far as /proc/swaps tells."""
    return (area.path, area.kind, area.size)


def missing(areas: Sequence[SwapArea], among: Sequence[SwapArea]) -> list[SwapArea]:
    """The areas that `among` does not have; two that look the same need two there."""
    left = [identity(area) for area in among]
    result = []
    for area in areas:
        if identity(area) in left:
            left.remove(identity(area))
        else:
            result.append(area)
    return result


def events(clock: float, before: Sequence[SwapArea], now: Sequence[SwapArea]) -> list[Event]:
    """The areas that went, then those that appeared."""
    return [
        *(Event(clock, False, area) for area in missing(before, now)),
        *(Event(clock, True, area) for area in missing(now, before)),
    ]


def rate(before: int | None, now: int | None, seconds: float) -> float | None:
    """The growth of a counter per second; None when it is unknown, went back or no time passed."""
    if before is None or now is None or seconds <= 0 or now < before:
        return None
    return (now - before) / seconds


def _changes(before: Sequence[SwapArea], now: Sequence[SwapArea]) -> tuple[int | None, ...]:
    used: dict[Identity, list[int]] = {}
    for area in before:
        used.setdefault(identity(area), []).append(area.used)
    found = []
    for area in now:
        earlier = used.get(identity(area))
        found.append(area.used - earlier.pop(0) if earlier else None)
    return tuple(found)


def _full_in(
    areas: Sequence[SwapArea], changes: Sequence[int | None], seconds: float
) -> float | None:
    """Seconds until all areas are full at this rate; None when their use does not grow.

    An area that is new or gone says nothing about the rate.
    """
    growth = sum(change for change in changes if change is not None)
    if growth <= 0 or seconds <= 0:
        return None
    return sum(area.size - area.used for area in areas) * seconds / growth


def delta(before: Sample | None, now: Sample) -> Delta:
    """What happened between two samples; after the first one nothing is known."""
    if before is None:
        return Delta(None, None, None, (None,) * len(now.areas), None)
    seconds = now.moment - before.moment
    changes = _changes(before.areas, now.areas)
    return Delta(
        bytes_in=rate(before.bytes_in, now.bytes_in, seconds),
        bytes_out=rate(before.bytes_out, now.bytes_out, seconds),
        major_faults=rate(before.major_faults, now.major_faults, seconds),
        changes=changes,
        full_in=_full_in(now.areas, changes, seconds),
    )
