"""Rules about reaching and opening the path the way swapon(2) does: for reading and writing."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.rules.call import always
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import (
    STAT,
    active_area,
    block,
    found,
    fstype,
    open_errno,
    recreate,
    regular,
    the_file,
)
from swapctl.text import quoted

_LOOKUP = {
    "ENOENT": "Nothing exists at this path",
    "ELOOP": "The symbolic links on the path form a loop",
    "ENAMETOOLONG": "The path, or a name in it, is too long",
    "ENOTDIR": "A component of the path is not a directory",
    "EACCES": "A directory on the path may not be searched",
}
_EXPLAINED = {"EISDIR", "ETXTBSY", "EROFS", "EBUSY"}


def _opening_errno(s: Snapshot, otherwise: str) -> str:
    """What open(2) really answered, where it was tried and failed; else what the rule expects."""
    opening = s.opening
    if opening is None or isinstance(opening, Unknown):
        return otherwise
    return opening.errno or otherwise


def _locked(s: Snapshot) -> bool:
    attributes = the_file(s).attributes
    return not isinstance(attributes, Unknown) and bool(
        {"immutable", "append-only", "verity"} & set(attributes)
    )


@rule("path-unreachable", Severity.REFUSED, stage=Stage.OPEN, when=always)
def path_unreachable(s: Snapshot) -> Iterator[Violation]:
    """The path leads nowhere.

    swapon(2) follows the path, symbolic links included, and has to arrive at a file or a block
    device.

    Fix: correct the path, or make the file.

    Source: path_resolution(7); file_open_name() in SYSCALL_DEFINE2(swapon), mm/swapfile.c.
    """
    if s.lookup:
        yield Violation(
            (Evidence("path lookup", s.lookup, s.lookup, STAT),),
            Fix(
                "Correct the path, or make the file:",
                (f"swapctl prepare {quoted(s.path)} --size 1G",),
            )
            if s.lookup == "ENOENT"
            else Fix("Correct the path."),
            title=_LOOKUP.get(s.lookup),
            errno=s.lookup,
        )


@rule("file-directory", Severity.REFUSED, stage=Stage.OPEN, when=found)
def file_directory(s: Snapshot) -> Iterator[Violation]:
    """The path is a directory.

    A directory cannot be opened for writing, so swapon(2) answers EISDIR.

    Fix: name a file inside it.

    Source: open(2), EISDIR.
    """
    if the_file(s).kind == "directory":
        path = quoted(s.path.rstrip("/") + "/swapfile")
        yield Violation(
            (Evidence("type", "directory", "directory", STAT),),
            Fix("Name a file inside it:", (f"swapctl prepare {path} --size 1G",)),
            errno="EISDIR",
        )


def _attribute(s: Snapshot, name: str, fix: Fix) -> Iterator[Violation]:
    if name in need(the_file(s).attributes):
        yield Violation(
            (Evidence("attribute", name, name, "statx(2)"),),
            fix,
            errno=_opening_errno(s, "EPERM"),
        )


@rule("file-immutable", Severity.REFUSED, stage=Stage.OPEN, when=regular)
def file_immutable(s: Snapshot) -> Iterator[Violation]:
    """The file is immutable.

    A file with the immutable attribute cannot be opened for writing, not even by root.

    Fix: take the attribute away; it can be set again while the area is active.

    Source: FS_IMMUTABLE_FL, ioctl_iflags(2); inode_permission() in fs/namei.c.
    """
    yield from _attribute(
        s, "immutable", Fix("Take the attribute away:", (f"chattr -i {quoted(s.path)}",))
    )


@rule("file-append-only", Severity.REFUSED, stage=Stage.OPEN, when=regular)
def file_append_only(s: Snapshot) -> Iterator[Violation]:
    """The file is append-only.

    Swap is written in place, which the append-only attribute forbids; the open fails with EPERM.

    Fix: take the attribute away.

    Source: FS_APPEND_FL, ioctl_iflags(2); may_open() in fs/namei.c.
    """
    yield from _attribute(
        s, "append-only", Fix("Take the attribute away:", (f"chattr -a {quoted(s.path)}",))
    )


@rule("file-verity", Severity.REFUSED, stage=Stage.OPEN, when=regular)
def file_verity(s: Snapshot) -> Iterator[Violation]:
    """The file is sealed by fs-verity.

    Its contents are authenticated and can never be written again.

    Fix: make a new file.

    Source: Documentation/filesystems/fsverity.rst.
    """
    yield from _attribute(s, "verity", recreate(s))


@rule("mount-read-only", Severity.REFUSED, stage=Stage.OPEN, when=regular)
def mount_read_only(s: Snapshot) -> Iterator[Violation]:
    """The file lies on a read-only mount, filesystem or subvolume.

    swapon(2) opens the file for writing; a read-only superblock, a read-only bind mount and a
    read-only btrfs subvolume or snapshot each answer EROFS.

    Fix: remount it for writing; for a subvolume, clear its read-only property.

    Source: open(2), EROFS; mnt_want_write() in fs/namespace.c.
    """
    mount = need(s.mount)
    seen: list[Evidence] = []
    commands: list[str] = []
    if mount and "ro" in mount.super_options:
        seen.append(Evidence("filesystem", "ro", f"{mount.fstype} is read-only", "mountinfo"))
        commands.append(f"mount -o remount,rw {quoted(mount.path)}")
    elif mount and "ro" in mount.options:
        seen.append(Evidence("mount", "ro", f"{mount.path} is mounted read-only", "mountinfo"))
        commands.append(f"mount -o remount,bind,rw {quoted(mount.path)}")
    btrfs = None if s.btrfs is None or isinstance(s.btrfs, Unknown) else s.btrfs
    if btrfs and btrfs.subvolume_read_only is True:
        seen.append(Evidence("subvolume", "ro", "read-only", "BTRFS_IOC_SUBVOL_GETFLAGS"))
        commands.append("btrfs property set -ts SUBVOLUME ro false")
    if seen or open_errno(s) == "EROFS":
        seen = seen or [Evidence("open", "EROFS", "EROFS", "open(2)")]
        fix = Fix("Make it writable:", tuple(commands)) if commands else Fix("Use another place.")
        yield Violation(tuple(seen), fix, errno=_opening_errno(s, "EROFS"))


@rule("file-executing", Severity.REFUSED, stage=Stage.OPEN, when=regular)
def file_executing(s: Snapshot) -> Iterator[Violation]:
    """The file is a program that is running.

    A file that is being executed cannot be opened for writing (ETXTBSY). It is hardly meant to be
    swap.

    Fix: check the path.

    Source: open(2), ETXTBSY; get_write_access() in include/linux/fs.h.
    """
    if open_errno(s) == "ETXTBSY":
        yield Violation(
            (Evidence("open", "ETXTBSY", "ETXTBSY", "open(2)"),),
            Fix("Check the path; if it is right, stop the program first."),
            errno="ETXTBSY",
        )


@rule("device-busy", Severity.REFUSED, stage=Stage.OPEN, when=block)
def device_busy(s: Snapshot) -> Iterator[Violation]:
    """The device is in use.

    swapon(2) claims a block device for itself; one that is mounted, part of a volume or array, or
    opened exclusively by a program cannot be claimed.

    Fix: free the device; never swap to a device that holds data.

    Source: O_EXCL on block devices, open(2); bd_prepare_to_claim() in block/bdev.c.
    """
    if open_errno(s) != "EBUSY" or active_area(s):
        return
    device = need(s.device)
    seen = [Evidence("open", "EBUSY", "EBUSY", "open(2) with O_EXCL")]
    for path in device.mounted_at if device else ():
        seen.append(Evidence("mounted at", path, path, "mountinfo"))
    for holder in device.holders if device else ():
        seen.append(Evidence("held by", holder, holder, "sysfs holders"))
    yield Violation(
        tuple(seen), Fix("Find out what uses it:", (f"lsblk {quoted(s.path)}",)), errno="EBUSY"
    )


@rule("open-denied", Severity.REFUSED, stage=Stage.OPEN, when=found)
def open_denied(s: Snapshot) -> Iterator[Violation]:
    """The file cannot be opened for writing.

    The kernel opens the file as the caller before it looks at anything else. A security module, a
    server that maps root to somebody else, or a failing disk can refuse.

    Fix: the errno tells; see open(2).

    Source: file_open_name() in SYSCALL_DEFINE2(swapon), mm/swapfile.c.
    """
    kind = the_file(s).kind
    untried = kind == "character" and isinstance(s.opening, Unknown)
    if kind == "directory" or untried:
        return
    errno = open_errno(s)
    if errno and errno not in _EXPLAINED and not (errno == "EPERM" and _locked(s)):
        where = f" ({fstype(s)})" if regular(s) else ""
        yield Violation(
            (Evidence("open", errno, f"{errno}{where}", "open(2)"),),
            Fix("Look up the errno in open(2); check security modules and server exports."),
            errno=errno,
        )
