"""Attributes of an inode beyond stat(2): flags, extended flags, POSIX ACL.

Sources: ioctl_iflags(2), ioctl_xfs_fsgetxattr(2), <linux/fs.h>, <linux/posix_acl_xattr.h>.
"""

import errno
import os
import struct
from typing import NamedTuple

from swapctl.linux.ioctl import call, ior, iow

FS_COMPR_FL = 0x4
FS_IMMUTABLE_FL = 0x10
FS_APPEND_FL = 0x20
FS_NOCOMP_FL = 0x400
FS_ENCRYPT_FL = 0x800
FS_JOURNAL_DATA_FL = 0x4000
FS_EXTENT_FL = 0x80000
FS_VERITY_FL = 0x100000
FS_NOCOW_FL = 0x800000
FS_DAX_FL = 0x2000000
FS_INLINE_DATA_FL = 0x10000000
FS_CASEFOLD_FL = 0x40000000

FS_XFLAG_REALTIME = 0x1
FS_XFLAG_PREALLOC = 0x2
FS_XFLAG_IMMUTABLE = 0x8
FS_XFLAG_APPEND = 0x10
FS_XFLAG_RTINHERIT = 0x100
FS_XFLAG_EXTSIZE = 0x800
FS_XFLAG_NODEFRAG = 0x2000
FS_XFLAG_DAX = 0x8000
FS_XFLAG_COWEXTSIZE = 0x10000
FS_XFLAG_VERITY = 0x20000
FS_XFLAG_HASATTR = 0x80000000

# The number is made with `long`, yet the kernel moves an int (ioctl_iflags(2), BUGS).
_FLAGS = struct.Struct("=I")
FS_IOC_GETFLAGS = ior("f", 1, struct.calcsize("@l"))
FS_IOC_SETFLAGS = iow("f", 2, struct.calcsize("@l"))

FIGETBSZ = 2  # _IO(0x00, 2) in <linux/fs.h>, the same number everywhere
_INT = struct.Struct("=i")

_FSXATTR = struct.Struct("=5I8x")
FS_IOC_FSGETXATTR = ior("X", 31, _FSXATTR.size)

ACL_XATTR = "system.posix_acl_access"
POSIX_ACL_XATTR_VERSION = 2
ACL_USER = 0x02
ACL_GROUP = 0x08
ACL_MASK = 0x10
_ACL_HEADER = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")


class FsXattr(NamedTuple):
    """struct fsxattr: `xflags` are FS_XFLAG_*, the extent size hints bytes, `nextents` a count."""

    xflags: int
    extsize: int
    nextents: int
    projid: int
    cowextsize: int


def block_size(fd: int) -> int:
    """The size of the blocks that FIBMAP counts, in bytes. Raises OSError."""
    answer = bytearray(_INT.size)
    call(fd, FIGETBSZ, answer, "FIGETBSZ")
    return int(_INT.unpack(answer)[0])


def get_flags(fd: int) -> int:
    """FS_*_FL of the inode. Raises OSError: ENOTTY where the filesystem has no such flags."""
    buffer = bytearray(_FLAGS.size)
    call(fd, FS_IOC_GETFLAGS, buffer, "FS_IOC_GETFLAGS")
    (flags,) = _FLAGS.unpack(buffer)
    return int(flags)


def set_flags(fd: int, flags: int) -> None:
    """Replaces FS_*_FL; read them first. Raises OSError: EPERM, EOPNOTSUPP, EINVAL.

    btrfs ignores FS_NOCOW_FL without an error on a file that has data: read back.
    """
    call(fd, FS_IOC_SETFLAGS, bytearray(_FLAGS.pack(flags)), "FS_IOC_SETFLAGS")


def get_xflags(fd: int) -> FsXattr:
    """struct fsxattr of the inode. Raises OSError: ENOTTY where the filesystem has none."""
    buffer = bytearray(_FSXATTR.size)
    call(fd, FS_IOC_FSGETXATTR, buffer, "FS_IOC_FSGETXATTR")
    return FsXattr(*_FSXATTR.unpack(buffer))


def parse_acl(value: bytes) -> tuple[str, ...]:
    """The named entries of a POSIX ACL, "user:1000:rw-", with what the mask leaves of them.

    Ids are numbers. A value of another version is taken as empty, as is a torn last entry.
    """
    if len(value) < _ACL_HEADER.size:
        return ()
    if _ACL_HEADER.unpack_from(value)[0] != POSIX_ACL_XATTR_VERSION:
        return ()
    body = value[_ACL_HEADER.size :]
    whole = len(body) // _ACL_ENTRY.size * _ACL_ENTRY.size
    entries = list(_ACL_ENTRY.iter_unpack(body[:whole]))
    mask = 7
    for tag, permissions, _ in entries:
        if tag == ACL_MASK:
            mask = permissions
    kinds = {ACL_USER: "user", ACL_GROUP: "group"}
    return tuple(
        f"{kinds[tag]}:{number}:{_permissions(permissions & mask)}"
        for tag, permissions, number in entries
        if tag in kinds
    )


def _permissions(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))


def acl_entries(file: int | str) -> tuple[str, ...]:
    """`parse_acl` of the access ACL of an open file or of a path, () where it has none or the
    filesystem knows none.

    Raises OSError of fgetxattr(2) for anything else.
    """
    try:
        return parse_acl(os.getxattr(file, ACL_XATTR))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return ()
        raise OSError(error.errno, f"{ACL_XATTR}: {error.strerror}") from None
