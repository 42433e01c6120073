"""Where the blocks of a file are, kept in little room: to be compared with what comes later."""

import errno
import os
from array import array
from collections.abc import Callable, Iterable, Iterator

from swapctl.gather.ranges import Ranges
from swapctl.linux import bmap, fiemap, inode
from swapctl.linux.fiemap import Row
from swapctl.proof_facts import FileMap

# How the answer was cut, or the block map is kept, says nothing of the blocks.
_OF_THE_ANSWER = fiemap.FIEMAP_EXTENT_LAST | fiemap.FIEMAP_EXTENT_MERGED
_NO_PLACE = (
    fiemap.FIEMAP_EXTENT_UNKNOWN | fiemap.FIEMAP_EXTENT_DELALLOC | fiemap.FIEMAP_EXTENT_DATA_INLINE
)
_NOT_HERE = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS)


def clipped(rows: Iterable[Row], ranges: Ranges) -> Iterator[Row]:
    """The parts of the rows that lie in the ranges; both by offset."""
    todo = iter(rows)
    row = next(todo, None)
    for offset, length in ranges:
        end = offset + length
        while row is not None and row[0] < end:
            logical, physical, size, flags = row
            first, last = max(logical, offset), min(logical + size, end)
            if first < last:
                yield first, physical + first - logical, last - first, flags
            if logical + size > end:
                break
            row = next(todo, None)


def pack(rows: Iterable[Row]) -> bytes:
    """The rows of a FileMap. What follows in the file and on the device with the same flags is one
    row: the kernel may cut its answers as it likes."""
    found = array("q")
    last: tuple[int, int, int, int] | None = None
    for offset, physical, length, given in rows:
        flags = given & ~_OF_THE_ANSWER
        if flags & _NO_PLACE:
            physical = -1
        if last is not None:
            start, place, size, before = last
            follows = place + size if place >= 0 else place
            if start + size == offset and follows == physical and before == flags:
                last = (start, place, size + length, flags)
                continue
            found.extend(last)
        last = (offset, physical, length, flags)
    if last is not None:
        found.extend(last)
    return found.tobytes()


def _by_block(fd: int, end: int) -> Iterator[Row]:
    block = inode.block_size(fd)
    for index in range(-(-end // block)):
        place = bmap.block_of(fd, index)
        if place:
            yield index * block, place * block, block, 0


def _by_data(fd: int, end: int) -> Iterator[Row]:
    """What is there at all, of files that have no blocks on a device."""
    position = 0
    while position < end:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        position = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, -1, position - start, 0


def read(fd: int, ranges: Ranges) -> FileMap:
    """The map of an open file in these ranges; dirty data is written first. Raises OSError."""
    if not ranges:
        return FileMap(b"", "FS_IOC_FIEMAP")
    start, end = ranges[0][0], ranges[-1][0] + ranges[-1][1]
    ways: tuple[tuple[str, Callable[[], Iterable[Row]]], ...] = (
        ("FS_IOC_FIEMAP", lambda: fiemap.rows(fd, end, start=start)),
        ("FIBMAP", lambda: _by_block(fd, end)),
        ("lseek(2), SEEK_DATA", lambda: _by_data(fd, end)),
    )
    for source, rows in ways:
        try:
            return FileMap(pack(clipped(rows(), ranges)), source)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
