"""The candidate itself: what the path leads to, and what open(2) says of it."""

import os
import stat
from collections.abc import Callable
from typing import TypeVar

from swapctl.errors import errno_name
from swapctl.facts import Ancestor, Caller, File, Mount, Opening, SwapHeader, Unknown
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import directories, header, inode, libc, names, process

T = TypeVar("T")

KINDS = {
    stat.S_IFREG: "regular",
    stat.S_IFDIR: "directory",
    stat.S_IFBLK: "block",
    stat.S_IFCHR: "character",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
DELETED = " (deleted)"
MEMFD = "/memfd:"
_HEADER_BYTES = 65536


def open_again(fd: int, path: str, flags: int) -> int:
    """Open the object behind an O_PATH descriptor; by its path where /proc is missing."""
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    link = f"/proc/self/fd/{fd}"
    return os.open(link if os.path.exists("/proc/self/fd") else path, flags)


def open_for_reading(fd: int, path: str, mode: int) -> int:
    """Open for reading what has contents or attributes: files, directories, block devices."""
    if stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFBLK):
        raise OSError(None, f"not opened: a {KINDS[stat.S_IFMT(mode)]}")
    return open_again(fd, path, os.O_RDONLY)


def _opening_untried(device: int, on: Mount | Unknown) -> Opening | Unknown:
    """Opening a character device can have effects (a watchdog starts, a tape rewinds), so only what
    is certain to fail is told."""
    if isinstance(on, Mount) and "nodev" in (*on.options, *on.super_options):
        return Opening("EACCES", "mount option nodev")
    majors = attempt("drivers", process.character_drivers)
    if not isinstance(majors, Unknown) and os.major(device) not in majors:
        return Opening("ENXIO", "/proc/devices")
    return Unknown("open(2)", "not tried: opening a character device can have effects")


def opening(
    fd: int, path: str, kind: str, caller: Caller | Unknown, on: Mount | Unknown
) -> Opening | Unknown:
    """Try the open(2) that swapon(2) does. A block device is claimed without being written to,
    since closing one that was open for writing makes udev probe it anew."""
    if kind == "character":
        return _opening_untried(os.fstat(fd).st_rdev, on)
    flags, source = os.O_RDWR, "open(2), O_RDWR"
    if kind == "block":
        flags, source = os.O_RDONLY | os.O_EXCL, "open(2), O_EXCL"
    try:
        os.close(open_again(fd, path, flags))
    except OSError as error:
        errno = errno_name(error.errno)
        user = isinstance(caller, Unknown) or caller.uid != 0
        if errno in ("EACCES", "EPERM") and user:
            return Unknown("open(2)", f"{errno}: not root")
        return Opening(errno, source)
    return Opening(None, source)


def file(fd: int, reader: int | Unknown, status: os.stat_result, link: str) -> File:
    """The file behind the O_PATH descriptor `fd`; `link` is what /proc/self/fd says of it."""

    def on_reader(what: str, read: Callable[[int], T]) -> T | Unknown:
        return reader if isinstance(reader, Unknown) else attempt(what, lambda: read(reader))

    kind = KINDS[stat.S_IFMT(status.st_mode)]
    extra = attempt("statx(2)", lambda: libc.statx(fd, libc.STATX_MNT_ID))
    if isinstance(extra, Unknown):
        mount_id: int | Unknown = extra
        attributes: tuple[str, ...] | Unknown = extra
    else:
        mount_id = extra.mount_id
        attributes = names.decode(names.STATX_ATTRIBUTES, extra.attributes & extra.attributes_mask)
    return File(
        kind=kind,
        device=device_number(status.st_dev),
        inode=status.st_ino,
        size=status.st_size,
        blocks_512=status.st_blocks,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        links=status.st_nlink,
        special=device_number(status.st_rdev) if kind in ("block", "character") else None,
        # A memfd never had a name to lose; the kernel does not take it for unlinked.
        unlinked=(status.st_nlink == 0 or link.endswith(DELETED)) and not link.startswith(MEMFD),
        mount_id=mount_id,
        attributes=attributes,
        flags=on_reader(
            "inode flags", lambda f: names.decode(names.INODE_FLAGS, inode.get_flags(f))
        ),
        xflags=on_reader(
            "extended inode flags",
            lambda f: names.decode(names.EXTENDED_FLAGS, inode.get_xflags(f).xflags),
        ),
        acl=on_reader("access control list", inode.acl_entries),
    )


def ancestors(path: str) -> tuple[Ancestor, ...]:
    """Every directory on the way to what is at the path, from / downwards, and every link."""
    with directories.way(path, missing=True) as found:
        return found.steps


def swap_header(reader: int, page_size: int) -> SwapHeader | None:
    """The swap header as the page cache has it; None when there is no known signature."""
    return header.parse(os.pread(reader, _HEADER_BYTES, 0), page_size)
