"""System calls that Python does not wrap: statx(2), statfs(2), swapon(2), swapoff(2), mincore(2),
syncfs(2), mounts apart, and forms of fallocate(2) and rename(2).

They go through the C library, which knows the numbers of its architecture; glibc and musl both
have these symbols. The library is loaded on first use because ctypes is slow to import. Calls
release the interpreter lock, so that a long swapoff(2) does not stop other threads.
"""

import errno
import os
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from swapctl.facts import FilesystemState

if TYPE_CHECKING:
    import ctypes
    import mmap

SWAP_FLAG_PREFER = 0x8000
SWAP_FLAG_PRIO_MASK = 0x7FFF
SWAP_FLAG_DISCARD = 0x10000
SWAP_FLAG_DISCARD_ONCE = 0x20000
SWAP_FLAG_DISCARD_PAGES = 0x40000

STATX_BASIC_STATS = 0x7FF
STATX_MNT_ID = 0x1000
STATX_DIOALIGN = 0x2000

STATX_ATTR_COMPRESSED = 0x4
STATX_ATTR_IMMUTABLE = 0x10
STATX_ATTR_APPEND = 0x20
STATX_ATTR_NODUMP = 0x40
STATX_ATTR_ENCRYPTED = 0x800
STATX_ATTR_AUTOMOUNT = 0x1000
STATX_ATTR_MOUNT_ROOT = 0x2000
STATX_ATTR_VERITY = 0x100000
STATX_ATTR_DAX = 0x200000
STATX_ATTR_WRITE_ATOMIC = 0x400000

AT_EMPTY_PATH = 0x1000

FALLOC_FL_WRITE_ZEROES = 0x80

RENAME_NOREPLACE = 0x1

_FSOPEN_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6
_FSMOUNT_CLOEXEC = 1
_MOUNT_ATTR_PLAIN = 0x2 | 0x4 | 0x8  # nosuid, nodev, noexec

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9

_STATX_SIZE = 256
# stx_mask, stx_attributes, stx_attributes_mask, stx_mnt_id, stx_dio_mem_align, stx_dio_offset_align
_STATX = struct.Struct("=I4xQ40xQ80xQII")
# Larger than struct statfs of any architecture.
_STATFS_SIZE = 256


class Statx(NamedTuple):
    """What statx(2) adds to stat(2). A field means something only where `mask` has its bit.

    `attributes` are STATX_ATTR_* and valid where `attributes_mask` has them; the alignments are in
    bytes, both 0 where the file cannot do direct I/O.
    """

    mask: int
    attributes: int
    attributes_mask: int
    mount_id: int
    dio_mem_align: int
    dio_offset_align: int


@cache
def _libc() -> "ctypes.CDLL":
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any, path: bytes | None = None) -> None:
    import ctypes

    function = getattr(_libc(), name, None)
    if function is None:
        number = errno.ENOSYS
    elif function(*arguments) == 0:
        return
    else:
        number = ctypes.get_errno()
    # The two-argument form keeps `filename` None instead of showing "None" in the message.
    where = () if path is None else (os.fsdecode(path),)
    raise OSError(number, f"{name}: {os.strerror(number)}", *where)


def _descriptor(name: str, *arguments: Any) -> int:
    import ctypes

    function = getattr(_libc(), name, None)
    found = -1 if function is None else int(function(*arguments))
    if found >= 0:
        return found
    number = errno.ENOSYS if function is None else ctypes.get_errno()
    raise OSError(number, f"{name}: {os.strerror(number)}")


def statx(fd: int, mask: int) -> Statx:
    """statx(2) of an open file (AT_EMPTY_PATH); `mask` is made of STATX_*.

    Raises OSError as the kernel does, with ENOSYS also where the C library lacks statx.
    """
    import ctypes

    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    _call("statx", fd, b"", AT_EMPTY_PATH, ctypes.c_uint(mask), buffer)
    return Statx(*_STATX.unpack_from(buffer))


def syncfs(fd: int) -> None:
    """syncfs(2): write all that is dirty on the filesystem of an open file. Raises OSError."""
    _call("syncfs", fd)


def statfs(fd: int) -> FilesystemState:
    """statfs(2) of an open file; the magic number is cut to 32 bits, sizes are bytes.

    Only f_type comes from the C structure, whose other fields move between architectures; the
    rest is fstatvfs(3)'s, the same numbers in a layout that Python knows.
    """
    import ctypes

    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    # musl has one fstatfs, always with 64-bit counts; glibc on 32 bits needs the longer name.
    _call("fstatfs64" if hasattr(_libc(), "fstatfs64") else "fstatfs", fd, buffer)
    # s390 alone declares f_type as int where the others have long.
    word = "@I" if os.uname().machine.startswith("s390") else "@L"
    (magic,) = struct.unpack_from(word, buffer)
    state = os.fstatvfs(fd)
    unit = state.f_frsize
    return FilesystemState(
        magic & 0xFFFFFFFF, state.f_bsize, state.f_blocks * unit, state.f_bavail * unit
    )


def swapon(path: bytes, flags: int) -> None:
    """swapon(2); `flags` are SWAP_FLAG_*, a priority in the bits of SWAP_FLAG_PRIO_MASK.

    Raises OSError with the path. The kernel log says more than the errno.
    """
    import ctypes

    _call("swapon", path, ctypes.c_int(flags), path=path)


def swapoff(path: bytes) -> None:
    """swapoff(2): returns when all pages are back in memory, which can take minutes.

    Raises OSError with the path: ENOMEM when memory does not hold the pages, EINTR when a signal
    stopped it half-way, EINVAL when nothing is active there.
    """
    _call("swapoff", path, path=path)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends (PR_SET_PDEATHSIG)."""
    import ctypes

    _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(_SIGKILL))


def mincore(address: int, length: int, pages: int) -> bytes:
    """mincore(2): a byte for each page, odd where it is in memory; in the swap cache counts."""
    import ctypes

    vector = (ctypes.c_ubyte * pages)()
    _call("mincore", ctypes.c_void_p(address), ctypes.c_size_t(length), vector)
    return bytes(vector)


def address_of(memory: "mmap.mmap") -> int:
    """Where a mapping lies; nothing is left that would keep it from being closed."""
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def fallocate(fd: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2) of [offset, offset + length); `mode` 0 or FALLOC_FL_*.

    Unlike posix_fallocate(3) it never falls back to writing. Raises OSError: EOPNOTSUPP where the
    filesystem or device cannot, ENOSPC, EDQUOT, EFBIG, EINTR.
    """
    import ctypes

    # As with fstatfs, glibc on 32 bits needs the longer name for 64-bit offsets.
    name = "fallocate64" if hasattr(_libc(), "fallocate64") else "fallocate"
    _call(name, fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length))


def rename_noreplace(directory: int, old: str, new: str) -> None:
    """renameat2(2) inside an open directory, with RENAME_NOREPLACE.

    Raises OSError: EEXIST where `new` is taken, EINVAL where the filesystem cannot do it.
    """
    import ctypes

    names = (os.fsencode(old), os.fsencode(new))
    _call(
        *("renameat2", directory, names[0], directory, names[1]),
        ctypes.c_uint(RENAME_NOREPLACE),
    )


def mount_apart(fstype: bytes) -> int:
    """A new mount that is in no namespace and ends with its descriptor: fsopen(2), fsmount(2).

    Raises OSError: EPERM without CAP_SYS_ADMIN, ENODEV where the kernel lacks the type, ENOSYS
    before Linux 5.2 or glibc 2.36.
    """
    context = _descriptor("fsopen", fstype, _FSOPEN_CLOEXEC)
    try:
        _call("fsconfig", context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return _descriptor("fsmount", context, _FSMOUNT_CLOEXEC, _MOUNT_ATTR_PLAIN)
    finally:
        os.close(context)
