"""Rules of btrfs, in the order of btrfs_swap_activate() in fs/btrfs/inode.c."""

from collections.abc import Iterator

from swapctl.facts import BtrfsPlacement, BtrfsState, Snapshot, Unknown, need
from swapctl.filesystems import BTRFS_LOOKS_BACK
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.extents import FIEMAP, btrfs_log, btrfs_order
from swapctl.rules.subject import (
    on,
    patch_level,
    recreate,
    release,
    span_evidence,
    the_extents,
    the_file,
)
from swapctl.text import quoted

_GETFLAGS = "FS_IOC_GETFLAGS"
_CHUNKS = "chunk tree"
# Of the last series that looks back, the first number that does not: 6.12.8.
_MENDED_SINCE = 8
on_btrfs = on("btrfs")


def _state(s: Snapshot) -> BtrfsState:
    return need(s.btrfs) or need(Unknown("btrfs state", "not read"))


def _placement(s: Snapshot) -> BtrfsPlacement:
    return need(_state(s).placement)


@rule("btrfs-compressed", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_compressed(s: Snapshot) -> Iterator[Violation]:
    """The file is compressed.

    Compressed data has no page-by-page place on the disk. A mount option compress= alone does not
    matter once the file has the NOCOW attribute.

    Fix: make a new file; prepare sets NOCOW, which excludes compression.

    Source: BTRFS_INODE_COMPRESS in btrfs_swap_activate(), fs/btrfs/inode.c; btrfs(5), SWAPFILE.
    """
    encoded = the_extents(s).encoded
    log = btrfs_log(s, "swapfile must not be compressed")
    if "compress" in need(the_file(s).flags):
        seen = (Evidence("inode flags", "compress", "compress (+c) set", _GETFLAGS),)
        yield Violation(seen, recreate(s), errno="EINVAL", log=log, at=0)
    elif encoded.pieces:
        yield Violation(
            span_evidence("compressed range", encoded, FIEMAP),
            recreate(s),
            errno="EINVAL",
            log=log,
            at=btrfs_order(encoded.first[0].offset, 2),
        )


@rule("btrfs-cow", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_cow(s: Snapshot) -> Iterator[Violation]:
    """File data is copy-on-write.

    Swap is written to fixed disk blocks; copy-on-write would move them on every write.

    Fix: the NOCOW attribute takes effect only on an empty file, so make a new one.

    Source: BTRFS_INODE_NODATACOW in btrfs_swap_activate(), fs/btrfs/inode.c; btrfs(5), SWAPFILE.
    """
    if "nocow" not in need(the_file(s).flags):
        yield Violation(
            (Evidence("inode flags", "nocow", "NOCOW not set", _GETFLAGS),),
            recreate(s, "The flag takes effect only on an empty file; make a new one:"),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must not be copy-on-write"),
            at=1,
        )


@rule("btrfs-shared", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_shared(s: Snapshot) -> Iterator[Violation]:
    """Extents are shared with a snapshot or a clone.

    A shared extent has to be copied before it is written, NOCOW or not. One snapshot of the
    subvolume is enough, and deleting it helps only after the cleaner has run.

    Fix: delete the snapshot and wait for the cleaner, or make a new file in a subvolume of its own.

    Source: can_nocow_extent() in btrfs_swap_activate(), fs/btrfs/inode.c.
    """
    shared = the_extents(s).shared
    if shared.pieces:
        mount = need(s.mount)
        sync = f"btrfs subvolume sync {quoted(mount.path if mount else '/')}"
        yield Violation(
            span_evidence("shared range", shared, FIEMAP),
            Fix(
                "Delete the snapshots that hold it, wait for the cleaner, or make a new file:",
                (sync, *recreate(s).commands),
            ),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must not be copy-on-write"),
            at=btrfs_order(shared.first[0].offset, 3),
        )


def _looks_back(s: Snapshot) -> bool:
    """Does this kernel look for other users in the last committed state?"""
    if release(s) == BTRFS_LOOKS_BACK and patch_level(s) == 0:
        # Distributions may count in another way.
        need(Unknown("the kernel's answer", f"{s.host.kernel} may have been mended"))
    return (release(s), patch_level(s)) < (BTRFS_LOOKS_BACK, _MENDED_SINCE)


@rule("btrfs-used-before", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_used_before(s: Snapshot) -> Iterator[Violation]:
    """The file's data has other users in the last committed state.

    After a snapshot is deleted or a balance has moved the data, the last committed state still has
    the other users. Older kernels look there and refuse the file. Where the file's parts came to be
    referred to separately, they refuse it for good.

    Fix: commit the state with btrfs filesystem sync and ask again; if that does not help, make a
    new file.

    Source: btrfs_cross_ref_exist() for btrfs_swap_activate(), fs/btrfs/inode.c; mended by "btrfs:
    fix swap file activation failure due to extents that used to be shared", Linux 6.13 and 6.12.8.
    """
    before = _state(s).used_before
    plain = "nocow" in need(the_file(s).flags) and not the_extents(s).shared.pieces
    if plain and before is not None and before is not False and _looks_back(s):
        need(before)
        mount = need(s.mount)
        sync = f"btrfs filesystem sync {quoted(mount.path if mount else '/')}"
        yield Violation(
            (Evidence("committed extent tree", True, "names other users", "superblock"),),
            Fix(
                "Commit, and check again; if it stays, make a new file:",
                (sync, *recreate(s).commands),
            ),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must not be copy-on-write"),
            at=btrfs_order(0, 3),
        )


@rule("btrfs-checksummed", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_checksummed(s: Snapshot) -> Iterator[Violation]:
    """File data is checksummed.

    Swap I/O bypasses btrfs and would leave the checksums wrong. Files made NOCOW while empty have
    none: the kernel sets both flags at once. The tree is written some time after that, so flags in
    it count only once it shows NOCOW.

    Fix: make a new file.

    Source: BTRFS_INODE_NODATASUM in btrfs_swap_activate(), fs/btrfs/inode.c.
    """
    flags = need(_state(s).inode_flags)
    if "nodatacow" in flags and "nodatasum" not in flags:
        yield Violation(
            (Evidence("inode flags", "nodatasum", "NODATASUM not set", "inode item"),),
            recreate(s),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must not be checksummed"),
            at=2,
        )


@rule("btrfs-exclusive-operation", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_exclusive_operation(s: Snapshot) -> Iterator[Violation]:
    """Another exclusive operation is running on the filesystem.

    Balance, device add, remove and replace, and resize move chunks about, so no swapfile can be
    activated meanwhile; a paused balance counts too.

    Fix: wait for it to end, or cancel it.

    Source: btrfs_exclop_start() in btrfs_swap_activate(), fs/btrfs/inode.c.
    """
    operation = need(_state(s).exclusive_operation)
    if operation != "none":
        mount = need(s.mount)
        where = quoted(mount.path if mount else "/")
        yield Violation(
            (
                Evidence(
                    "exclusive operation",
                    operation,
                    operation,
                    "/sys/fs/btrfs/FSID/exclusive_operation",
                ),
            ),
            Fix(
                "Wait for it to end; a balance shows its state with:",
                (f"btrfs balance status {where}",),
            ),
            errno="EBUSY",
            log=btrfs_log(s, "cannot activate swapfile while exclusive operation is running"),
            at=3,
        )


@rule("btrfs-profile", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_profile(s: Snapshot) -> Iterator[Violation]:
    """The file's data has a profile other than single.

    Swap writes go to one place; a profile that keeps copies or stripes would need btrfs to
    duplicate them. What counts is the profile of the block groups that hold the file.

    Fix: convert the data to single, or use another filesystem.

    Source: BTRFS_BLOCK_GROUP_PROFILE_MASK in btrfs_swap_activate(), fs/btrfs/inode.c.
    """
    placement = _placement(s)
    if placement.profile_at is not None:
        mount = need(s.mount)
        where = quoted(mount.path if mount else "/")
        names = ", ".join(placement.profiles)
        yield Violation(
            (Evidence("data profile", names, names, _CHUNKS),),
            Fix(
                "Convert the data of the whole filesystem, then check again:",
                (f"btrfs balance start -dconvert=single {where}",),
            ),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must have single data profile"),
            at=btrfs_order(placement.profile_at, 4),
        )


@rule("btrfs-devices", Severity.REFUSED, stage=Stage.MAP, when=on_btrfs)
def btrfs_devices(s: Snapshot) -> Iterator[Violation]:
    """The file is spread over several devices.

    A swap area is one device to the kernel. A filesystem of several devices can hold swapfiles,
    but each file has to lie on one of them.

    Fix: make a new, smaller file and check it, or use a filesystem of one device.

    Source: "swapfile must be on one device" in btrfs_swap_activate(), fs/btrfs/inode.c.
    """
    placement = _placement(s)
    if placement.device_at is not None:
        numbers = ", ".join(str(n) for n in placement.device_ids)
        yield Violation(
            (Evidence("device ids", numbers, numbers, _CHUNKS),),
            recreate(s, "A new file may come to lie on one device:"),
            errno="EINVAL",
            log=btrfs_log(s, "swapfile must be on one device"),
            at=btrfs_order(placement.device_at, 5),
        )
