"""What else on the machine has to do with the candidate, or with swap at all: fstab(5), units of
systemd, other programs that set up swap, Kubernetes, programs that make snapshots."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from swapctl.errors import SwapctlError
from swapctl.facts import File, Mount, Snapshot, Unknown
from swapctl.gather.managers import managers
from swapctl.gather.reading import attempt, small_file
from swapctl.linux.files import under
from swapctl.setup_facts import (
    FSTAB,
    FstabLine,
    Kubelet,
    Leftover,
    Manager,
    Setup,
    SnapshotTool,
    SwapUnit,
)
from swapctl.systemd.fstab import Line, is_of_cloud_init, swap_lines

T = TypeVar("T")

UNITS = "/etc/systemd/system"
_GENERATED = ("/run/systemd/generator/", "/run/systemd/generator.late/")
_BEFORE_FSTAB = (f"{UNITS}/", "/run/systemd/system/", "/run/systemd/generator.early/")
_HEADER_BYTES = 65536


def _settings(text: str) -> dict[str, str]:
    """The settings of a unit file; sections are not told apart, the last one of a name counts."""
    lines = (line.partition("=") for line in text.split("\n") if line[:1] not in ("#", ";", "["))
    return {key.strip(): value.strip() for key, equals, value in lines if equals}


def _plain(value: str) -> str | Unknown:
    """The path of What=, which may have specifiers of systemd."""
    literal = value.replace("%%", "")
    if "%" in literal:
        return Unknown("path of the unit", f"What={value} has specifiers")
    return os.path.normpath(value.replace("%%", "%"))


def _unit(path: str, text: str | None, names: tuple[str, ...]) -> SwapUnit:
    wins = path.startswith(_BEFORE_FSTAB)
    if text is None:
        return SwapUnit(path, None, True, wins, None)
    settings = _settings(text)
    what = settings.get("What", "")
    # Without What= the name of the unit tells.
    plain = _plain(what) if what else names[0]
    fits = plain if isinstance(plain, Unknown) else plain in names
    priority = settings.get("Priority", "")
    return SwapUnit(path, what, fits, wins, int(priority) if priority.isdecimal() else None)


def _units(root: str, names: tuple[str, ...]) -> tuple[SwapUnit, ...]:
    from swapctl.gather.units import units
    from swapctl.systemd.escape import unit_name

    found: dict[str, str | None] = {}
    for name in names:
        try:
            unit = unit_name(name, "swap")
        except SwapctlError:
            continue  # such a path has no unit
        found |= units(root, unit)
    return tuple(
        _unit(path, text, names) for path, text in found.items() if not path.startswith(_GENERATED)
    )


def _leads_to(path: str, page_size: int, root: str) -> str:
    """What a path leads to: "nothing", "no swap area", "" for one or for what cannot be told.

    Raises PermissionError where only root can tell.
    """
    from swapctl.gather import patience
    from swapctl.linux import header

    if not path.startswith("/") or path.startswith("/dev/"):
        return ""
    if patience.on_the_way(path, patience.waiting()) is not None:
        return ""
    try:
        fd = os.open(under(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except PermissionError:
        raise
    except (OSError, ValueError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return "" if header.parse(os.pread(fd, _HEADER_BYTES, 0), page_size) else "no swap area"
    except OSError:
        return ""
    finally:
        os.close(fd)


def _native(root: str) -> Iterator[tuple[str, str]]:
    """The paths of the administrator's units for swap, which no other unit prepares, and theirs."""
    try:
        entries = os.listdir(under(root, UNITS))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(one for one in entries if one.endswith(".swap")):
        # A mask, or what systemd cannot read either, activates nothing.
        with suppress(OSError):
            settings = _settings(small_file(under(root, f"{UNITS}/{entry}")) or "")
            plain = _plain(settings.get("What", ""))
            if isinstance(plain, str) and "Requires" not in settings:
                yield f"{UNITS}/{entry}", plain


def _leftovers(
    lines: tuple[Line, ...], names: tuple[str, ...], page_size: int, root: str
) -> tuple[Leftover, ...]:
    listed = [(f"{FSTAB}, line {n}", what) for n, what, options in lines if "noauto" not in options]
    found = []
    for where, what in (*listed, *_native(root)):
        leads_to = "" if what in names else _leads_to(what, page_size, root)
        if leads_to:
            found.append(Leftover(where, what, leads_to))
    return tuple(found)


def _cloud_init(lines: tuple[Line, ...], names: tuple[str, ...]) -> tuple[Manager, ...]:
    return tuple(
        Manager("cloud-init", f"{FSTAB}, line {number}", ("file",), what, what in names)
        for number, what, options in lines
        if is_of_cloud_init(options)
    )


def _gpt_swaps(lines: tuple[Line, ...], root: str) -> tuple[str, ...]:
    if not lines:
        return ()
    from swapctl.gather import gpt

    return gpt.unnamed_swaps({line.what for line in lines}, root)


def _kubelet(root: str) -> Kubelet | None:
    if not os.path.lexists(under(root, "var/lib/kubelet")):
        return None
    from swapctl.gather import kubelet

    return kubelet.kubelet(root)


def _snapshot_tools(seen: Snapshot, file: File, root: str) -> tuple[SnapshotTool, ...]:
    if not isinstance(seen.mount, Mount) or seen.mount.fstype != "btrfs":
        return ()
    from swapctl.gather import snapshot_tools

    return snapshot_tools.tools(file.device, root)


def look(seen: Snapshot, root: str = "/") -> Setup | None:
    """All of it, below a root; None where there is no candidate, or one without a name."""
    file = seen.file
    if file is None or isinstance(file, Unknown) or file.unlinked:
        return None
    names = tuple(dict.fromkeys((os.path.abspath(seen.path), seen.resolved)))
    lines = attempt("fstab(5)", lambda: tuple(swap_lines(small_file(under(root, FSTAB)) or "")))

    def with_fstab(what: str, read: Callable[[tuple[Line, ...]], T]) -> T | Unknown:
        return lines if isinstance(lines, Unknown) else attempt(what, lambda: read(lines))

    return Setup(
        paths=names,
        fstab=with_fstab(
            "fstab(5)",
            lambda known: tuple(FstabLine(n, o) for n, what, o in known if what in names),
        ),
        units=attempt("units of systemd", lambda: _units(root, names)),
        leftovers=with_fstab(
            "other swap areas",
            lambda known: _leftovers(known, names, seen.host.page_size, root),
        ),
        gpt_swaps=with_fstab("partitions for swap", lambda known: _gpt_swaps(known, root)),
        managers=with_fstab(
            "programs that set up swap",
            lambda known: (*managers(root, names), *_cloud_init(known, names)),
        ),
        kubelet=attempt("kubelet's configuration", lambda: _kubelet(root)),
        snapshot_tools=attempt(
            "programs that make snapshots", lambda: _snapshot_tools(seen, file, root)
        ),
    )
