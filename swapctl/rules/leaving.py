"""Rules about deactivating an area; `off` stops at them, unless forced."""

from collections.abc import Iterator

from swapctl.place import Leaving
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.units import format_bytes


@rule("memory-short", Severity.UNSAFE, when=lambda _: True)
def memory_short(leaving: Leaving) -> Iterator[Violation]:
    """Memory and the other areas cannot take back what this one holds.

    Deactivating reads every page back. When they do not fit, swapoff(2) fails with ENOMEM after a
    long time, or the kernel starts to kill processes.

    Fix: free memory, add another area first, or insist with --force.

    Source: swapoff(2), ENOMEM; MemAvailable in proc_meminfo(5).
    """
    area = leaving.area
    room = leaving.memory_available + leaving.free_elsewhere
    if area.used > room:
        yield Violation(
            (
                Evidence("in use", area.used, format_bytes(area.used), "/proc/swaps"),
                Evidence(
                    "memory available",
                    leaving.memory_available,
                    format_bytes(leaving.memory_available),
                    "/proc/meminfo",
                ),
                Evidence(
                    "free in other areas",
                    leaving.free_elsewhere,
                    format_bytes(leaving.free_elsewhere),
                    "/proc/swaps",
                ),
            ),
            Fix(
                "Stop what uses the memory, or add an area first:",
                ("swapctl prepare --on --size SIZE",),
            ),
        )
