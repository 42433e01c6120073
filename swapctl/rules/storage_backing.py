"""Rules about the filesystems of files that carry loop devices: what each write does there."""

from swapctl.facts import Snapshot, need
from swapctl.filesystems import IN_MEMORY, ON_NETWORK
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, Look, layer_rule, seen
from swapctl.storage_facts import Layer
from swapctl.text import quoted

MOUNTINFO = "/proc/self/mountinfo"
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

    Fix: put the file on ext4 or XFS; on btrfs make it anew with the NOCOW flag set while empty.

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
