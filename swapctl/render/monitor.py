"""`monitor` as lines, as frames for a terminal, and as JSON lines."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from swapctl.facts import SwapArea
from swapctl.render.status import NO_AREAS, name_record
from swapctl.render.table import width
from swapctl.samples import Event, Holder, Memory, Reading, Stall
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds

_HOME, _END_OF_LINE, _BELOW = "\033[H", "\033[K", "\033[J"


def _iso(clock: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clock))
    return f"{whole}.{int(clock % 1 * 1000):03d}Z"


def _local(clock: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(clock))


def _bytes(value: float | None, unit: str = "") -> str:
    return "-" if value is None else format_bytes(round(value)) + unit


def _change(value: int | None) -> str:
    return "-" if value is None else f"{'+' if value >= 0 else ''}{format_bytes(value)}"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else format_seconds(value)


def _free(memory: Memory | None) -> int | None:
    return None if memory is None else memory.swap_total - memory.swap_used


class _Field(NamedTuple):
    header: str
    width: int
    get: Callable[[Reading], str]


def _stall(reading: Reading) -> Stall:
    return reading.sample.stall or Stall(None, None, None, None)


def _used(memory: Memory | None) -> int | None:
    return None if memory is None else memory.swap_used


def _available(memory: Memory | None) -> int | None:
    return None if memory is None else memory.available


_FIELDS = (
    _Field("TIME", 8, lambda r: _local(r.sample.clock)),
    _Field("USED", 10, lambda r: _bytes(_used(r.sample.memory))),
    _Field("FREE", 10, lambda r: _bytes(_free(r.sample.memory))),
    _Field("IN/s", 10, lambda r: _bytes(r.delta.bytes_in)),
    _Field("OUT/s", 10, lambda r: _bytes(r.delta.bytes_out)),
    _Field("MAJFLT/s", 8, lambda r: _number(r.delta.major_faults)),
    _Field("AVAILABLE", 10, lambda r: _bytes(_available(r.sample.memory))),
    _Field("SOME%", 6, lambda r: _number(_stall(r).some_avg10, 2)),
    _Field("FULL%", 6, lambda r: _number(_stall(r).full_avg10, 2)),
    _Field("FULL-IN", 7, lambda r: _seconds(r.delta.full_in)),
)


def plain_header() -> str:
    """The heading of the lines."""
    return "  ".join([*(f.header.rjust(f.width) for f in _FIELDS), "AREAS"])


def plain_line(reading: Reading) -> str:
    """A reading in a line; the areas with what they hold and how much that grew."""
    areas = ", ".join(
        f"{shown(area.path)} {format_bytes(area.used)} ({_change(change)})"
        for area, change in zip(reading.sample.areas, reading.delta.changes, strict=True)
    )
    return "  ".join([*(f.get(reading).rjust(f.width) for f in _FIELDS), areas or "none"])


def holders_line(holders: Iterable[Holder]) -> str:
    """The processes that hold most swap, in a line."""
    texts = (f"{shown(h.name)}[{h.pid}] {format_bytes(h.swap)}" for h in holders)
    return f"processes: {', '.join(texts)}"


def event_line(event: Event) -> str:
    """An event in a line."""
    what = "appeared" if event.added else "gone"
    return f"event: area {what} {shown(event.area.path)} {format_bytes(event.area.size)}"


def live_lines(reading: Reading, recent: Iterable[Event]) -> Iterator[str]:
    """What the screen shows: totals, areas, processes, and the last events."""
    from tabulate import tabulate

    sample, delta, stall = reading.sample, reading.delta, _stall(reading)
    memory = sample.memory
    yield (
        f"{_local(sample.clock)}  swap {_bytes(_used(memory))} used, {_bytes(_free(memory))} free"
        f"  full in {_seconds(delta.full_in)}"
    )
    yield (
        f"in {_bytes(delta.bytes_in, '/s')}  out {_bytes(delta.bytes_out, '/s')}"
        f"  major faults {_number(delta.major_faults)}/s"
    )
    yield (
        f"memory available {_bytes(_available(memory))}  pressure in the last 10 s: "
        f"some {_number(stall.some_avg10, 2)}%, full {_number(stall.full_avg10, 2)}%"
    )
    yield ""
    if sample.areas:
        yield from _table(
            tabulate,
            ("NAME", "SIZE", "USED", "CHANGE", "PRIO"),
            (
                (
                    shown(a.path),
                    format_bytes(a.size),
                    format_bytes(a.used),
                    _change(change),
                    str(a.priority),
                )
                for a, change in zip(sample.areas, delta.changes, strict=True)
            ),
        )
    else:
        yield NO_AREAS
    if reading.holders:
        yield ""
        yield from _table(
            tabulate,
            ("PROCESS", "PID", "SWAP"),
            ((shown(h.name), str(h.pid), format_bytes(h.swap)) for h in reading.holders),
        )
    lines = [f"{_local(event.clock)}  {event_line(event)}" for event in recent]
    yield from ["", *lines] if lines else []


def _table(
    tabulate: Callable[..., str], headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> list[str]:
    return tabulate(
        list(rows),
        headers=headers,
        tablefmt="plain",
        colalign=("left", *("right",) * (len(headers) - 1)),
        disable_numparse=True,
    ).split("\n")


def frame(lines: Iterable[str], columns: int, rows: int) -> str:
    """The lines, cut to the screen and drawn over what it shows, without clearing it first.

    The last row stays free for the line feed that ends the output.
    """
    shortened = [_clip(line, columns) for line in lines][: max(1, rows - 1)]
    return _HOME + "\n".join(line + _END_OF_LINE for line in shortened) + _BELOW


def _clip(line: str, columns: int) -> str:
    cut = line[:columns]
    while width(cut) > columns:
        cut = cut[:-1]
    return cut


def _area_record(area: SwapArea) -> dict[str, Any]:
    return {
        **name_record(area.path),
        "type": area.kind,
        "size_bytes": area.size,
        "used_bytes": area.used,
        "priority": area.priority,
    }


def json_line(item: Reading | Event) -> str:
    """A reading or an event as one line of JSON."""
    import json

    content = _event_record(item) if isinstance(item, Event) else _sample_record(item)
    return json.dumps({"schema": 1, **content})


def _event_record(event: Event) -> dict[str, Any]:
    return {
        "time": _iso(event.clock),
        "event": "area-added" if event.added else "area-removed",
        "area": _area_record(event.area),
    }


def _sample_record(reading: Reading) -> dict[str, Any]:
    sample, delta, memory = reading.sample, reading.delta, reading.sample.memory
    return {
        "time": _iso(sample.clock),
        "event": "sample",
        "areas": [
            {**_area_record(area), "change_bytes": change}
            for area, change in zip(sample.areas, delta.changes, strict=True)
        ],
        "in_bytes_per_second": delta.bytes_in,
        "out_bytes_per_second": delta.bytes_out,
        "major_faults_per_second": delta.major_faults,
        "memory": memory and {"total": memory.total, "available": memory.available},
        "swap": memory and {"total": memory.swap_total, "used": memory.swap_used},
        "pressure": None if sample.stall is None else sample.stall._asdict(),
        "full_in_seconds": delta.full_in,
        "processes": [
            {"pid": h.pid, "name": h.name, "swap_bytes": h.swap} for h in reading.holders
        ],
    }
