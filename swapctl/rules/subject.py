"""What rules ask of a snapshot, and the pieces that their findings are made of."""

from collections.abc import Callable

from swapctl.facts import BlockMap, ExtentMap, File, Snapshot, Spans, SwapArea, Unknown, need
from swapctl.filesystems import Filesystem, lookup
from swapctl.rules.engine import Evidence, Fix
from swapctl.setup_facts import Setup
from swapctl.text import quoted
from swapctl.units import format_bytes

STAT = "stat(2)"


def the_file(s: Snapshot) -> File:
    """The file; only for rules that apply where there is one."""
    return need(s.file) or need(Unknown("file", "the path leads nowhere"))


def found(s: Snapshot) -> bool:
    """Does the path lead to anything?"""
    return need(s.file) is not None


def regular(s: Snapshot) -> bool:
    """Is the candidate a regular file?"""
    return found(s) and the_file(s).kind == "regular"


def block(s: Snapshot) -> bool:
    """Is the candidate a block device?"""
    return found(s) and the_file(s).kind == "block"


def swappable(s: Snapshot) -> bool:
    """Is the candidate of a kind that the kernel can swap to?"""
    return regular(s) or block(s)


def fstype(s: Snapshot) -> str:
    """The type of the file's filesystem as mountinfo names it."""
    mount = need(s.mount)
    return mount.fstype if mount else need(Unknown("filesystem type", "no mount found"))


def filesystem_row(s: Snapshot) -> Filesystem | None:
    """The row of the file's filesystem, None for a type that the table does not have."""
    return lookup(fstype(s))


def mechanism(s: Snapshot) -> str | None:
    """What the running kernel does to activate the file; None for a type not in the table."""
    row = filesystem_row(s)
    if row is None or not row.probes:
        return row and row.mechanism
    return need(s.mechanism) or need(Unknown("mechanism", "not asked"))


def on(*names: str) -> Callable[[Snapshot], bool]:
    """Is the candidate a regular file on one of these filesystems?"""
    return lambda s: regular(s) and fstype(s) in names


def mapped_by(*mechanisms: str) -> Callable[[Snapshot], bool]:
    """Is it a regular file whose blocks swapon(2) learns by one of these mechanisms?"""

    def applies(s: Snapshot) -> bool:
        row = filesystem_row(s) if regular(s) else None
        return row is not None and row.mechanism in mechanisms

    return applies


def judged(s: Snapshot) -> bool:
    """Is it a regular file on a filesystem whose answers swapctl predicts from the extents?"""
    return mapped_by("iomap", "own")(s)


def release(s: Snapshot) -> tuple[int, ...]:
    """The first two numbers of the kernel's release."""
    parts = s.host.kernel.partition("-")[0].split(".")[:2]
    return tuple(int(n[:9]) for n in parts if n.isdecimal())


def patch_level(s: Snapshot) -> int:
    """The third number of the kernel's release, 0 where there is none."""
    parts = s.host.kernel.partition("-")[0].partition("+")[0].split(".")
    return int(parts[2][:9]) if len(parts) > 2 and parts[2].isdecimal() else 0


def counted(s: Snapshot) -> bool:
    """Is it a regular file of which the kernel maps no blocks: it asks a server for every page?"""
    return mapped_by("count")(s)


def by_blocks(s: Snapshot) -> bool:
    """Is it a regular file whose blocks swapon(2) asks for one after the other (bmap)?"""
    return mapped_by("bmap")(s)


def by_sections(s: Snapshot) -> bool:
    """Is it a regular file whose blocks swapon(2) takes, or moves, in whole sections (f2fs)?"""
    return mapped_by("sections")(s)


def networked(s: Snapshot) -> bool:
    """Is the file on a server?"""
    return need(s.network) is not None


def stacked(s: Snapshot) -> bool:
    """Does the candidate lie on block devices?"""
    return swappable(s) and need(s.storage) is not None


def surrounded(s: Snapshot) -> bool:
    """Was the machine around the candidate looked at?"""
    return swappable(s) and need(s.setup) is not None


def is_zram(area: SwapArea) -> bool:
    """Is the area in compressed memory?"""
    return area.path.startswith("/dev/zram")


def the_setup(s: Snapshot) -> Setup:
    """What else has to do with the candidate; only for rules that apply where that is known."""
    return need(s.setup) or need(Unknown("setup of the machine", "not looked at"))


def the_blocks(s: Snapshot) -> BlockMap:
    """The block map of a file that has one."""
    return need(s.blocks) or need(Unknown("block map", "the candidate has none"))


def the_extents(s: Snapshot) -> ExtentMap:
    """The extent map of a file that has one."""
    return need(s.extents) or need(Unknown("extent map", "the candidate has none"))


def open_errno(s: Snapshot) -> str | None:
    """What open(2) answered, None when it opened."""
    opening = need(s.opening)
    return opening.errno if opening else None


def active_area(s: Snapshot) -> SwapArea | None:
    """The active area that is this very file or device, whatever path it was activated by."""
    file = the_file(s)
    for area in need(s.areas):
        if file.kind == "block":
            if area.inode is None and area.device == file.special:
                return area
        elif area.device == file.device and need(area.inode) == file.inode:
            return area
    return None


def size_argument(size: int) -> str:
    """A byte count in the shortest exact form that `--size` takes."""
    for suffix, unit in (("T", 2**40), ("G", 2**30), ("M", 2**20), ("K", 2**10)):
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)


def recreate(s: Snapshot, reason: str = "Make a new file in its place:") -> Fix:
    """Replace the file by a fresh one of the same size."""
    size = the_file(s).size
    page = s.host.page_size
    wanted = max(size // page * page, 2**20)
    new = quoted(f"{s.path}.new")
    return Fix(
        reason,
        (
            f"swapctl prepare {new} --size {size_argument(wanted)}",
            f"mv {new} {quoted(s.path)}",
        ),
    )


def elsewhere(s: Snapshot) -> Fix:
    """Use another filesystem."""
    size = the_file(s).size if regular(s) else 0
    wanted = size_argument(max(size // s.host.page_size * s.host.page_size, 2**20))
    return Fix(
        "Use a filesystem that can hold swap, such as ext4, xfs or btrfs:",
        (f"swapctl prepare --fs ext4 --size {wanted}",),
    )


def span_evidence(name: str, spans: Spans, source: str) -> tuple[Evidence, ...]:
    """The first ranges, and how many more there are."""
    shown = [
        Evidence(
            name,
            span.offset,
            f"bytes {span.offset}-{span.offset + span.length - 1} ({format_bytes(span.length)})",
            source,
        )
        for span in spans.first
    ]
    more = spans.pieces - len(spans.first)
    if more:
        shown.append(
            Evidence(
                f"{name}s",
                spans.pieces,
                f"{more} more, {format_bytes(spans.bytes)} in all",
                source,
            )
        )
    return tuple(shown)


def as_of_others(s: Snapshot) -> Snapshot:
    """The same for another process of this user namespace, with all capabilities."""
    if isinstance(s.caller, Unknown):
        return s
    return s._replace(caller=s.caller._replace(uid=0, sys_admin=True))
