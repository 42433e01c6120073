"""The active areas: what their paths lead to, and whether that is still the area itself.

The kernel prints an area's path at the moment of asking and follows renamed directories. The path
still leads elsewhere where another filesystem was mounted over it, where its own was unmounted
lazily, or seen from another mount namespace. /proc/swaps does not tell the inode; see `_is_area`.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from typing import NamedTuple

from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import File, Host, Snapshot, SwapArea, Unknown
from swapctl.gather import snapshots
from swapctl.gather.machine import areas as active_areas
from swapctl.gather.machine import host
from swapctl.gather.patience import Patience
from swapctl.gather.reading import device_number
from swapctl.linux import meminfo
from swapctl.linux.files import read_text, under
from swapctl.status import Seen, Zram, Zswap


class Selection(NamedTuple):
    """The areas asked for, and the paths that are no areas."""

    host: Host
    areas: tuple[SwapArea, ...]
    inactive: tuple[str, ...]


def select(paths: Iterable[str], patience: Patience) -> Selection:
    """The areas that the paths lead to, by inode or device; without paths all of them.

    A path is compared as text first: that of a stale area leads nowhere, and that of one on a
    server need not be asked for. Raises SwapctlError where it cannot be told, since a server does
    not answer.
    """
    everything = active_areas()
    if isinstance(everything, Unknown):
        raise SwapctlError(f"cannot read the {everything.what}: {everything.reason}")
    wanted = tuple(paths)
    found = {path: {path} & {a.path for a in everything} for path in wanted}
    others = [path for path in wanted if not found[path]]
    for path, led_to in zip(others, patience.each(_led_to, others), strict=True):
        if isinstance(led_to, Unknown):
            raise SwapctlError(led_to.reason, code=ExitCode.UNDECIDED, path=path)
        found[path] = led_to
    chosen = set[str]().union(*found.values())
    return Selection(
        host(everything),
        tuple(a for a in everything if a.path in chosen) if wanted else everything,
        tuple(path for path in wanted if not found[path]),
    )


def _led_to(path: str, _tick: Callable[[], None]) -> set[str]:
    """The paths of the areas that the path leads to."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return set()
    block = stat.S_ISBLK(status.st_mode)
    device = device_number(status.st_rdev if block else status.st_dev)
    areas = active_areas(on=device)
    inode = None if block else status.st_ino
    known = () if isinstance(areas, Unknown) else areas
    return {a.path for a in known if a.device == device and a.inode == inode}


def look(areas: Iterable[SwapArea], patience: Patience) -> list[Seen]:
    """What each path leads to, and whether that is the area; without areas that are gone by now."""
    listed = tuple(areas)
    paths = dict.fromkeys(area.path for area in listed if not area.deleted)
    found = dict(zip(paths, snapshots(paths, patience), strict=True))
    seen = [
        Seen(area, None, True, "the file is deleted")
        if area.deleted
        else _look(area, found[area.path], patience)
        for area in listed
    ]
    if any(s.stale for s in seen):
        seen = _still_active(seen)
    targets = [_target(s) for s in seen if s.stale is False]
    # Of two areas behind one path one is hidden by a mount, and nothing says which.
    return [
        s._replace(stale=None, note="another active area has the same path")
        if s.stale is False and targets.count(_target(s)) > 1
        else s
        for s in seen
    ]


def _target(seen: Seen) -> object:
    """The file or device that the path of an area leads to."""
    file = seen.snapshot.file if seen.snapshot else None
    if file is None or isinstance(file, Unknown):
        return seen.area.path
    return file.special or (file.device, file.inode)


def _still_active(seen: list[Seen]) -> list[Seen]:
    """An area that was switched off meanwhile is not stale but none."""
    now = active_areas()
    if isinstance(now, Unknown):
        return seen
    names = {(a.path, a.kind, a.size) for a in now}
    return [s for s in seen if (s.area.path, s.area.kind, s.area.size) in names]


def _look(area: SwapArea, found: Snapshot, patience: Patience) -> Seen:
    if isinstance(found.file, Unknown):
        return Seen(area, found, None, None)
    if found.file is None:
        return Seen(area, None, True, f"the path leads nowhere ({found.lookup})")
    if area.kind == "partition":
        note = None if found.file.kind == "block" else "the path leads to no block device"
        stale = True if note else _is_claimed(found)
        return Seen(area, found, stale, note or (_OTHER if stale else None))
    return _look_at_file(area, found, found.file, patience)


_OTHER = "the path leads to something that is not active"


def _is_claimed(found: Snapshot) -> bool | None:
    """Whether the device is not in use; a mount or an md array would also be use."""
    opening = found.opening
    if opening is None or isinstance(opening, Unknown):
        return None
    return opening.errno != "EBUSY"


def _look_at_file(area: SwapArea, found: Snapshot, file: File, patience: Patience) -> Seen:
    if file.kind != "regular":
        return Seen(area, found, True, "the path leads to no file")
    if file.size < area.size + found.host.page_size:
        return Seen(area, found, True, "the path leads to a file that is smaller than the area")
    (active,) = patience.each(_is_area, (area.path,))
    stale = None if active is None or isinstance(active, Unknown) else not active
    return Seen(area, found, stale, _OTHER if stale else None)


def _is_area(path: str, _tick: Callable[[], None]) -> bool | None:
    """Whether the file is an active area, this or another; None when that cannot be told.

    copy_file_range(2) refuses a file that is swapped to with ETXTBSY before it looks at how much
    to copy (generic_copy_file_checks() in the kernel's fs/read_write.c, since 5.3), so that a copy
    of nothing tells, without effect. It needs a file that is open for writing.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    try:
        os.copy_file_range(fd, fd, 0, 0, 0)
    except OSError as error:
        return True if error.errno == errno.ETXTBSY else None
    finally:
        os.close(fd)
    return False


def _line(path: str) -> str | None:
    try:
        return read_text(path).strip()
    except OSError:
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _chosen(text: str | None) -> str | None:
    """The word in brackets, sysfs' way to show a choice; a lone word is the choice too."""
    if text is None:
        return None
    _, bracket, rest = text.partition("[")
    return rest.partition("]")[0] if bracket else text or None


def zswap(page_size: int, root: str = "/") -> Zswap | None:
    """zswap's settings and contents; None where the kernel has none.

    The contents are in /proc/meminfo since 5.19, before that only in debugfs, for root.
    """
    parameters = under(root, "sys/module/zswap/parameters")
    enabled = _line(f"{parameters}/enabled")
    if enabled is None:
        return None
    try:
        memory = meminfo.read(root)
    except OSError:
        memory = {}
    stored, pool = memory.get("Zswapped"), memory.get("Zswap")
    if stored is None:
        debug = under(root, "sys/kernel/debug/zswap")
        pages = _integer(_line(f"{debug}/stored_pages"))
        stored = None if pages is None else pages * page_size
        pool = _integer(_line(f"{debug}/pool_total_size"))
    return Zswap(
        enabled=enabled == "Y",
        compressor=_chosen(_line(f"{parameters}/compressor")),
        zpool=_line(f"{parameters}/zpool"),
        max_pool_percent=_integer(_line(f"{parameters}/max_pool_percent")),
        stored=stored,
        pool=pool,
    )


def zram(name: str, root: str = "/") -> Zram:
    """A zram device (Documentation/admin-guide/blockdev/zram.rst); `name` is the kernel's."""
    device = under(root, f"sys/block/{name}")
    words = (_line(f"{device}/mm_stat") or "").split()[:3]
    original, compressed, memory = map(_integer, (*words, *(None,) * (3 - len(words))))
    return Zram(
        name=name,
        size=_integer(_line(f"{device}/disksize")),
        algorithm=_chosen(_line(f"{device}/comp_algorithm")),
        original=original,
        compressed=compressed,
        memory=memory,
    )
