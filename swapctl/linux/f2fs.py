"""What f2fs says of itself and its files: the superblock, and the ioctl that pins a file.

Sources: struct f2fs_super_block in <linux/f2fs_fs.h>, F2FS_IOC_SET_PIN_FILE in <linux/f2fs.h>.
"""

import errno
import os
import struct
from typing import NamedTuple

from swapctl.linux.files import read_text, under
from swapctl.linux.ioctl import call, iow

F2FS_SUPER_MAGIC = 0xF2F52010
F2FS_FEATURE_BLKZONED = 0x2
MAX_DEVICES = 8

_SUPER_OFFSET = 1024
_SUPER_SIZE = 3072
# magic, versions, log_sectorsize, log_sectors_per_block, log_blocksize, log_blocks_per_seg,
# segs_per_sec
_HEAD = struct.Struct("<IHH5I")
_MAIN_BLKADDR = struct.Struct("<92xI")
# After uuid, names, 64 extensions of 8 bytes, cp_payload and two version texts of 256 bytes.
_FEATURE = struct.Struct("<2180xI")
_DEVICES_OFFSET = 2201
_DEVICE = struct.Struct("<64sI")

_PIN = struct.Struct("=I")
F2FS_IOC_SET_PIN_FILE = iow(0xF5, 13, _PIN.size)


class Superblock(NamedTuple):
    """Sizes and addresses in bytes; `devices` counts those of a filesystem of several, else 1."""

    block: int
    segment: int
    section: int
    main: int
    zoned: bool
    devices: int


def parse(raw: bytes) -> Superblock:
    """The superblock in the first 4096 bytes of the device. Raises OSError(EINVAL) for others."""
    raw = raw[_SUPER_OFFSET:]
    if len(raw) < _SUPER_SIZE:
        raise OSError(errno.EINVAL, "the superblock is cut short")
    magic, _, _, _, _, log_block, log_segment, segments = _HEAD.unpack_from(raw)
    if magic != F2FS_SUPER_MAGIC or log_block > 16 or log_segment > 16 or not segments:
        raise OSError(errno.EINVAL, "there is no f2fs superblock")
    block = 1 << log_block
    (main,) = _MAIN_BLKADDR.unpack_from(raw)
    (feature,) = _FEATURE.unpack_from(raw)
    area = raw[_DEVICES_OFFSET : _DEVICES_OFFSET + MAX_DEVICES * _DEVICE.size]
    named = sum(path[0] != 0 for path, _ in _DEVICE.iter_unpack(area))
    return Superblock(
        block=block,
        segment=block << log_segment,
        section=(block << log_segment) * segments,
        main=main * block,
        zoned=bool(feature & F2FS_FEATURE_BLKZONED),
        devices=max(1, named),
    )


def superblock(path: str) -> Superblock:
    """The superblock on a block device. Raises OSError, EACCES where the caller may not read it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return parse(os.pread(fd, _SUPER_OFFSET + _SUPER_SIZE, 0))
    finally:
        os.close(fd)


def room(name: str, segment: int, root: str = "/") -> int:
    """Bytes in free segments beyond those that the filesystem keeps for itself.

    `name` is the kernel's of the device, "vda1". Raises OSError.
    """
    shown = under(root, f"sys/fs/f2fs/{name}")
    free, kept = (int(read_text(f"{shown}/{file}")) for file in ("free_segments", "ovp_segments"))
    return max(0, free - kept) * segment


def pin(fd: int) -> None:
    """Pin an empty file: its blocks come in whole sections and are not moved.

    Raises OSError: EFBIG when it has blocks, EINVAL in LFS mode, EROFS.
    """
    call(fd, F2FS_IOC_SET_PIN_FILE, bytearray(_PIN.pack(1)), "F2FS_IOC_SET_PIN_FILE")
