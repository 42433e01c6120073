"""Rules about the filesystems of files that carry loop devices: what each write does there."""

from swapctl.facts import NotKnown, Snapshot, Unknown, need
from swapctl.filesystems import IN_MEMORY, ON_NETWORK, lookup
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, Look, layer_rule, seen
from swapctl.storage_facts import Layer
from swapctl.text import quoted

MOUNTINFO = "/proc/self/mountinfo"
UNLOGGED = Fix(
    "Make the area on a disk or partition, or on a filesystem that lies on one. Where it has to be "
    "above a file on a loop device: put that file on ext4 without a journal, or on vfat."
)
_MOVING = ("f2fs", "nilfs2", "zfs", "bcachefs", "ubifs", "jffs2")


def _on(types: tuple[str, ...]) -> Look:
    def look(layer: Layer) -> tuple[Evidence, ...]:
        if layer.file is None or layer.file.fstype not in types:
            return ()
        return seen("filesystem", layer.file.fstype, MOUNTINFO)

    return look


def _moves(layer: Layer) -> tuple[Evidence, ...]:
    file = layer.file
    if file is None:
        return ()
    if file.fstype in _MOVING:
        return seen("filesystem", file.fstype, MOUNTINFO)
    if file.fstype == "btrfs" and "nocow" not in need(file.flags):
        return (Evidence("inode flags", "", "NOCOW not set", "FS_IOC_GETFLAGS"),)
    return ()


def _without_cow(_s: Snapshot, layer: Layer) -> Fix:
    path = layer.file.path if layer.file else ""
    new = quoted(f"{path}.new")
    return Fix(
        "The flag takes effect only on an empty file: make a new one, and copy the contents while "
        "the loop device is not in use:",
        (
            f"install -m 600 /dev/null {new}",
            f"chattr +C {new}",
            f"dd if={quoted(path)} of={new} bs=1M conv=notrunc,fsync",
        ),
    )


storage_loop_cow = layer_rule(
    "storage-loop-cow",
    Severity.UNSAFE,
    _moves,
    _without_cow,
    """The file behind a loop device is written to a new place every time.

    It can deadlock: its filesystem copies on write or is a log, so every page-out allocates blocks
    and changes metadata, in a transaction that may wait for the memory that is to be freed.

    Fix: put the file on ext4. On btrfs the NOCOW flag, set while the file is empty, spares the new
    places, though not the transactions: see storage-loop-timestamps.

    Source: fs/btrfs/inode.c, run_delalloc_range(); seen on Linux 6.18: the blocks had moved.
    """,
)


def _journalled(layer: Layer) -> tuple[Evidence, ...]:
    file = layer.file
    if file is None or not file.fstype.startswith("ext"):
        return ()
    if "data=journal" in file.options:
        return seen("mount option", "data=journal", MOUNTINFO)
    return (
        seen("flag", "journal-data", "FS_IOC_GETFLAGS")
        if ("journal-data" in need(file.flags))
        else ()
    )


storage_loop_journal = layer_rule(
    "storage-loop-journal",
    Severity.UNSAFE,
    _journalled,
    Fix("Mount the lower filesystem without data=journal, or clear the file's flag j."),
    """The data of the file behind a loop device goes through the journal.

    It can deadlock: every page-out becomes a transaction of the lower filesystem, which may wait
    for the memory that the page-out is to free.

    Fix: use data=ordered for the lower filesystem.

    Source: ext4_journalled_write_end(), fs/ext4/inode.c.
    """,
)


def _stamped(layer: Layer) -> tuple[Evidence, ...]:
    file = layer.file
    if file is None:
        return ()
    row = lookup(file.fstype)
    if row is None:
        what = f"time stamps of {file.fstype}"
        raise NotKnown(Unknown(what, "whether it takes a transaction to store them is not known"))
    if not row.stamps or (row.stamps == "journal" and not need(file.journal)):
        return ()
    if row.stamps != "always" and need(file.lazy):
        return ()
    found = seen("filesystem", file.fstype, MOUNTINFO)
    if row.stamps == "journal":
        found += seen("journal", True, "sysfs ext4/*/journal_task")
    if "lazytime" in file.options:
        found += seen("mount option", "lazytime", MOUNTINFO)
    return found


def _spare(_s: Snapshot, layer: Layer) -> Fix:
    fstype, options = (layer.file.fstype, layer.file.options) if layer.file else ("", ())
    row = lookup(fstype)
    if row is None or row.stamps == "always" or "lazytime" in options:
        return UNLOGGED
    return Fix(
        f"{UNLOGGED.text} Some kernels, 6.1 and 7.2 among them, keep the time stamps in memory "
        "where they are asked to; check again to see whether this one does:",
        (f"mount -o remount,lazytime {quoted(layer.name)}",),
    )


storage_loop_timestamps = layer_rule(
    "storage-loop-timestamps",
    Severity.UNSAFE,
    _stamped,
    _spare,
    """The filesystem of the file behind a loop device logs when the file was changed.

    It can deadlock: a page-out is a write to that file, and a write moves the file's time stamp. To
    store it the filesystem takes a transaction, at most one for each tick of the clock, also where
    the blocks are overwritten in place. The transaction needs memory and room in the log, and may
    wait for a commit that waits for the memory that the page-out is to free.

    Direct I/O does not spare it. The mount option lazytime does on ext4 and XFS, where the kernel
    keeps to it: 6.1 and 7.2 do, 6.12 and 6.18 count a change of the inode with each time stamp and
    log that. On btrfs nothing helps, it updates the inode in a transaction whenever a write has
    ended.

    Fix: use a filesystem without a log below, or none; or lazytime, where the kernel keeps to it.

    Source: inode_update_timestamps(), fs/inode.c; ext4_dirty_inode(); xfs_vn_update_time();
    btrfs_finish_one_ordered(). Seen on Linux 6.1, 6.12, 6.18 and 7.2 with all three.
    """,
)

storage_loop_memory = layer_rule(
    "storage-loop-memory",
    Severity.UNSAFE,
    _on(IN_MEMORY),
    ELSEWHERE,
    """The file behind a loop device lives in memory.

    It can deadlock: a page written out takes up a page of memory, or goes to another swap area; it
    frees nothing, and the allocation for it fails when memory is short.

    Fix: put the file on a disk. For swap in memory there is zram.

    Source: shmem_write_begin(), mm/shmem.c.
    """,
)

storage_loop_network = layer_rule(
    "storage-loop-network",
    Severity.UNSAFE,
    _on(ON_NETWORK),
    Fix("Activate a swap file on the NFS mount itself, which marks its requests as swap traffic."),
    """The file behind a loop device is on a network filesystem.

    It can deadlock: the requests are not marked as swap traffic, because only swapon(2) on the file
    itself does that. Under pressure they wait for the memory that the page-out would free.

    Fix: use the swap file on the network filesystem directly, where that is supported.

    Source: rpc_clnt_swap_activate(), net/sunrpc/clnt.c, is reached by swapon(2) of the file only.
    """,
)


def _fuse(layer: Layer) -> tuple[Evidence, ...]:
    fstype = layer.file.fstype if layer.file else ""
    found = fstype in ("fuse", "fuseblk") or fstype.startswith("fuse.")
    return seen("filesystem", fstype, MOUNTINFO) if found else ()


storage_loop_fuse = layer_rule(
    "storage-loop-fuse",
    Severity.UNSAFE,
    _fuse,
    ELSEWHERE,
    """The file behind a loop device is served by a process (FUSE).

    It can deadlock: the process has to run and allocate memory for every page that is written out,
    and it can be swapped out itself.

    Fix: put the file on a filesystem of the kernel's own.

    Source: Documentation/filesystems/fuse/fuse.rst.
    """,
)
