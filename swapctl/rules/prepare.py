"""Rules about the place of a swapfile that is still to be made; `prepare` stops at each."""

from collections.abc import Iterator

from swapctl.facts import FilesystemState, need
from swapctl.filesystems import lookup
from swapctl.place import Place
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.text import quoted, shown
from swapctl.trust import described, weak, writable
from swapctl.units import format_bytes

MIN_PAGES = 10
MAX_PAGES = 2**32 - 1
_MOUNTINFO = "mountinfo"


def always(_: Place) -> bool:
    """Applies to every place."""
    return True


def type_given(place: Place) -> bool:
    """Was --fs given?"""
    return place.wanted_type is not None


def _prepare(place: Place, **options: str) -> str:
    words = "".join(f" --{name} {value}" for name, value in options.items())
    return f"swapctl prepare {quoted(place.path)}{words}"


def shortage(place: Place, state: FilesystemState) -> int:
    """How many bytes are missing for the file and the reserve; at most 0 when it fits."""
    return place.size + place.reserve - state.available


@rule("place-exists", Severity.REFUSED, when=always)
def place_exists(p: Place) -> Iterator[Violation]:
    """Something already has this name.

    prepare never overwrites: what stands there may be somebody's data, or a swapfile in use.

    Fix: choose another name, or remove it yourself.

    Source: linkat(2), EEXIST.
    """
    if p.existing is not None:
        yield Violation(
            (Evidence("type", p.existing, p.existing, "stat(2)"),),
            Fix("See what it is; choose another name:", (f"swapctl check {quoted(p.path)}",)),
        )


@rule("place-filesystem-differs", Severity.REFUSED, when=type_given)
def place_filesystem_differs(p: Place) -> Iterator[Violation]:
    """The path lies on another type of filesystem than was asked for.

    --fs states where the file must live, so that a missing mount does not put it elsewhere.

    Fix: mount the filesystem, or correct the path.

    Source: /proc/self/mountinfo.
    """
    mount = need(p.mount)
    if mount.fstype != p.wanted_type:
        yield Violation(
            (
                Evidence("asked for", p.wanted_type, str(p.wanted_type), "--fs"),
                Evidence(
                    "found", mount.fstype, f"{mount.fstype} at {shown(mount.path)}", _MOUNTINFO
                ),
            ),
            Fix(
                "Correct the path, or state what is there:",
                (_prepare(p, fs=mount.fstype, size="SIZE"),),
            ),
        )


@rule("place-filesystem-unsuitable", Severity.REFUSED, when=always)
def place_filesystem_unsuitable(p: Place) -> Iterator[Violation]:
    """No safe swapfile can be made on this filesystem.

    Either the kernel cannot swap to its files, or a file there would not be safe, or how to make
    one is not known.

    Fix: use ext4, xfs or btrfs.

    Source: swapctl's filesystem table.
    """
    mount = need(p.mount)
    row = lookup(mount.fstype)
    if row is None or not row.recipe:
        reason = (row.why or row.hazard if row else "") or "prepare has no recipe for it"
        yield Violation(
            (
                Evidence(
                    "filesystem", mount.fstype, f"{mount.fstype} at {shown(mount.path)}", _MOUNTINFO
                ),
                Evidence("reason", reason, reason, "swapctl's filesystem table"),
            ),
            Fix(
                "Choose by type; the best mount of that type is taken:",
                ("swapctl prepare --fs ext4 --size SIZE",),
            ),
        )


@rule("place-read-only", Severity.REFUSED, when=always)
def place_read_only(p: Place) -> Iterator[Violation]:
    """The place cannot be written.

    The mount or the filesystem is read-only.

    Fix: remount it for writing, or choose another place.

    Source: /proc/self/mountinfo.
    """
    mount = need(p.mount)
    if "ro" in (*mount.options, *mount.super_options):
        yield Violation(
            (Evidence("mount", "ro", f"{shown(mount.path)} is read-only", _MOUNTINFO),),
            Fix("Remount it:", (f"mount -o remount,rw {quoted(mount.path)}",)),
        )


@rule("place-no-space", Severity.REFUSED, when=always)
def place_no_space(p: Place) -> Iterator[Violation]:
    """There is not enough space.

    A full filesystem breaks more than swap mends, so the file must fit and leave the reserve free.
    Project quotas count: the figures are those of the directory.

    Fix: choose a smaller size, a smaller --reserve, or free some space.

    Source: statfs(2), f_bavail.
    """
    state = need(p.filesystem)
    if shortage(p, state) > 0:
        unit = max(2**20, need(p.section))
        room = max(0, state.available - p.reserve) // unit * unit // 2**20
        yield Violation(
            (
                Evidence("available", state.available, format_bytes(state.available), "statfs(2)"),
                Evidence("size", p.size, format_bytes(p.size), "--size"),
                Evidence("reserve", p.reserve, format_bytes(p.reserve), "--reserve"),
            ),
            Fix(f"At most this fits: {room}M.", (_prepare(p, size=f"{room}M"),) if room else ()),
        )


@rule("place-untrusted", Severity.REFUSED, when=always)
def place_untrusted(p: Place) -> Iterator[Violation]:
    """Somebody other than root controls a directory on the path.

    They could put another file in the swapfile's place, and read the memory that goes there. The
    directory itself must be writable by root alone; above it a sticky directory will do. That holds
    also for a directory that only has a symbolic link of the path, and access control lists count.

    Fix: use a directory of root's own.

    Source: rename(2); inode(7), sticky bit; path_resolution(7); acl(5).
    """
    ancestors = need(p.ancestors)
    found = dict.fromkeys(weak(ancestors, 0))
    own = ancestors[-1]
    if writable(own):
        found[own] = None
    for directory in found:
        yield Violation(
            (Evidence("directory", directory.path, described(directory), "stat(2)"),),
            Fix(
                "Make a directory of root's own:", ("install -d -m 0700 -o root -g root DIRECTORY",)
            ),
        )


@rule("place-encrypted", Severity.REFUSED, when=always)
def place_encrypted(p: Place) -> Iterator[Violation]:
    """The directory is encrypted by its filesystem.

    A file made in it would be encrypted too, and swap would bypass the encryption or be refused.

    Fix: use a directory without an encryption policy, on an encrypted disk.

    Source: Documentation/filesystems/fscrypt.rst.
    """
    if "encrypt" in need(p.flags):
        yield Violation(
            (Evidence("directory flags", "encrypt", "encrypt", "FS_IOC_GETFLAGS"),),
            Fix("Choose a directory outside of the encrypted tree."),
        )


@rule("place-profile", Severity.REFUSED, when=always)
def place_profile(p: Place) -> Iterator[Violation]:
    """The data of this btrfs is not stored once, on one device.

    Swapfiles need the data profile single; on raid or dup profiles swapon(2) refuses every file.

    Fix: convert the data to single, or use another filesystem.

    Source: "swapfile must have single data profile", btrfs_swap_activate() in fs/btrfs/inode.c.
    """
    profiles = need(p.data_profiles)
    if profiles and "single" not in profiles:
        mount = need(p.mount)
        names = ", ".join(profiles)
        yield Violation(
            (Evidence("data profile", names, names, "chunk tree"),),
            Fix(
                "Convert the data:", (f"btrfs balance start -dconvert=single {quoted(mount.path)}",)
            ),
        )


@rule("size-too-small", Severity.REFUSED, when=always)
def size_too_small(p: Place) -> Iterator[Violation]:
    """The size is too small for a swap area.

    Ten pages are the least that mkswap(8) and this tool make.

    Fix: choose a larger size.

    Source: MIN_GOODPAGES in util-linux's mkswap.c.
    """
    least = MIN_PAGES * p.host.page_size
    if p.size < least:
        yield Violation(
            (Evidence("size", p.size, format_bytes(p.size), "--size"),),
            Fix(f"Use at least {format_bytes(least)}."),
        )


@rule("size-too-large", Severity.REFUSED, when=always)
def size_too_large(p: Place) -> Iterator[Violation]:
    """The size is more than one swap area can have.

    The header counts pages in 32 bits; what lies behind would never be used.

    Fix: make several areas.

    Source: last_page in union swap_header, include/linux/swap.h.
    """
    most = MAX_PAGES * p.host.page_size
    if p.size > most:
        yield Violation(
            (Evidence("size", p.size, format_bytes(p.size), "--size"),),
            Fix(f"Use at most {format_bytes(most)} for one area."),
        )
