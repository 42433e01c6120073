"""Names for the bits that the kernel sets on inodes, as snapshots record them."""

from swapctl.linux import inode, libc

Names = tuple[tuple[int, str], ...]

STATX_ATTRIBUTES: Names = (
    (libc.STATX_ATTR_COMPRESSED, "compressed"),
    (libc.STATX_ATTR_IMMUTABLE, "immutable"),
    (libc.STATX_ATTR_APPEND, "append-only"),
    (libc.STATX_ATTR_ENCRYPTED, "encrypted"),
    (libc.STATX_ATTR_VERITY, "verity"),
    (libc.STATX_ATTR_DAX, "dax"),
)
INODE_FLAGS: Names = (
    (inode.FS_COMPR_FL, "compress"),
    (inode.FS_IMMUTABLE_FL, "immutable"),
    (inode.FS_APPEND_FL, "append-only"),
    (inode.FS_NOCOMP_FL, "nocompress"),
    (inode.FS_ENCRYPT_FL, "encrypt"),
    (inode.FS_JOURNAL_DATA_FL, "journal-data"),
    (inode.FS_EXTENT_FL, "extents"),
    (inode.FS_VERITY_FL, "verity"),
    (inode.FS_NOCOW_FL, "nocow"),
    (inode.FS_DAX_FL, "dax"),
    (inode.FS_INLINE_DATA_FL, "inline-data"),
)
EXTENDED_FLAGS: Names = (
    (inode.FS_XFLAG_REALTIME, "realtime"),
    (inode.FS_XFLAG_EXTSIZE, "extent-size-hint"),
    (inode.FS_XFLAG_DAX, "dax"),
)


def decode(names: Names, value: int) -> tuple[str, ...]:
    """The names of the set bits; bits without a name here are left out."""
    return tuple(name for bit, name in names if value & bit)
