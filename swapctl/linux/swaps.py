"""The active swap areas: /proc/swaps (proc_swaps(5); swap_show() in the kernel's mm/swapfile.c)."""

import os
import stat
from collections.abc import Callable

from swapctl.facts import SwapArea, Unknown
from swapctl.linux.files import read_text, under
from swapctl.linux.mounts import unescape

_DELETED = " (deleted)"
_KIB = 1024


def _parse_line(line: str) -> SwapArea | None:
    # Blanks and tabs only: the path may contain other characters that str.split() divides at.
    fields = [field for field in line.replace("\t", " ").split(" ") if field]
    try:
        name, kind, size, used, priority = fields
        area = SwapArea(
            path=unescape(name),
            kind=kind,
            size=int(size) * _KIB,
            used=int(used) * _KIB,
            priority=int(priority),
            deleted=False,
            device=None,
            inode=None,
        )
    except ValueError:
        return None
    if area.path.endswith(_DELETED):
        return area._replace(path=area.path.removesuffix(_DELETED), deleted=True)
    return area


def parse_swaps(text: str) -> list[SwapArea]:
    """The areas in the kernel's order; device and inode are left None.

    Lines that do not have the documented form, the heading among them, are skipped. A file whose
    own name ends in " (deleted)" looks like a deleted one here; `read` tells them apart.
    """
    parsed = (_parse_line(line) for line in text.split("\n"))
    return [area for area in parsed if area is not None]


def _nothing(_: str) -> None:
    return None


def _resolve(area: SwapArea, root: str, untouchable: Callable[[str], str | None]) -> SwapArea:
    path = area.path + _DELETED if area.deleted else area.path
    device = untouchable(area.path)
    if device is not None:
        unread = Unknown("inode of the area", "its server was not asked")
        return area._replace(device=device, inode=unread)
    try:
        status = os.stat(under(root, path))
    except OSError:
        return area
    if stat.S_ISBLK(status.st_mode):
        number, inode = status.st_rdev, None
    else:
        number, inode = status.st_dev, status.st_ino
    device = f"{os.major(number)}:{os.minor(number)}"
    return area._replace(path=path, deleted=False, device=device, inode=inode)


def read(root: str = "/", untouchable: Callable[[str], str | None] = _nothing) -> list[SwapArea]:
    """The active areas, with device and inode of what each path leads to at this moment.

    They stay None where nothing is found, and for a deleted file, whose old path may by now lead
    to another. `untouchable` gives the device number of the filesystem for a path that is not to be
    looked at. Raises OSError of open(2) and read(2): ENOENT on a kernel without swap.
    """
    listed = parse_swaps(read_text(under(root, "proc/swaps")))
    return [_resolve(area, root, untouchable) for area in listed]
