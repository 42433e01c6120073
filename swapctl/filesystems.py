"""One row per filesystem: whether and how the kernel swaps to its files, and how to make one.

Mechanism, what swapon(2) does to learn where the blocks are:
  iomap   iomap_swapfile_activate(), fs/iomap/swapfile.c
  bmap    generic_swapfile_activate(), mm/page_io.c
  own     code of the filesystem's own that looks at the extents (btrfs)
  sections  the same, but moves what does not fill whole sections (f2fs)
  count   nothing can be asked: the blocks must cover the size (NFS, CIFS), or always do (zonefs)
  none    it cannot; `answer` is how it says so
Answer: "silent" is EINVAL without a log line, before the header is read (no read_folio);
"holes" is EINVAL with "swapon: swapfile has holes" (no bmap); "read-only" is EROFS at open;
"activation" is EINVAL without a log line, from the filesystem's own swap_activate.
Recipe, how `prepare` makes a file: "write", "nocow" (the flag first, then write), "pin" (pinned
first, in whole sections, then write), "" (it does not).
"""

from typing import NamedTuple


class Probe(NamedTuple):
    """Functions of the kernel that, all of them there, show what swapon(2) does."""

    symbols: tuple[str, ...]
    mechanism: str


class Filesystem(NamedTuple):
    """What is known of a filesystem type, named as in /proc/filesystems.

    `why` is the reason when the mechanism is none; `hazard` why files that the kernel accepts are
    unsafe all the same. Where kernels differ, `probes` tell what the running one does, the first
    that fits; the row's own mechanism then is what the file can be asked by. `masked` says that all
    files have the mode that the mount option fmask leaves, and the owner of its uid. `waits` says
    that another machine or a process answers for it, and system calls wait until that does.
    `stamps` is what it costs to overwrite blocks of a file in place, because that moves the time
    of change: "" nothing that is logged, "logged" a transaction, "journal" one where there is a
    journal, and "always" one that the mount option lazytime does not spare.
    """

    name: str
    mechanism: str
    answer: str = ""
    recipe: str = ""
    why: str = ""
    hazard: str = ""
    probes: tuple[Probe, ...] = ()
    masked: bool = False
    waits: bool = False
    stamps: str = ""


_IN_MEMORY = "its files live in memory and page cache, there is no disk below to swap to"
_READ_ONLY = "it is read-only by design; swap has to be written"
_NETWORK = "it gives the swap layer no map of disk blocks and has no swap I/O of its own"
_PSEUDO = "its files are views of kernel state, not storage"
_CLUSTER = (
    "other nodes of the cluster do not know that the blocks are in use, and cluster locks have to "
    "be taken over the network while memory is short"
)

_UNMARKED = (
    "its network requests are not marked as swap traffic, so under memory pressure they wait for "
    "the memory that the page-out would free"
)

_UNFINISHED = "its driver has code for swap, but none that reads and writes the pages"
# Until Linux 7.2 swap goes through swap_rw, or not at all; the function that calls it tells so.
_SMB = (
    Probe(("cifs_swap_activate", "cifs_swap_rw"), "count"),
    Probe(("cifs_swap_activate", "swap_write_unplug"), "none"),
)
_EXFAT = (
    Probe(("exfat_iomap_swap_activate",), "iomap"),
    Probe(("exfat_aop_bmap",), "bmap"),
)

ROWS = (
    Filesystem("ext2", "iomap", recipe="write", stamps="journal"),
    Filesystem("ext3", "iomap", recipe="write", stamps="journal"),
    Filesystem("ext4", "iomap", recipe="write", stamps="journal"),
    Filesystem("xfs", "iomap", recipe="write", stamps="logged"),
    Filesystem("btrfs", "own", recipe="nocow", stamps="always"),
    Filesystem("f2fs", "sections", recipe="pin"),
    Filesystem("nfs", "count", recipe="write", waits=True),
    Filesystem("nfs4", "count", recipe="write", waits=True),
    *(
        Filesystem(
            name,
            "count",
            "activation",
            why=_UNFINISHED,
            hazard=_UNMARKED,
            probes=_SMB,
            waits=True,
        )
        for name in ("cifs", "smb3")
    ),
    # One piece of the disk, as large as the file; there is no way to ask where.
    Filesystem("zonefs", "count"),
    Filesystem("exfat", "bmap", recipe="write", masked=True, probes=_EXFAT),
    Filesystem("ntfs", "iomap", recipe="write"),
    Filesystem("ntfs3", "bmap", recipe="write"),
    Filesystem("vfat", "bmap", recipe="write", masked=True),
    Filesystem("msdos", "bmap", masked=True),
    Filesystem("jfs", "bmap", recipe="write"),
    Filesystem("minix", "bmap", recipe="write"),
    Filesystem("hfs", "bmap"),
    Filesystem("hfsplus", "bmap"),
    Filesystem("udf", "bmap", recipe="write"),
    *(Filesystem(name, "bmap") for name in ("ufs", "sysv", "bfs", "omfs", "affs", "adfs", "hpfs")),
    Filesystem("reiserfs", "bmap", stamps="always"),
    Filesystem("gfs2", "bmap", hazard=_CLUSTER, waits=True, stamps="always"),
    Filesystem("ocfs2", "bmap", hazard=_CLUSTER, waits=True, stamps="always"),
    Filesystem(
        "fuseblk",
        "bmap",
        hazard="a userspace server owns the blocks: it may move or free them without knowing of "
        "the swap area, and it can itself be swapped out",
        waits=True,
    ),
    Filesystem(
        "ecryptfs",
        "bmap",
        hazard="the blocks are those of the lower file: swap would overwrite its header and go to "
        "the disk unencrypted, and the stacked filesystem has no block device to write to",
    ),
    Filesystem("tmpfs", "none", "silent", why=_IN_MEMORY),
    Filesystem("devtmpfs", "none", "silent", why=_IN_MEMORY),
    Filesystem("hugetlbfs", "none", "silent", why=_IN_MEMORY),
    Filesystem("ramfs", "none", "holes", why=_IN_MEMORY),
    Filesystem(
        "overlay",
        "none",
        "silent",
        why="a stacked filesystem cannot promise which layer's blocks a file keeps; the same file "
        "on the filesystem of the upper layer can work",
    ),
    *(
        Filesystem(name, "none", "read-only", why=_READ_ONLY)
        for name in (
            *("squashfs", "erofs", "iso9660", "cramfs", "romfs"),
            *("befs", "efs", "vxfs", "qnx4", "qnx6"),
        )
    ),
    Filesystem(
        "fuse",
        "none",
        "holes",
        why="every request goes to a userspace server, which may itself be swapped out",
        waits=True,
    ),
    Filesystem("virtiofs", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("9p", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("ceph", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("afs", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("orangefs", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("vboxsf", "none", "holes", why=_NETWORK, waits=True),
    Filesystem("coda", "none", "silent", why=_NETWORK, waits=True),
    Filesystem("hostfs", "none", "holes", why=_NETWORK, waits=True),
    Filesystem(
        "zfs",
        "none",
        "holes",
        why="it copies on write and cannot give a file fixed disk blocks; swap on a zvol is known "
        "to deadlock as well",
    ),
    Filesystem(
        "bcachefs", "none", "holes", why="it copies on write and gives the swap layer no map"
    ),
    Filesystem("nilfs2", "none", "holes", why="it is log-structured: blocks move at every write"),
    Filesystem("ubifs", "none", "holes", why="it is log-structured on raw flash: blocks move"),
    Filesystem("jffs2", "none", "holes", why="it is log-structured on raw flash: blocks move"),
    Filesystem("proc", "none", "silent", why=_PSEUDO),
    # Pages of these read as zeros, so the missing signature is what is logged.
    Filesystem("sysfs", "none", "holes", why=_PSEUDO),
    Filesystem("cgroup", "none", "holes", why=_PSEUDO),
    Filesystem("cgroup2", "none", "holes", why=_PSEUDO),
)

# A kernel with this function (since 6.6; 7.2 has it no more) logs time stamps in spite of lazytime:
# with each of them it counts a change of the inode.
STAMPS_FORCED = "inode_update_timestamps"

# Up to this release btrfs may look at the committed extent tree at activation.
BTRFS_LOOKS_BACK = (6, 12)

NFS = ("nfs", "nfs4")
# Types whose files are on a server, at an address that their mount options name.
SERVED = (*NFS, "cifs", "smb3", "ceph")

# Types whose block size is that of requests to somebody else, not one of the page cache.
REQUESTED = (*SERVED, "9p", "afs", "coda", "fuse", "hostfs", "orangefs", "vboxsf", "virtiofs")

# Types whose files have no blocks on this machine: they are memory, or another machine keeps them.
IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs", "hugetlbfs", "rootfs")
ON_NETWORK = tuple(name for name in REQUESTED if name != "fuse")

BY_NAME = {row.name: row for row in ROWS}


def lookup(fstype: str) -> Filesystem | None:
    """The row of a filesystem type as mountinfo names it ("fuse.sshfs" is fuse); None if new."""
    return BY_NAME.get(fstype) or BY_NAME.get(fstype.partition(".")[0])


def waits(fstype: str) -> bool:
    """May a system call on such a filesystem never return? One that is not known may."""
    row = lookup(fstype)
    return row is None or row.waits
