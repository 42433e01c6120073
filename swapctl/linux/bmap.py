"""The map that filesystems without extents give to swapon(2): FIBMAP, one block after the other."""

import array
import errno
import fcntl
import os
from collections.abc import Callable

from swapctl.facts import BlockMap
from swapctl.linux.inode import block_size

FIBMAP = 1  # _IO(0x00, 1) in <linux/fs.h>, the same number everywhere
_TICK = 4096


def block_of(fd: int, block: int) -> int:
    """The device block of a file's block, 0 for a hole.

    Raises OSError: EPERM without CAP_SYS_RAWIO, EINVAL where the filesystem has no bmap, ERANGE
    beyond 2^31 blocks.
    """
    answer = array.array("i", [block])
    fcntl.ioctl(fd, FIBMAP, answer)
    return int(answer[0])


def walk(lookup: Callable[[int], int], size: int, block: int, page: int, limit: int) -> BlockMap:
    """What generic_swapfile_activate() (mm/page_io.c) makes of a file of `size` bytes.

    It takes a page where `page // block` blocks are contiguous and aligned, moves on by one block
    where they are not, ends after `limit` pages, and gives up at the first block without a place.
    `lookup` is `block_of` of the file.
    """
    per_page = page // block
    last = size // block
    position = pages = runs = 0
    first: int | None = None
    follows = -1
    while position + per_page <= last and pages < limit:
        start = lookup(position)
        if position == 0 and start:
            first = start * block
        if not start:
            return BlockMap(block, position * block, pages, runs, first)
        if start % per_page:
            position += 1
            continue
        for index in range(1, per_page):
            found = lookup(position + index)
            if not found:
                return BlockMap(block, (position + index) * block, pages, runs, first)
            if found != start + index:
                break
        else:
            if start != follows:
                runs += 1
            follows = start + per_page
            pages += 1
            position += per_page
            continue
        position += 1
    return BlockMap(block, None, pages, runs, first)


def block_map(fd: int, page_size: int, limit: int, tick: Callable[[], None]) -> BlockMap:
    """The block map of an open file, for at most `limit` pages (those of its swap header).

    A process that serves the filesystem may take minutes to answer for every block of a large file;
    `tick` is called as long as it does.

    FIBMAP may make the filesystem write dirty data back first. Raises OSError as `block_of`, but a
    filesystem without bmap gives a map whose first block has no place, as for the kernel.
    """
    block = block_size(fd)
    size = os.fstat(fd).st_size
    if block > page_size:
        raise OSError(errno.EINVAL, "blocks larger than a page are not mapped")

    def lookup(number: int) -> int:
        if number % _TICK == 0:
            tick()
        try:
            return block_of(fd, number)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return 0
            raise

    return walk(lookup, size, block, page_size, limit)
