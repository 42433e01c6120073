"""The extents of a file: FS_IOC_FIEMAP (<linux/fiemap.h>, Documentation/filesystems/fiemap.rst)."""

import errno
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

from swapctl.linux.ioctl import call, iowr

FIEMAP_FLAG_SYNC = 0x1

FIEMAP_EXTENT_LAST = 0x1
FIEMAP_EXTENT_UNKNOWN = 0x2
FIEMAP_EXTENT_DELALLOC = 0x4
FIEMAP_EXTENT_ENCODED = 0x8
FIEMAP_EXTENT_DATA_ENCRYPTED = 0x80
FIEMAP_EXTENT_NOT_ALIGNED = 0x100
FIEMAP_EXTENT_DATA_INLINE = 0x200
FIEMAP_EXTENT_DATA_TAIL = 0x400
FIEMAP_EXTENT_UNWRITTEN = 0x800
FIEMAP_EXTENT_MERGED = 0x1000
FIEMAP_EXTENT_SHARED = 0x2000

# fm_start, fm_length, fm_flags, fm_mapped_extents, fm_extent_count, fm_reserved
_HEADER = struct.Struct("=QQIIII")
# fe_logical, fe_physical, fe_length, fe_flags
_EXTENT = struct.Struct("=QQQ16xI12x")
_MAPPED = struct.Struct("=20xI")

FS_IOC_FIEMAP = iowr("f", 11, _HEADER.size)


class Extent(NamedTuple):
    """Bytes [logical, logical + length) of the file lie at `physical`; `flags` FIEMAP_EXTENT_*.

    `physical` is a byte address in the filesystem's own address space (of its device, but for
    btrfs); it means nothing where the flags say unknown, inline or encoded.
    """

    logical: int
    physical: int
    length: int
    flags: int


Row = tuple[int, int, int, int]

# tuple.__new__ called from C is several times faster than the constructor that NamedTuple writes.
_make: Callable[[Row], Extent] = partial(tuple.__new__, Extent)


def extents(fd: int, length: int, *, sync: bool = True, batch: int = 2048) -> Iterator[Extent]:
    """The extents of the file's first `length` bytes, by offset; what lies between is a hole.

    Memory use depends on `batch` alone, the extents asked for at once. With `sync` dirty data is
    written first, so that delayed allocation has happened. Raises OSError while iterating:
    EOPNOTSUPP or ENOTTY where the filesystem has no map, EIO when its answers do not advance (a
    map cut short would pass for a hole).
    """
    return map(_make, rows(fd, length, sync=sync, batch=batch))


def rows(
    fd: int, length: int, *, start: int = 0, sync: bool = True, batch: int = 2048
) -> Iterator[Row]:
    """`extents` as bare tuples: a file may have millions, and the names double the time. Those that
    end before `start` are left out."""
    flags = FIEMAP_FLAG_SYNC if sync else 0
    return chain.from_iterable(_answers(fd, start, length, flags, batch))


def _answers(fd: int, start: int, length: int, flags: int, batch: int) -> Iterator[Iterable[Row]]:
    """One iterable per call of the ioctl, to be used up before the next: they share the buffer."""
    buffer = bytearray(_HEADER.size + batch * _EXTENT.size)
    view = memoryview(buffer)
    while start < length:
        _HEADER.pack_into(buffer, 0, start, length - start, flags, 0, batch, 0)
        call(fd, FS_IOC_FIEMAP, buffer, "FS_IOC_FIEMAP")
        (mapped,) = _MAPPED.unpack_from(buffer)
        if mapped == 0:
            return
        end = _HEADER.size + mapped * _EXTENT.size
        last = _make(_EXTENT.unpack_from(buffer, end - _EXTENT.size))
        found: Iterator[Row] = _EXTENT.iter_unpack(view[_HEADER.size : end])
        if last.logical < length:
            yield found
        else:
            yield (row for row in found if row[0] < length)
        if last.flags & FIEMAP_EXTENT_LAST:
            return
        if last.logical + last.length <= start:
            raise OSError(errno.EIO, f"FS_IOC_FIEMAP: no progress at offset {start}")
        start = last.logical + last.length
        flags = 0
