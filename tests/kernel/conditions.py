"""What a condition is, and the pieces that conditions are made of.

A condition makes one file or device and returns the path to hand to swapon(2). Its name in the
table is the function's name.
"""

import array
import ctypes
import fcntl
import os
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.kernel.loopfs import Filesystem, Mounted

PAGE = os.sysconf("SC_PAGE_SIZE")
PAGES = 256

FALLOC_KEEP_SIZE = 0x01
FALLOC_PUNCH_HOLE = 0x03  # with KEEP_SIZE, which it demands
FALLOC_COLLAPSE_RANGE = 0x08
FALLOC_ZERO_RANGE = 0x10
FALLOC_INSERT_RANGE = 0x20
FALLOC_UNSHARE_RANGE = 0x40

FS_COMPR_FL = 0x4
FS_IMMUTABLE_FL = 0x10
FS_APPEND_FL = 0x20
FS_NOCOW_FL = 0x800000

_LONG = struct.calcsize("l")
# _IOR('f', 1, long) and _IOW('f', 2, long) as on every architecture but MIPS, PowerPC and SPARC;
# the argument is an int whatever the number says.
FS_IOC_GETFLAGS = 0x80006601 | _LONG << 16
FS_IOC_SETFLAGS = 0x40006602 | _LONG << 16

LIBC = ctypes.CDLL(None, use_errno=True)


class Place(NamedTuple):
    """Where a condition works: an empty directory of its own, and what is to be undone after.

    `premises` is for what goes on by itself and may end: a case whose premises do not all hold
    afterwards is made again.
    """

    mounted: Mounted
    directory: Path
    undo: ExitStack
    premises: list[Callable[[], bool]]

    @property
    def filesystem(self) -> Filesystem:
        return self.mounted.filesystem

    def path(self, name: str = "swapfile") -> str:
        return str(self.directory / name)


Make = Callable[[Place], str]
Become = Callable[[], None]


class Condition(NamedTuple):
    """A row: `where` are the traits a filesystem must have (loopfs.Filesystem.has).

    `become` changes the identity of the process that asks; `undecided_because` says why the
    prediction may be open, where no program could know.
    """

    name: str
    make: Make
    where: str
    needs: tuple[str, ...]
    become: Become | None
    undecided_because: str | None


CONDITIONS: list[Condition] = []


def add(
    name: str,
    make: Make,
    where: str,
    *,
    needs: tuple[str, ...] = (),
    become: Become | None = None,
    undecided_because: str | None = None,
) -> None:
    """Enter a condition; `where` may hold alternatives, separated by commas."""
    CONDITIONS.append(Condition(name, make, where, needs, become, undecided_because))


def condition(
    where: str,
    *needs: str,
    become: Become | None = None,
    undecided_because: str | None = None,
) -> Callable[[Make], Make]:
    """Enter the decorated function as a condition."""

    def enter(make: Make) -> Make:
        name = make.__name__.replace("_", "-")
        add(name, make, where, needs=needs, become=become, undecided_because=undecided_because)
        return make

    return enter


def applies(one: Condition, filesystem: Filesystem) -> bool:
    return any(filesystem.has(words) for words in one.where.split(","))


def header(
    pages: int,
    *,
    last_page: int | None = None,
    version: int = 1,
    bad: tuple[int, ...] = (),
    bad_count: int | None = None,
    signature: bytes = b"SWAPSPACE2",
    page: int = PAGE,
    swapped: bool = False,
) -> bytes:
    """The first page of a swap area of `pages`, with the defects that are asked for."""
    order = "<" if (sys.byteorder == "little") != swapped else ">"
    raw = bytearray(page)
    last = pages - 1 if last_page is None else last_page
    count = len(bad) if bad_count is None else bad_count
    struct.pack_into(f"{order}3I16s", raw, 1024, version, last, count, bytes(range(1, 17)))
    struct.pack_into(f"{order}{len(bad)}I", raw, 1536, *bad)
    raw[-len(signature) :] = signature
    return bytes(raw)


def create(path: str, *, cow: bool = False) -> str:
    """An empty file; not copy-on-write where that is a question, and unless asked for."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if not cow and on_btrfs(fd):
            set_flags(fd, FS_NOCOW_FL)
    finally:
        os.close(fd)
    return path


def on_btrfs(fd: int) -> bool:
    """BTRFS_IOC_FS_INFO (_IOR(0x94, 31, 1024 bytes)) is answered by btrfs only."""
    try:
        fcntl.ioctl(fd, 0x8400941F, bytes(1024))
    except OSError:
        return False
    return True


def set_flags(fd: int, on: int = 0, off: int = 0) -> None:
    flags = array.array("I", [0])
    fcntl.ioctl(fd, FS_IOC_GETFLAGS, flags)
    flags[0] = flags[0] & ~off | on
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, flags)


def put(path: str, offset: int, data: bytes, flags: int = 0) -> None:
    """Write without syncing."""
    fd = os.open(path, os.O_WRONLY | flags)
    try:
        os.pwrite(fd, data, offset)
    finally:
        os.close(fd)


def sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fallocate(path: str, mode: int, offset: int, length: int) -> None:
    """fallocate(2) itself: libc's posix_fallocate would write where the filesystem cannot."""
    fd = os.open(path, os.O_RDWR)
    try:
        if LIBC.fallocate(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(fd)


def write(path: str, pages: int = PAGES, head: bytes | None = None) -> str:
    """Fill an existing file: a header and written zeros, on disk."""
    put(path, 0, bytes(pages * PAGE))
    put(path, 0, header(pages) if head is None else head)
    sync(path)
    return path


def swapfile(
    place: Place, pages: int = PAGES, head: bytes | None = None, name: str = "swapfile"
) -> str:
    """The good case that most conditions start from."""
    return write(create(place.path(name)), pages, head)


def preallocated(place: Place, pages: int = PAGES, name: str = "swapfile") -> str:
    """A header and unwritten blocks behind it."""
    path = create(place.path(name))
    fallocate(path, 0, 0, pages * PAGE)
    put(path, 0, header(pages))
    sync(path)
    return path


def punch(path: str, offset: int, length: int) -> str:
    fallocate(path, FALLOC_PUNCH_HOLE, offset, length)
    sync(path)
    return path
