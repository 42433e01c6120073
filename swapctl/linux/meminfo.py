"""Memory counters: proc_meminfo(5), proc_vmstat(5), Documentation/accounting/psi.rst."""

from collections.abc import Iterable
from typing import NamedTuple

from swapctl.linux.files import read_text, under


class Pressure(NamedTuple):
    """Stall of memory: share of the last 10 s in percent, and total microseconds since boot.

    "some" counts while at least one task waits, "full" while all do. None where the line or the
    key is absent.
    """

    some_avg10: float | None
    some_total_us: int | None
    full_avg10: float | None
    full_total_us: int | None


def parse_meminfo(text: str) -> dict[str, int]:
    """Name to bytes; the few entries without a unit (HugePages_Total) are plain counts."""
    values: dict[str, int] = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            values[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return values


def read(root: str = "/") -> dict[str, int]:
    """`parse_meminfo` of /proc/meminfo. Raises OSError of open(2) and read(2)."""
    return parse_meminfo(read_text(under(root, "proc/meminfo")))


def vmstat_counters(text: str, names: Iterable[str]) -> dict[str, int]:
    """The named counters of /proc/vmstat; those that the kernel does not have are missing.

    Searches instead of parsing all lines, because a monitor does this every second.
    """
    text = "\n" + text
    values: dict[str, int] = {}
    for name in names:
        start = text.find(f"\n{name} ")
        if start < 0:
            continue
        start += len(name) + 2
        end = text.find("\n", start)
        digits = text[start:] if end < 0 else text[start:end]
        if digits.isdecimal():
            values[name] = int(digits)
    return values


def parse_pressure(text: str) -> Pressure:
    """The text of /proc/pressure/memory or of a control group's memory.pressure."""
    values: dict[str, str] = {}
    for line in text.split("\n"):
        kind, *pairs = line.split() or [""]
        for pair in pairs:
            key, _, value = pair.partition("=")
            values[f"{kind} {key}"] = value
    return Pressure(
        _decimal(values.get("some avg10")),
        _integer(values.get("some total")),
        _decimal(values.get("full avg10")),
        _integer(values.get("full total")),
    )


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _decimal(text: str | None) -> float | None:
    return float(text) if text and text.replace(".", "", 1).isdecimal() else None
