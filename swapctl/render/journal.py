"""`status` as entries of systemd's journal, see systemd.journal-fields(7). Pure.

What is not known is left out. swapctl-monitor.service(8) describes the entries, and
packaging/systemd/swapctl.catalog explains them to journalctl(1).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from swapctl.render.status import COLUMNS
from swapctl.render.table import record
from swapctl.rules.engine import Finding, Outcome, Severity
from swapctl.samples import Sample, Stall
from swapctl.status import AreaStatus
from swapctl.text import shown
from swapctl.units import format_bytes

# The levels of syslog(3).
WARNING, NOTICE, INFO = 4, 5, 6
# With less free, of all areas together, the next burst has nowhere to go.
NEARLY_FULL = 0.9

Entry = Mapping[str, str]


class Judged(NamedTuple):
    """An active area, and what the rules say of it; None where its path leads elsewhere."""

    area: AreaStatus
    outcome: Outcome | None


# What an entry tells, and the MESSAGE_ID by which it is found; published ones never change.
MESSAGE_IDS = {
    "machine": "c7e35716d1cc49fe98c3d64b9cb1832f",
    "area": "a5b31b6aac99459d8bcc88dab6fbe925",
    "finding": "9837c66a6e7d426aa81c028e61118183",
    "stale": "c94acc36aeef44869d2dc34fdc5a3fe1",
    "full": "2958c9861cff4718a1810d3efd80e5f0",
    "inactive": "8f79d65587e443fa8cc7d958d13d8485",
}
_LEVELS = {Severity.REFUSED: WARNING, Severity.UNSAFE: WARNING, Severity.WARNING: NOTICE}


def _entry(kind: str, level: int, message: str, fields: Mapping[str, object]) -> Entry:
    return {
        "MESSAGE": message,
        "MESSAGE_ID": MESSAGE_IDS[kind],
        "PRIORITY": str(level),
        "SYSLOG_IDENTIFIER": "swapctl",
        **{f"SWAPCTL_{name}": str(value) for name, value in fields.items() if value is not None},
    }


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}%"


def _machine(sample: Sample) -> Entry:
    size, used = (sum(a.size for a in sample.areas), sum(a.used for a in sample.areas))
    stall = sample.stall or Stall(None, None, None, None)
    message = (
        f"{format_bytes(used)} of {format_bytes(size)} of swap used, areas: {len(sample.areas)}; "
        f"memory pressure in the last 10 s: some {_percent(stall.some_avg10)}, "
        f"full {_percent(stall.full_avg10)}"
    )
    fields = {
        "AREAS": len(sample.areas),
        "SIZE_BYTES": size,
        "USED_BYTES": used,
        "IN_BYTES": sample.bytes_in,
        "OUT_BYTES": sample.bytes_out,
        "MAJOR_FAULTS": sample.major_faults,
        "MEMORY_TOTAL_BYTES": sample.memory and sample.memory.total,
        "MEMORY_AVAILABLE_BYTES": sample.memory and sample.memory.available,
        **{f"PRESSURE_{name.upper()}": value for name, value in stall._asdict().items()},
    }
    return _entry("machine", INFO, message, fields)


def _full(sample: Sample) -> Iterator[Entry]:
    size, used = (sum(a.size for a in sample.areas), sum(a.used for a in sample.areas))
    if used > size * NEARLY_FULL:
        message = f"swap is nearly full: {format_bytes(size - used)} of {format_bytes(size)} free"
        yield _entry("full", WARNING, message, {"SIZE_BYTES": size, "USED_BYTES": used})


def _area(area: AreaStatus) -> Entry:
    """All columns of the table but `stale`, which the verdict tells too."""
    values = {k.upper(): v for k, v in record(COLUMNS, area).items() if k not in ("name", "stale")}
    message = (
        f"{shown(area.name)}: {format_bytes(area.used)} of {format_bytes(area.size)} used, "
        f"priority {area.priority}, {area.verdict}"
    )
    return _entry("area", INFO, message, {"PATH": area.name, **values})


def _finding(area: AreaStatus, found: Finding) -> Entry:
    seen, fix = found.violation.evidence, found.violation.fix
    message = f"{shown(area.name)}: {found.severity} {found.rule_id}: {found.title}"
    fields = {
        "PATH": area.name,
        "RULE": found.rule_id,
        "SEVERITY": found.severity,
        "SEEN": "\n".join(f"{one.name}: {one.text}" for one in seen),
        "FIX": "\n".join((fix.text, *fix.commands)),
    }
    return _entry("finding", _LEVELS[found.severity], message, fields)


def entries(areas: Iterable[Judged], sample: Sample) -> Iterator[Entry]:
    """The machine, then each area with what is wrong with it."""
    yield _machine(sample)
    yield from _full(sample)
    for area, outcome in areas:
        yield _area(area)
        if area.stale:
            message = f"{shown(area.name)}: an active area that its path does not lead to"
            yield _entry("stale", WARNING, message, {"PATH": area.name, "NOTE": area.note})
        for found in outcome.findings if outcome else ():
            if found.severity in _LEVELS:
                yield _finding(area, found)


def inactive_entry(path: str) -> Entry:
    """A file that swapctl enable has activated at every boot, and that is not active."""
    return _entry("inactive", WARNING, f"{shown(path)}: enabled, but not active", {"PATH": path})
