"""f2fs: its superblock, and the way of swapon(2) through a file."""

import os

from swapctl.f2fs_facts import F2fsState
from swapctl.facts import Device, Mount, SwapHeader, Unknown
from swapctl.gather.reading import attempt, device_number
from swapctl.gather.storage import counted_pages
from swapctl.linux import f2fs, f2fs_map, fiemap


def superblock(mount: Mount) -> f2fs.Superblock:
    """The superblock of a mounted f2fs.

    Raises OSError, also where the mount's source does not lead to the device that is mounted.
    """
    if device_number(os.stat(mount.source).st_rdev) != mount.device:
        raise OSError(None, f"{mount.source} is not the device {mount.device}")
    return f2fs.superblock(mount.source)


def _room(device: Device | Unknown | None, segment: int) -> int | Unknown:
    if device is None or isinstance(device, Unknown):
        return device or Unknown("free segments", "no device found")
    return attempt("free segments", lambda: f2fs.room(device.name, segment))


def state(
    reader: int,
    mount: Mount,
    device: Device | Unknown | None,
    header: SwapHeader | Unknown | None,
    page_size: int,
) -> F2fsState:
    """What f2fs alone knows; reading the map writes dirty data of the file back first.

    Raises OSError without access to the device that carries the filesystem.
    """
    found = superblock(mount)
    size = os.fstat(reader).st_size
    limit = counted_pages(header, size, page_size) * page_size
    return F2fsState(
        section=found.section,
        zoned=found.zoned,
        devices=found.devices,
        room=_room(device, found.segment),
        walk=attempt(
            "extent map", lambda: f2fs_map.walk(fiemap.rows(reader, size), size, found, limit)
        ),
    )
