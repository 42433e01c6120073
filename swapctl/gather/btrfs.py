"""btrfs: what it says of a file beyond the extent map, and where its chunks lie."""

import os

from swapctl.facts import BtrfsPlacement, BtrfsState, File
from swapctl.filesystems import BTRFS_LOOKS_BACK
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import btrfs, btrfs_map, btrfs_refs, config, fiemap, names

_SUBVOLUME_TOP = 256  # BTRFS_FIRST_FREE_OBJECTID


def _subvolume_read_only(resolved: str, file: File) -> bool:
    """A subvolume's top directory is inode 256; the ioctl wants that one."""
    directory = resolved
    while directory not in ("", "/"):
        directory = os.path.dirname(directory)
        status = os.stat(directory)
        if status.st_ino == _SUBVOLUME_TOP and device_number(status.st_dev) == file.device:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                return bool(btrfs.subvolume_flags(fd) & btrfs.BTRFS_SUBVOL_RDONLY)
            finally:
                os.close(fd)
    raise OSError(None, "the top of the subvolume is not on the path")


def state(reader: int, resolved: str, file: File, page_size: int, source: str | None) -> BtrfsState:
    """What btrfs says beyond the extent map; `source` is the device that the mount names."""
    info = btrfs.fs_info(reader)

    def place() -> BtrfsPlacement:
        chunks = btrfs.chunks(reader)
        return btrfs_map.place(fiemap.extents(reader, file.size), chunks, file.size, page_size)

    return BtrfsState(
        fsid=info.fsid,
        sector_size=info.sectorsize,
        devices=info.num_devices,
        subvolume_read_only=attempt(
            "subvolume flags", lambda: _subvolume_read_only(resolved, file)
        ),
        exclusive_operation=attempt(
            "exclusive operation", lambda: btrfs.exclusive_operation(info.fsid)
        ),
        inode_flags=attempt(
            "inode item",
            lambda: names.decode(btrfs.INODE_FLAGS, btrfs.inode_flags(reader, file.inode)),
        ),
        placement=attempt("chunk tree", place),
        used_before=attempt(
            "extent tree", lambda: btrfs_refs.used_before(reader, file.inode, source or "")
        )
        if config.version(os.uname().release) <= BTRFS_LOOKS_BACK
        else None,
    )
