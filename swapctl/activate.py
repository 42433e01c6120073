"""Activate and deactivate areas: swapon(2), swapoff(2), and reading back what came of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from swapctl.errors import ExitCode, SwapctlError, errno_name
from swapctl.facts import File, SwapArea, Unknown
from swapctl.gather import machine, snapshot
from swapctl.gather.patience import Patience
from swapctl.kernel_log import about_swap
from swapctl.linux import kmsg, libc, meminfo
from swapctl.place import Leaving
from swapctl.rules import Report
from swapctl.rules.catalogue import ALL_RULES
from swapctl.rules.subject import active_area
from swapctl.text import shown
from swapctl.units import format_bytes

_DISCARD = {
    None: 0,
    "once": libc.SWAP_FLAG_DISCARD | libc.SWAP_FLAG_DISCARD_ONCE,
    "pages": libc.SWAP_FLAG_DISCARD | libc.SWAP_FLAG_DISCARD_PAGES,
    "both": libc.SWAP_FLAG_DISCARD,
}
_OOM_SCORE = "/proc/self/oom_score_adj"


def swap_flags(priority: int | None, discard: str | None) -> int:
    """The flags of swapon(2) for a priority of 0 to 32767 and a discard policy."""
    flags = _DISCARD[discard]
    return flags if priority is None else flags | libc.SWAP_FLAG_PREFER | priority


def find_area(path: str, patience: Patience) -> SwapArea | None:
    """The active area that the path leads to, compared by device and inode.

    Raises SwapctlError when that cannot be told, because a server does not answer or the caller may
    not look there.
    """
    seen = snapshot(path, patience)
    if isinstance(seen.file, Unknown):
        raise SwapctlError(seen.file.reason, code=ExitCode.UNDECIDED, path=path)
    if seen.file is None or isinstance(seen.areas, Unknown):
        return None
    return active_area(seen)


def used(area: SwapArea) -> int | None:
    """How many bytes the area still holds; None when it is not active any more."""
    areas = machine.areas()
    known = () if isinstance(areas, Unknown) else areas
    return next((a.used for a in known if a.path == area.path), None)


def _explain(error: OSError, path: str, log: list[str] | None) -> SwapctlError:
    """The errno together with what the kernel logged since the call, decoded."""
    titles = {rule.id: rule.title for rule in ALL_RULES}
    hints = []
    for line, known in about_swap(log or []):
        hints.append(f"kernel: {shown(line)}")
        hints.append(
            f"{titles[known.rule_id]}. More: swapctl explain {known.rule_id}"
            if known.rule_id
            else known.text
        )
    if not hints:
        hints.append(
            "The kernel logged no reason." if log is not None else "The kernel log cannot be read."
        )
    return SwapctlError(
        f"swapon(2) failed: {os.strerror(error.errno or 0)}",
        hint="\n".join(hints),
        path=path,
        errno=errno_name(error.errno),
    )


def _log_since(log: int) -> list[str] | None:
    try:
        return kmsg.lines(log) if log >= 0 else None
    except OSError:
        return None


def activate(report: Report, priority: int | None, discard: str | None) -> SwapArea:
    """swapon(2) on a judged candidate, then read back what the kernel made of it.

    Raises SwapctlError with the decoded kernel log when the kernel refuses, and when the area in
    /proc/swaps is not what was predicted (it is deactivated again).
    """
    path = report.snapshot.path
    try:
        log = kmsg.position()
    except OSError:
        log = -1
    try:
        libc.swapon(os.fsencode(path), swap_flags(priority, discard))
    except OSError as error:
        raise _explain(error, path, _log_since(log)) from None
    finally:
        if log >= 0:
            os.close(log)
    file = report.snapshot.file
    areas = machine.areas(on=file.device if isinstance(file, File) else None)
    # By the inode that was judged: the path may lead to another file by now.
    seen = None if isinstance(areas, Unknown) else report.snapshot._replace(areas=areas)
    area = active_area(seen) if seen else None
    predicted = report.swapon.usable_bytes
    if area is None or (predicted is not None and area.size != predicted):
        with suppress(OSError):
            libc.swapoff(os.fsencode(path))
        got = format_bytes(area.size) if area else "nothing"
        raise SwapctlError(
            f"/proc/swaps shows {got} where {format_bytes(predicted or 0)} was expected",
            hint="It was deactivated again; the file was replaced or changed meanwhile.",
            path=path,
        )
    return area


def leaving(area: SwapArea) -> Leaving:
    """Where the pages of an area can go. Areas in compressed memory do not count as room."""
    areas = machine.areas()
    others = () if isinstance(areas, Unknown) else areas
    free = sum(
        other.size - other.used
        for other in others
        if other.path != area.path and not other.path.startswith("/dev/zram")
    )
    return Leaving(area, meminfo.read()["MemAvailable"], free)


@contextmanager
def _spared_by_oom() -> Iterator[None]:
    """The kernel blames a memory shortage on the task in swapoff(2); ask to be spared."""
    try:
        with open(_OOM_SCORE) as file:
            before = file.read()
        with open(_OOM_SCORE, "w") as file:
            file.write("-1000")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError), open(_OOM_SCORE, "w") as file:
            file.write(before)


def deactivate(path: str) -> None:
    """swapoff(2). Raises SwapctlError; a signal interrupts it, and the area stays active."""
    try:
        with _spared_by_oom():
            libc.swapoff(os.fsencode(path))
    except OSError as error:
        hints = {
            "ENOMEM": "The pages do not fit into memory and the other areas; it is still active.",
            "EINTR": "Interrupted; it is still active.",
            "EINVAL": "It is not an active swap area.",
            "EPERM": "Only root with CAP_SYS_ADMIN may do that.",
        }
        name = errno_name(error.errno)
        raise SwapctlError(
            f"swapoff(2) failed: {os.strerror(error.errno or 0)}",
            hint=hints.get(name, ""),
            path=path,
            errno=name,
        ) from None
