"""The block devices that carry a filesystem."""

import os
import stat

from swapctl.facts import Mount
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import inode, sysblock
from swapctl.linux.files import under
from swapctl.unknown import Unknown


def special(path: str) -> str:
    """The number of a block device. Raises OSError, also where the path leads to something else."""
    status = os.stat(path)
    if not stat.S_ISBLK(status.st_mode):
        raise OSError(None, "is no block device", path)
    return device_number(status.st_rdev)


def _btrfs_devices(fd: int) -> tuple[str, ...]:
    # Only here, for other filesystems have no use for it.
    from swapctl.linux import btrfs

    directory = under("/", f"sys/fs/btrfs/{btrfs.fs_info(fd).fsid}/devices")
    return tuple(sysblock.text(f"{directory}/{name}/dev") for name in sysblock.names(directory))


def realtime_source(mount: Mount) -> str | None:
    """The path of the device that XFS has for realtime files."""
    found = (o.removeprefix("rtdev=") for o in mount.super_options if o.startswith("rtdev="))
    return next(found, None)


def _realtime_device(fd: int, mount: Mount) -> tuple[str, ...]:
    """() where the file, or what is made in the directory, is not on it. Raises OSError."""
    if not inode.get_xflags(fd).xflags & (inode.FS_XFLAG_REALTIME | inode.FS_XFLAG_RTINHERIT):
        return ()
    source = realtime_source(mount)
    if source is None:
        raise OSError(None, "the mount names no device for realtime files")
    return (special(source),)


def devices(fd: int, mount: Mount) -> tuple[str, ...] | Unknown:
    """The numbers of the block devices that carry a file, or new files in a directory."""
    if mount.fstype == "xfs":
        found = attempt("realtime device", lambda: _realtime_device(fd, mount))
        if isinstance(found, Unknown) or found:
            return found
    if mount.fstype == "btrfs":
        found = attempt("devices of btrfs", lambda: _btrfs_devices(fd))
        if isinstance(found, Unknown) or found:
            return found
    if not mount.device.startswith("0:"):
        return (mount.device,)
    source = attempt("block device", lambda: special(mount.source))
    if isinstance(source, Unknown):
        reason = f"{mount.fstype} shows no block device of its own"
        return Unknown(f"block device below {mount.path}", reason)
    return (source,)
