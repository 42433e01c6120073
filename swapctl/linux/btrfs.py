"""btrfs ioctls: <linux/btrfs.h>, with the items of its trees from <linux/btrfs_tree.h>.

Items of the trees are little-endian; the ioctl structures are in the machine's byte order. Any
open file or directory of the filesystem serves as `fd`. Searching trees needs CAP_SYS_ADMIN.
"""

import errno
import os
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from swapctl.linux.files import read_text, under
from swapctl.linux.header import format_uuid
from swapctl.linux.ioctl import call, ior, iow, iowr

BTRFS_IOCTL_MAGIC = 0x94
BTRFS_SUBVOL_RDONLY = 1 << 1
BTRFS_CHUNK_TREE_OBJECTID = 3
BTRFS_FIRST_CHUNK_TREE_OBJECTID = 256
BTRFS_CHUNK_ITEM_KEY = 228
BTRFS_INODE_ITEM_KEY = 1

BTRFS_INODE_NODATASUM = 1 << 0
BTRFS_INODE_NODATACOW = 1 << 1
BTRFS_INODE_READONLY = 1 << 2
BTRFS_INODE_NOCOMPRESS = 1 << 3
BTRFS_INODE_PREALLOC = 1 << 4
BTRFS_INODE_COMPRESS = 1 << 11
INODE_FLAGS = (
    (BTRFS_INODE_NODATASUM, "nodatasum"),
    (BTRFS_INODE_NODATACOW, "nodatacow"),
    (BTRFS_INODE_NOCOMPRESS, "nocompress"),
    (BTRFS_INODE_PREALLOC, "prealloc"),
    (BTRFS_INODE_COMPRESS, "compress"),
)

BTRFS_BLOCK_GROUP_DATA = 1 << 0
_PROFILES = (
    (1 << 3, "raid0"),
    (1 << 4, "raid1"),
    (1 << 5, "dup"),
    (1 << 6, "raid10"),
    (1 << 7, "raid5"),
    (1 << 8, "raid6"),
    (1 << 9, "raid1c3"),
    (1 << 10, "raid1c4"),
)

_FS_INFO_SIZE = 1024
_FS_INFO = struct.Struct("=8xQ16sII")  # num_devices, fsid, nodesize, sectorsize
_DEV_INFO_SIZE = 4096
_DEV_INFO_ID = struct.Struct("=Q")
_DEV_INFO_PATH = 3072  # after devid, uuid, bytes_used, total_bytes and reserved words
_VOL_ARGS = struct.Struct("=q4088s")  # fd, name
_SUBVOL_FLAGS = struct.Struct("=Q")
# struct btrfs_ioctl_search_key (tree_id, min and max of objectid, offset, transid and type,
# nr_items) and buf_size of struct btrfs_ioctl_search_args_v2
_SEARCH = struct.Struct("=7QIII36xQ")
_SEARCH_NR_ITEMS = struct.Struct("=64xI")
_SEARCH_HEADER = struct.Struct("=QQQII")  # transid, objectid, offset, type, len
_SEARCH_BUFFER = 65536
_CHUNK = struct.Struct("<Q16xQ12xHH")  # length, type, num_stripes, sub_stripes
_STRIPE = struct.Struct("<QQ16x")  # devid, offset
_INODE_FLAGS = struct.Struct("<64xQ")
_U64_MAX = 2**64 - 1
_U32_MAX = 2**32 - 1

BTRFS_IOC_SUBVOL_CREATE = iow(BTRFS_IOCTL_MAGIC, 14, _VOL_ARGS.size)
BTRFS_IOC_TREE_SEARCH_V2 = iowr(BTRFS_IOCTL_MAGIC, 17, _SEARCH.size)
BTRFS_IOC_SUBVOL_GETFLAGS = ior(BTRFS_IOCTL_MAGIC, 25, _SUBVOL_FLAGS.size)
BTRFS_IOC_DEV_INFO = iowr(BTRFS_IOCTL_MAGIC, 30, _DEV_INFO_SIZE)
BTRFS_IOC_FS_INFO = ior(BTRFS_IOCTL_MAGIC, 31, _FS_INFO_SIZE)


class FilesystemInfo(NamedTuple):
    """BTRFS_IOC_FS_INFO; sizes in bytes."""

    fsid: str
    num_devices: int
    sectorsize: int
    nodesize: int


class Item(NamedTuple):
    """An item of a tree with its key; `transid` is the transaction that last wrote its block."""

    objectid: int
    type: int
    offset: int
    data: bytes
    transid: int


class Chunk(NamedTuple):
    """Where [logical, logical + length) lies; `stripes` are (device id, byte address) pairs."""

    logical: int
    length: int
    type_flags: int
    stripes: tuple[tuple[int, int], ...]


def fs_info(fd: int) -> FilesystemInfo:
    """Identity and geometry of the filesystem. Raises OSError: ENOTTY when it is not btrfs."""
    buffer = bytearray(_FS_INFO_SIZE)
    call(fd, BTRFS_IOC_FS_INFO, buffer, "BTRFS_IOC_FS_INFO")
    num_devices, fsid, nodesize, sectorsize = _FS_INFO.unpack_from(buffer)
    return FilesystemInfo(format_uuid(fsid), num_devices, sectorsize, nodesize)


def device_path(fd: int, device: int) -> str:
    """The path by which the filesystem knows the device with that id. Raises OSError: ENODEV for
    none, or one that is missing."""
    buffer = bytearray(_DEV_INFO_SIZE)
    _DEV_INFO_ID.pack_into(buffer, 0, device)
    call(fd, BTRFS_IOC_DEV_INFO, buffer, "BTRFS_IOC_DEV_INFO")
    path = bytes(buffer[_DEV_INFO_PATH:]).partition(b"\0")[0]
    if not path:
        raise OSError(errno.ENODEV, f"btrfs device {device} is missing")
    return os.fsdecode(path)


def subvolume_flags(fd: int) -> int:
    """BTRFS_SUBVOL_* of a subvolume. Raises OSError: EINVAL if `fd` is not its top directory."""
    buffer = bytearray(_SUBVOL_FLAGS.size)
    call(fd, BTRFS_IOC_SUBVOL_GETFLAGS, buffer, "BTRFS_IOC_SUBVOL_GETFLAGS")
    (flags,) = _SUBVOL_FLAGS.unpack(buffer)
    return int(flags)


def create_subvolume(directory: int, name: bytes) -> None:
    """Makes an empty subvolume `name` in the open directory. Raises OSError: EEXIST, EROFS, ..."""
    if len(name) >= 4088:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), os.fsdecode(name))
    argument = bytearray(_VOL_ARGS.pack(0, name))
    call(directory, BTRFS_IOC_SUBVOL_CREATE, argument, "BTRFS_IOC_SUBVOL_CREATE")


def search(
    fd: int, tree: int, first: tuple[int, int, int], last: tuple[int, int, int]
) -> Iterator[Item]:
    """The items of `tree` with keys from `first` to `last`: (objectid, type, offset), inclusive.

    Keys compare as tuples, so items of other types lie between when objectids differ. Tree 0 is
    the subvolume of `fd`. Raises OSError while iterating: EPERM without CAP_SYS_ADMIN.
    """
    buffer = bytearray(_SEARCH.size + _SEARCH_BUFFER)
    key = first
    while key <= last:
        _SEARCH.pack_into(
            buffer,
            0,
            tree,
            *(key[0], last[0], key[2], last[2], 0, _U64_MAX),
            *(key[1], last[1], _U32_MAX),
            _SEARCH_BUFFER,
        )
        call(fd, BTRFS_IOC_TREE_SEARCH_V2, buffer, "BTRFS_IOC_TREE_SEARCH_V2")
        (count,) = _SEARCH_NR_ITEMS.unpack_from(buffer)
        if count == 0:
            return
        position = _SEARCH.size
        for _ in range(count):
            transid, objectid, offset, kind, size = _SEARCH_HEADER.unpack_from(buffer, position)
            position += _SEARCH_HEADER.size
            data = bytes(buffer[position : position + size])
            yield Item(objectid, kind, offset, data, transid)
            position += size
        key = _next_key((objectid, kind, offset))


def _next_key(key: tuple[int, int, int]) -> tuple[int, int, int]:
    objectid, kind, offset = key
    if offset < _U64_MAX:
        return objectid, kind, offset + 1
    return (objectid, kind + 1, 0) if kind < 255 else (objectid + 1, 0, 0)


def parse_chunk(logical: int, data: bytes) -> Chunk:
    """A chunk item (struct btrfs_chunk and its stripes). Raises OSError(EUCLEAN) if cut short."""
    try:
        length, type_flags, count, _ = _CHUNK.unpack_from(data)
        stripes = tuple(
            _STRIPE.unpack_from(data, _CHUNK.size + index * _STRIPE.size) for index in range(count)
        )
    except struct.error:
        raise OSError(errno.EUCLEAN, f"chunk {logical} of the btrfs chunk tree is torn") from None
    return Chunk(logical, length, type_flags, stripes)


def chunks(fd: int) -> list[Chunk]:
    """All chunks of the filesystem by logical address. Raises OSError as `search`."""
    first = (BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0)
    last = (BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, _U64_MAX)
    items = search(fd, BTRFS_CHUNK_TREE_OBJECTID, first, last)
    return [parse_chunk(item.offset, item.data) for item in items]


def locate(chunks: Sequence[Chunk], logical: int) -> tuple[Chunk, int] | None:
    """The chunk that holds a logical address and the offset in it; `chunks` sorted by address."""
    index = bisect_right(chunks, logical, key=lambda chunk: chunk.logical) - 1
    if index < 0 or logical >= chunks[index].logical + chunks[index].length:
        return None
    return chunks[index], logical - chunks[index].logical


def inode_flags(fd: int, ino: int) -> int:
    """BTRFS_INODE_* flags of inode `ino` in the subvolume of `fd`.

    Raises OSError as `search`, ENOENT when the tree has no such inode.
    """
    key = (ino, BTRFS_INODE_ITEM_KEY, 0)
    for item in search(fd, 0, key, key):
        (flags,) = _INODE_FLAGS.unpack_from(item.data)
        return int(flags)
    raise OSError(errno.ENOENT, f"inode {ino} is not in the btrfs tree")


def allocated_profiles(fsid: str, root: str = "/") -> tuple[str, ...]:
    """The profiles that the filesystem has data block groups of, by name, from sysfs: nothing of
    each block group, but no privilege is needed. Raises OSError."""
    with os.scandir(under(root, f"sys/fs/btrfs/{fsid}/allocation/data")) as found:
        return tuple(sorted(one.name for one in found if one.is_dir()))


def profile_name(type_flags: int) -> str:
    """The name that btrfs-progs gives the block group's profile in lower case, "raid1"."""
    for bit, name in _PROFILES:
        if type_flags & bit:
            return name
    return "single"


def exclusive_operation(fsid: str, root: str = "/") -> str:
    """The operation that excludes others at present ("balance"), "none" if there is none.

    Raises OSError: ENOENT before kernel 5.10 or when `fsid` is not mounted.
    """
    return read_text(under(root, f"sys/fs/btrfs/{fsid}/exclusive_operation")).strip()
