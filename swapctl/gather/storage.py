"""What the file lies on: its mount, extents and block device."""

import errno
import os
import stat
import time
from collections.abc import Callable

from swapctl.facts import (
    BlockMap,
    Device,
    ExtentMap,
    File,
    FilesystemState,
    Mount,
    SwapHeader,
    Unknown,
)
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import block, extent_map, fiemap, inode, libc, mounts

TMPFS_MAGIC = 0x01021994
_XFS_LOOKS = 3
_XFS_PAUSE = 0.1
_XFS_PATIENCE = 5.0


def filesystem(fd: int, reader: int | Unknown) -> FilesystemState:
    """statfs(2), with the size of the blocks by FIGETBSZ where the file can be opened: statfs shows
    clusters on FAT and the size of requests on NFS."""
    state = libc.statfs(fd)
    if isinstance(reader, Unknown):
        return state
    size = attempt("block size", lambda: inode.block_size(reader))
    return state if isinstance(size, Unknown) else state._replace(block_size=size)


def mount(file: File, state: FilesystemState | Unknown) -> Mount | Unknown:
    """The mount that the file was reached through; memfds live on a tmpfs that has none."""
    number = file.mount_id
    if isinstance(number, Unknown):
        return number

    def read() -> Mount:
        found = mounts.find(number)
        if found is None and isinstance(state, FilesystemState) and state.magic == TMPFS_MAGIC:
            found = Mount(number, 0, file.device, "/", "", (), "tmpfs", "memfd", ())
        if found is None:
            raise OSError(None, f"no mount has the id {number}")
        return found

    return attempt("mount", read)


def extents(reader: int, file: File, fstype: str | None, page_size: int) -> ExtentMap:
    """The extent map; reading it writes dirty data of the file back first.

    xfs frees the blocks of a removed clone in the background, which swapon(2) waits for; so a map
    with shared extents is looked at again after the work was pushed (statfs(2) does that), and on
    for as long as there are fewer of them, within limits: others may clone it anew meanwhile.
    """

    def look() -> ExtentMap:
        return extent_map.summarise(fiemap.rows(reader, file.size), file.size, page_size)

    found, unchanged, until = look(), 0, time.monotonic() + _XFS_PATIENCE
    least = found.shared.bytes
    while fstype == "xfs" and least and unchanged < _XFS_LOOKS and time.monotonic() < until:
        os.fstatvfs(reader)
        time.sleep(_XFS_PAUSE)
        found = look()
        unchanged = 0 if found.shared.bytes < least else unchanged + 1
        least = min(least, found.shared.bytes)
    return found


def block_map(
    reader: int,
    header: SwapHeader | Unknown | None,
    page_size: int,
    *,
    whole: bool,
    tick: Callable[[], None],
) -> BlockMap:
    """The block map, as far as swapon(2) would walk it: what the header counts, or the `whole` file
    where the filesystem has gone over to iomap. `tick` is called now and then on the way."""
    # Only here, for most filesystems have extents.
    from swapctl.linux import bmap

    size = os.fstat(reader).st_size
    limit = size // page_size if whole else counted_pages(header, size, page_size)
    return bmap.block_map(reader, page_size, limit, tick)


def first_hole(reader: int, size: int) -> int | None:
    """The first hole inside the file that SEEK_HOLE reports."""
    try:
        hole = os.lseek(reader, 0, os.SEEK_HOLE)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
    return hole if hole < size else None


def counted_pages(header: SwapHeader | Unknown | None, size: int, page_size: int) -> int:
    """The pages of a file of `size` bytes that its header counts; all where it has none."""
    pages = size // page_size
    if isinstance(header, SwapHeader) and header.signature_page_size == page_size:
        return min(pages, header.last_page + 1)
    return pages


def device_below(below: Mount | Unknown) -> Device | Unknown | None:
    """The block device that carries a mount; None where there is none."""
    if isinstance(below, Unknown):
        return below
    number = below.device
    if number.startswith("0:"):
        # btrfs shows a number of its own; the source names the device that it logs by. Other
        # sources are any words, and may look like a path on a server.
        if not below.source.startswith("/dev/"):
            return None
        try:
            status = os.stat(below.source)
        except OSError:
            return None
        if not stat.S_ISBLK(status.st_mode):
            return None
        number = device_number(status.st_rdev)
    return attempt("block device", lambda: block.device(number))


def device(file: File, below: Mount | Unknown) -> Device | Unknown | None:
    """The candidate itself when it is a block device, else the one below it."""
    if file.kind == "block":
        return attempt("block device", lambda: block.device(file.special or ""))
    return device_below(below)
