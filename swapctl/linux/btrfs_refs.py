"""Who uses a file's data, as the extent tree of btrfs has it: <linux/btrfs_tree.h>."""

import errno
import os
import struct

from swapctl.linux.btrfs import Item, search
from swapctl.unknown import Unknown

BTRFS_EXTENT_TREE_OBJECTID = 2
BTRFS_EXTENT_DATA_KEY = 108
BTRFS_EXTENT_ITEM_KEY = 168
BTRFS_EXTENT_DATA_REF_KEY = 178

NOT_COMMITTED = Unknown(
    "committed extent tree", "sync the filesystem (btrfs filesystem sync) first"
)

_MAX = 2**64 - 1
_SUPER_AT, _SUPER_SIZE = 65536, 4096
_SUPER = struct.Struct("<64x8sQ")  # magic, generation
_MAGIC = b"_BHRfS_M"
_FILE_EXTENT = struct.Struct("<20xBQ")  # type, disk_bytenr of one that is not inline
_INLINE = 0
# struct btrfs_extent_item (refs) and one inline reference: type, root, inode, offset, count
_BORN = struct.Struct("<8xQ")  # generation of struct btrfs_extent_item
_ONE_USER = struct.Struct("<Q16xBQQQI")


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


def _used_before(item: Item, ino: int, committed: int) -> bool | Unknown:
    """What the committed tree says of one extent. What is read is the open transaction; it is the
    committed tree where the item's block has not been touched since."""
    if item.transid <= committed:
        return not sole_user(item.data, ino)
    # Data that is newer than the committed tree is not in it.
    (born,) = _BORN.unpack_from(item.data)
    return NOT_COMMITTED if born <= committed else False


def used_before(fd: int, ino: int, device: str) -> bool | Unknown:
    """Whether the last committed extent tree names other users of the file's data; Unknown where it
    has changed since then. Raises OSError as `search` and `committed_generation`."""
    committed = committed_generation(device)
    found: bool | Unknown = False
    for address in addresses(fd, ino):
        item = extent_item(fd, address)
        # What is not even in the open transaction has only been made.
        said = _used_before(item, ino, committed) if item else False
        if said is True:
            return True
        found = found or said
    return found
