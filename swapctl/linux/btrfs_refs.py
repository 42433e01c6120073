"""Who uses a file's data, as the extent tree of btrfs has it: <linux/btrfs_tree.h>."""

import errno
import os
import struct

from swapctl.linux.btrfs import FS_INFO_SIZE, Item, fs_info_buffer, search

BTRFS_EXTENT_TREE_OBJECTID = 2
BTRFS_EXTENT_DATA_KEY = 108
BTRFS_EXTENT_ITEM_KEY = 168
BTRFS_EXTENT_DATA_REF_KEY = 178
BTRFS_FS_INFO_FLAG_GENERATION = 1 << 1

_MAX = 2**64 - 1
_SUPER_AT, _SUPER_SIZE = 65536, 4096
_SUPER = struct.Struct("<64x8sQ")  # magic, generation
_MAGIC = b"_BHRfS_M"
_INFO = struct.Struct("=48xQQ")  # flags, generation of struct btrfs_ioctl_fs_info_args
_FILE_EXTENT = struct.Struct("<20xBQ")  # type, disk_bytenr of one that is not inline
_INLINE = 0
# struct btrfs_extent_item (refs) and one inline reference: type, root, inode, offset, count
_ONE_USER = struct.Struct("<Q16xBQQQI")


def running_generation(fd: int) -> int:
    """The transaction that is open, or the last one. Raises OSError as `btrfs.fs_info`."""
    buffer = bytearray(FS_INFO_SIZE)
    _INFO.pack_into(buffer, 0, BTRFS_FS_INFO_FLAG_GENERATION, 0)
    fs_info_buffer(fd, buffer)
    flags, generation = _INFO.unpack_from(buffer)
    if not flags & BTRFS_FS_INFO_FLAG_GENERATION:
        raise OSError(errno.EOPNOTSUPP, "this kernel does not tell the generation")
    return int(generation)


def committed_generation(device: str) -> int:
    """The last transaction on the disk, from the super block. Raises OSError."""
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        magic, generation = _SUPER.unpack_from(os.pread(fd, _SUPER_SIZE, _SUPER_AT))
    except struct.error:
        raise OSError(errno.EUCLEAN, "no btrfs super block", device) from None
    finally:
        os.close(fd)
    if magic != _MAGIC:
        raise OSError(errno.EUCLEAN, "no btrfs super block", device)
    return int(generation)


def addresses(fd: int, ino: int) -> list[int]:
    """Where the file's data extents begin, by logical address. Raises OSError as `search`."""
    found = set()
    for item in search(fd, 0, (ino, BTRFS_EXTENT_DATA_KEY, 0), (ino, BTRFS_EXTENT_DATA_KEY, _MAX)):
        if len(item.data) >= _FILE_EXTENT.size:
            kind, address = _FILE_EXTENT.unpack_from(item.data)
            if kind != _INLINE and address:
                found.add(int(address))
    return sorted(found)


def sole_user(data: bytes, ino: int) -> bool:
    """Whether an extent item names the inode alone, in the one form that older kernels take."""
    if len(data) != _ONE_USER.size:
        return False
    refs, kind, _, inode, _, count = _ONE_USER.unpack(data)
    return (kind, inode, count) == (BTRFS_EXTENT_DATA_REF_KEY, ino, refs)


def extent_item(fd: int, address: int) -> Item | None:
    """The item of a data extent, as it stands in the open transaction. Raises OSError."""
    first = (address, BTRFS_EXTENT_ITEM_KEY, 0)
    for item in search(fd, BTRFS_EXTENT_TREE_OBJECTID, first, (*first[:2], _MAX)):
        return item
    return None


def used_before(fd: int, ino: int, device: str) -> bool:
    """Whether the last committed extent tree names other users of the file's data, or may do so.

    What is searched is the open transaction; it is the committed tree where the item's block has
    not been touched since. Raises OSError as `search` and `committed_generation`.
    """
    running = running_generation(fd)
    committed: int | None = None
    for address in addresses(fd, ino):
        item = extent_item(fd, address)
        if item is None or not sole_user(item.data, ino):
            return True
        if item.transid >= running:
            if committed is None:
                committed = committed_generation(device)
            if item.transid > committed:
                return True
    return False
