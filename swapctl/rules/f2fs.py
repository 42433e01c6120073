"""Rules of f2fs, in the order of f2fs_swap_activate() in fs/f2fs/data.c."""

from collections.abc import Iterator

from swapctl.f2fs_facts import F2fsState, F2fsWalk
from swapctl.facts import Snapshot, Unknown, need
from swapctl.rules.bmap import wanted_pages
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.extents import FIEMAP
from swapctl.rules.subject import on, patch_level, recreate, release, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes

_SUPERBLOCK = "superblock"
_MOUNTINFO = "mountinfo"
# Where swapon(2) has a tail moved too: "f2fs: support file pinning for zoned devices", Linux 6.9,
# and in the stable series 6.6.
_TAIL_MOVED_FROM = (6, 9)
_TAIL_MOVED_TOO = ((6, 6),)
# "f2fs: fix to avoid mapping wrong physical block for swapfile": Linux 7.0 and these.
_MAPPED_RIGHT_FROM = (7, 0)
_MAPPED_RIGHT_SINCE: dict[tuple[int, ...], int] = {
    (6, 6): 127,
    (6, 12): 74,
    (6, 18): 13,
    (6, 19): 3,
}

on_f2fs = on("f2fs")


def the_state(s: Snapshot) -> F2fsState:
    """The superblock of the file's filesystem, and the walk."""
    return need(s.f2fs) or need(Unknown("f2fs state", "not read"))


def the_walk(s: Snapshot) -> F2fsWalk:
    """What swapon(2) meets in the file."""
    return need(the_state(s).walk)


def _tail_moved(s: Snapshot) -> bool:
    """Does this kernel move also what fills no section, at the end of the file?"""
    return release(s) >= _TAIL_MOVED_FROM or release(s) in _TAIL_MOVED_TOO


def _first_hole(s: Snapshot) -> tuple[int, bool] | None:
    """The hole that stops swapon(2), and whether it comes upon it as the next piece."""
    walk = the_walk(s)
    if walk.hole_at is not None:
        return walk.hole_at, walk.hole_met
    hole = walk.tail_hole_at
    if hole is None:
        return None
    if _tail_moved(s):
        return hole, False
    return (hole, True) if hole < wanted_pages(s) * s.host.page_size else None


def _said(s: Snapshot, *texts: str) -> str | None:
    """Lines as f2fs logs them; None when the device's name is not known."""
    if s.device is None or isinstance(s.device, Unknown):
        return None
    return "\n".join(f"F2FS-fs ({s.device.name}): {text}" for text in texts) or None


def _walk_log(s: Snapshot) -> str | None:
    """What the walk logs on its way, and at its end."""
    walk, hole = the_walk(s), _first_hole(s)
    passes = walk.passes
    lines = []
    if walk.tail_at is not None and _tail_moved(s):
        passes += 1
    elif walk.tail_at is not None:
        lines = ["Swapfile: last extent is not aligned to section"] * walk.tail_pieces
        passes += walk.tail_pieces
    if hole is not None and hole[1]:
        lines.append("Swapfile has holes")
    if passes:
        lines.append(
            f"Swapfile ({passes}) is not align to section: 1) creat(), 2) "
            f"ioctl(F2FS_IOC_SET_PIN_FILE), 3) fallocate({the_state(s).section} * N)"
        )
    return _said(s, *lines)


@rule("f2fs-lfs-mode", Severity.REFUSED, stage=Stage.MAP, when=on_f2fs)
def f2fs_lfs_mode(s: Snapshot) -> Iterator[Violation]:
    """The filesystem is mounted in LFS mode.

    In this mode every write goes to a new place, and swap has to be written in place.

    Zoned devices are always in LFS mode; since Linux 6.9 their conventional zones may hold swap.

    Fix: mount it with mode=adaptive, or use another filesystem.

    Source: f2fs_lfs_mode() in f2fs_swap_activate(), fs/f2fs/data.c; "f2fs: support file pinning for
    zoned devices", Linux 6.9.
    """
    mount = need(s.mount)
    if mount is None or "mode=lfs" not in mount.super_options:
        return
    if _tail_moved(s) and the_state(s).zoned:
        return
    yield Violation(
        (Evidence("mount option", "mode=lfs", "mode=lfs", _MOUNTINFO),),
        Fix(
            "Unmount it and mount it in the usual mode:",
            (
                f"umount {quoted(mount.path)}",
                f"mount -o mode=adaptive {quoted(mount.source)} {quoted(mount.path)}",
            ),
        ),
        errno="EINVAL",
        log=_said(s, "Swapfile not supported in LFS mode"),
        at=0,
    )


@rule("f2fs-compressed", Severity.REFUSED, stage=Stage.MAP, when=on_f2fs)
def f2fs_compressed(s: Snapshot) -> Iterator[Violation]:
    """The file has the compression attribute.

    Compressed data has no page-by-page place on the disk, and the kernel takes the attribute away
    only from files without blocks. It logs nothing.

    Fix: make a new file; prepare pins it while it is empty, which switches compression off.

    Source: f2fs_disable_compressed_file() in fs/f2fs/f2fs.h.
    """
    if "compress" in need(the_file(s).flags):
        yield Violation(
            (Evidence("inode flags", "compress", "compress (+c) set", "FS_IOC_GETFLAGS"),),
            recreate(s),
            errno="EINVAL",
            at=1,
        )


@rule("f2fs-holes", Severity.REFUSED, stage=Stage.MAP, when=on_f2fs)
def f2fs_holes(s: Snapshot) -> Iterator[Violation]:
    """Parts of the file have no disk blocks.

    A page swapped out to a hole has nowhere to go. What the header counts has to be allocated, and
    on newer kernels the rest of its last section too.

    A hole inside of a section that would be moved ends that move: before Linux 6.9 with ENOENT.

    Fix: make a new file.

    Source: check_swap_activate() and f2fs_migrate_blocks(), fs/f2fs/data.c.
    """
    hole = _first_hole(s)
    if hole is not None:
        offset, met = hole
        yield Violation(
            (Evidence("first hole", offset, f"byte {offset}", FIEMAP),),
            recreate(s),
            errno="EINVAL" if met or _tail_moved(s) else "ENOENT",
            log=_walk_log(s),
            at=2,
        )


def _moved(s: Snapshot) -> int:
    """The bytes that swapon(2) would move."""
    walk = the_walk(s)
    return walk.moved + (walk.tail_bytes if _tail_moved(s) else 0)


@rule("f2fs-little-room", Severity.REFUSED, stage=Stage.MAP, when=on_f2fs)
def f2fs_little_room(s: Snapshot) -> Iterator[Violation]:
    """There may be too few free sections to move the blocks to.

    Without them swapon(2) fails with ENOSPC, perhaps only after minutes of cleaning: how much that
    frees cannot be told before, so the answer is undecided.

    Fix: make room, or a file of whole sections, as prepare does.

    Source: f2fs_allocate_pinning_section(), fs/f2fs/segment.c; on Linux 6.12 a 110 MiB file on a
    full filesystem was refused after four minutes, Linux 6.1 took it in two seconds.
    """
    moved = _moved(s)
    if moved and _first_hole(s) is None:
        state = the_state(s)
        wanted = -(-moved // state.section) * state.section
        if need(state.room) < wanted:
            need(
                Unknown(
                    "room for the blocks to be moved",
                    f"{format_bytes(wanted)} to be moved, {format_bytes(need(state.room))} free",
                )
            )
    yield from ()


@rule("f2fs-wrong-blocks", Severity.UNSAFE, when=on_f2fs)
def f2fs_wrong_blocks(s: Snapshot) -> Iterator[Violation]:
    """This kernel would swap to blocks that are not the file's.

    It goes wrong with what fills no section at the end of the file. Linux 6.6 and 6.9 to 6.19 move
    it and then use its old place, which other files may get: their data is overwritten. Kernels
    before 6.9 leave it where it is, also where it has no place yet: those pages cannot be written.

    Only the release tells; distributions may have repaired theirs.

    Fix: make a file of whole sections, as prepare does.

    Source: "f2fs: fix to avoid mapping wrong physical block for swapfile", Linux 7.0, 6.19.3,
    6.18.13, 6.12.74 and 6.6.127; on Linux 6.1 the page-out to a fallocated file of 1 MiB failed.
    """
    walk = the_walk(s)
    if walk.tail_at is None or _first_hole(s) is not None:
        return
    seen = [
        Evidence("beyond whole sections", walk.tail_bytes, format_bytes(walk.tail_bytes), FIEMAP),
        Evidence("kernel", s.host.kernel, s.host.kernel, "uname(2)"),
    ]
    if _tail_moved(s):
        right = _MAPPED_RIGHT_SINCE.get(release(s))
        wrong = patch_level(s) < right if right is not None else release(s) < _MAPPED_RIGHT_FROM
    else:
        wrong = bool(walk.tail_unplaced)
        size = format_bytes(walk.tail_unplaced)
        seen.append(Evidence("without blocks yet", walk.tail_unplaced, size, FIEMAP))
    if wrong:
        yield Violation(tuple(seen), recreate(s))


@rule("f2fs-other-device", Severity.UNSAFE, when=on_f2fs)
def f2fs_other_device(s: Snapshot) -> Iterator[Violation]:
    """Blocks of the file lie on another device than the first.

    The swap layer knows the first device of the filesystem only, and takes the addresses of all of
    them for its own: what lies behind its end cannot be written.

    Where blocks are moved at activation, their new place cannot be told before.

    Fix: make a new, smaller file and check it, or use a filesystem of one device.

    Source: check_swap_activate(), fs/f2fs/data.c, does not look at the device; seen on Linux 6.1
    and 6.12: page-out failed.
    """
    state, walk = the_state(s), the_walk(s)
    if state.devices == 1:
        return
    size = need(s.device)
    room = size.size if size is not None else need(Unknown("device size", "no device found"))
    several = Evidence("devices", state.devices, str(state.devices), _SUPERBLOCK)
    if walk.end > room:
        end = f"byte {walk.end}, the first device ends at {room}"
        yield Violation(
            (several, Evidence("last block", walk.end, end, FIEMAP)),
            recreate(s, "A new file may come to lie on the first device:"),
        )
    elif walk.passes or walk.tail_at is not None:
        yield Violation(
            (several, Evidence("to be moved", walk.moved, format_bytes(walk.moved), FIEMAP)),
            recreate(s),
            title="Blocks may be moved to another device than the first",
        )


@rule("f2fs-unaligned", Severity.WARNING, when=on_f2fs)
def f2fs_unaligned(s: Snapshot) -> Iterator[Violation]:
    """The file does not consist of whole sections.

    swapon(2) first moves the blocks to free sections: it reads and writes them all, needs as much
    free space again, and on a slow device takes minutes.

    What fills no section at the end is moved anew at every activation since Linux 6.9, often with
    the sections before it; earlier kernels leave it where it is. The kernel logs it either way.

    Fix: make a new file; prepare has it allocated in whole sections, which are used as they are.

    Source: check_swap_activate() and f2fs_migrate_blocks(), fs/f2fs/data.c.
    """
    walk = the_walk(s)
    if _first_hole(s) is not None or not (walk.passes or walk.tail_at is not None):
        return
    section = the_state(s).section
    moved = _moved(s)
    yield Violation(
        (
            Evidence("section", section, format_bytes(section), _SUPERBLOCK),
            Evidence("to be moved", moved, format_bytes(moved), FIEMAP),
        ),
        recreate(s),
        log=_walk_log(s),
    )
