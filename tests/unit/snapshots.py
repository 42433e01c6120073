"""Snapshots that violate and pass each rule: small variations of recorded machines."""

from collections.abc import Callable
from typing import Any, TypeVar

from swapctl.facts import (
    Ancestor,
    BlockMap,
    BtrfsPlacement,
    Caller,
    Opener,
    Opening,
    Snapshot,
    Span,
    Spans,
    SwapArea,
    need,
)
from tests.golden.regenerate import report
from tests.unit import snapshots_f2fs, snapshots_network, snapshots_setup, snapshots_storage

R = TypeVar("R")


def recorded(machine: str) -> Snapshot:
    return report(machine).snapshot


EXT4 = recorded("ext4-ready")
XFS = recorded("xfs-ready")
BTRFS = recorded("btrfs-ready")
DEVICE = recorded("loop-device")

SIZE = 64 * 2**20
PAGE = 4096


def alter(record: R, **changes: Any) -> R:
    """The record with other values; names that are computed need no types here."""
    replace: Callable[..., R] = getattr(record, "_replace")  # noqa: B009
    return replace(**changes)


def vary(s: Snapshot, record: str, **changes: Any) -> Snapshot:
    """The snapshot with other values in one of its records."""
    before = getattr(s, record)
    assert hasattr(before, "_replace"), f"{record} was not recorded"
    return alter(s, **{record: alter(before, **changes)})


def file(s: Snapshot, **changes: Any) -> Snapshot:
    return vary(s, "file", **changes)


def header(s: Snapshot, **changes: Any) -> Snapshot:
    return vary(s, "header", **changes)


def extents(s: Snapshot, **changes: Any) -> Snapshot:
    return vary(s, "extents", **changes)


def mount(s: Snapshot, **changes: Any) -> Snapshot:
    return vary(s, "mount", **changes)


def device(s: Snapshot, **changes: Any) -> Snapshot:
    return vary(s, "device", **changes)


def opened(s: Snapshot, errno: str | None) -> Snapshot:
    return s._replace(opening=Opening(errno, "open(2), O_RDWR"))


def placed(**changes: Any) -> Snapshot:
    state = need(BTRFS.btrfs)
    assert state is not None
    placement: BtrfsPlacement = need(state.placement)
    return vary(BTRFS, "btrfs", placement=placement._replace(**changes))


def spans(*ranges: tuple[int, int]) -> Spans:
    found = tuple(Span(*one) for one in ranges)
    return Spans(len(found), sum(one.length for one in found), found[:3])


def area(s: Snapshot) -> SwapArea:
    """The candidate itself, active."""
    seen = need(s.file)
    assert seen is not None
    block = seen.kind == "block"
    return SwapArea(
        path=s.path,
        kind="partition" if block else "file",
        size=SIZE - PAGE,
        used=0,
        priority=-2,
        deleted=False,
        device=seen.special if block else seen.device,
        inode=None if block else seen.inode,
    )


def crowded(count: int) -> Snapshot:
    """So many other areas are active; the kernel takes 29."""
    other = area(EXT4)._replace(path="/other", inode=1)
    return vary(EXT4._replace(areas=(other,) * count), "host", max_areas=29)


HOLE = spans((8 * PAGE, PAGE))
MIDDLE = spans((SIZE // 2, PAGE))
START = spans((0, PAGE))
ROOT = Ancestor("/", 0o755, 0, 0, (), False)
FOREIGN_ROOT = (ROOT, ROOT._replace(path="/data", mode=0o777))
STICKY = (ROOT, ROOT._replace(path="/data", mode=0o1777))
CONTAINER = EXT4._replace(caller=Caller(0, True, False))
RECORDED_HOLES = recorded("ext4-holes-0644")

WHOLE = BlockMap(block_size=512, hole_at=None, pages=SIZE // PAGE, runs=1, first_physical=PAGE)
VFAT = mount(EXT4, fstype="vfat")._replace(extents=None, blocks=WHOLE)
CIFS = mount(EXT4, fstype="cifs", super_options=("vers=3.1.1", "rsize=4194304"))._replace(
    extents=None, mechanism="count"
)


def zone(folder: str) -> Snapshot:
    there = mount(EXT4, fstype="zonefs", path="/zones", root="/")
    return there._replace(extents=None, resolved=f"/zones/{folder}/3")


LONG = header(EXT4, last_page=2**32 - 2)
TWICE = header(DEVICE, bad_page_count=2, bad_pages=(7, 7))

# Rule -> (a snapshot that violates it, one that it passes).
EXAMPLES: dict[str, tuple[Snapshot, Snapshot]] = {
    "kernel-without-swap": (vary(EXT4, "host", swap_supported=False), EXT4),
    "caller-capability": (CONTAINER, EXT4),
    "areas-exhausted": (crowded(29), crowded(28)),
    "area-active": (EXT4._replace(areas=(area(EXT4),)), crowded(3)),
    "path-unreachable": (recorded("path-missing"), EXT4),
    "file-directory": (recorded("directory"), EXT4),
    "file-immutable": (opened(file(EXT4, attributes=("immutable",)), "EPERM"), EXT4),
    "file-append-only": (opened(file(EXT4, attributes=("append-only",)), "EPERM"), EXT4),
    "file-verity": (opened(file(EXT4, attributes=("verity",)), "EPERM"), EXT4),
    "mount-read-only": (opened(mount(EXT4, options=("ro",)), "EROFS"), EXT4),
    "file-executing": (opened(EXT4, "ETXTBSY"), EXT4),
    "device-busy": (opened(device(DEVICE, mounted_at=("/data",)), "EBUSY"), DEVICE),
    "open-denied": (opened(EXT4, "EIO"), EXT4),
    "file-type": (file(EXT4, kind="fifo"), EXT4),
    "file-unlinked": (file(EXT4, unlinked=True, links=0), EXT4),
    "file-encryption-bypassed": (file(EXT4, attributes=("encrypted",)), EXT4),
    "file-large-folios": (vary(XFS, "filesystem", block_size=16384), XFS),
    "file-dax": (file(XFS, attributes=("dax",)), XFS),
    "file-tail-lost": (file(EXT4, size=SIZE + 1), EXT4),
    "header-missing": (EXT4._replace(header=None), EXT4),
    "header-suspend-image": (header(DEVICE, signature="S1SUSPEND"), DEVICE),
    "header-page-size": (header(EXT4, signature_page_size=65536), EXT4),
    "header-version": (header(EXT4, version=2), EXT4),
    "header-empty": (header(EXT4, last_page=0), EXT4),
    "header-too-long": (header(EXT4, last_page=SIZE // PAGE), EXT4),
    "header-bad-pages": (header(EXT4, bad_page_count=1, bad_pages=(7,)), EXT4),
    "header-bad-page-range": (
        vary(header(DEVICE, bad_page_count=1, bad_pages=(0,)), "host", kernel="7.3.4"),
        header(DEVICE, bad_page_count=1, bad_pages=(7,)),
    ),
    "header-bad-page-twice": (vary(TWICE, "host", kernel="7.10.2"), TWICE),
    "header-oversized": (vary(LONG, "host", max_area_pages=2**31), LONG),
    "header-short": (header(EXT4, last_page=99), EXT4),
    "header-byte-order": (header(EXT4, byte_order="big"), EXT4),
    "filesystem-unsupported": (recorded("tmpfs"), EXT4),
    "filesystem-hazard": (mount(EXT4, fstype="ocfs2"), EXT4),
    "file-holes": (RECORDED_HOLES, EXT4),
    "file-delayed": (extents(EXT4, delayed=HOLE), EXT4),
    "file-inline": (extents(EXT4, inline=START), EXT4),
    "file-shared": (recorded("xfs-reflinked"), XFS),
    "extents-unwritten-refused": (
        vary(extents(EXT4, unwritten=MIDDLE), "host", kernel="5.8.0-63-generic"),
        extents(EXT4, unwritten=MIDDLE),
    ),
    "area-no-page": (extents(EXT4, usable_pages=0), EXT4),
    "area-empty": (extents(EXT4, usable_pages=1), EXT4),
    "blocks-missing": (VFAT._replace(blocks=WHOLE._replace(hole_at=8 * PAGE, pages=8)), VFAT),
    "blocks-misaligned": (VFAT._replace(blocks=WHOLE._replace(pages=9)), VFAT),
    "cifs-holes": (file(CIFS, blocks_512=0), CIFS),
    "extents-trimmed": (recorded("ext4-1k-scattered"), EXT4),
    "file-fragmented": (recorded("ext4-1k-scattered"), EXT4),
    "extents-unwritten": (RECORDED_HOLES, EXT4),
    "zonefs-sequential": (zone("seq"), zone("cnv")),
    "btrfs-compressed": (recorded("btrfs-cow-compressed-holes"), BTRFS),
    "btrfs-cow": (recorded("btrfs-cow-compressed-holes"), BTRFS),
    "btrfs-shared": (extents(BTRFS, shared=MIDDLE), BTRFS),
    "btrfs-used-before": (
        vary(vary(BTRFS, "btrfs", used_before=True), "host", kernel="6.1.0-50-amd64"),
        vary(vary(BTRFS, "btrfs", used_before=True), "host", kernel="6.12.117+deb13-amd64"),
    ),
    "btrfs-checksummed": (vary(BTRFS, "btrfs", inode_flags=("nodatacow",)), BTRFS),
    "btrfs-exclusive-operation": (vary(BTRFS, "btrfs", exclusive_operation="balance"), BTRFS),
    "btrfs-profile": (recorded("btrfs-raid1"), BTRFS),
    "btrfs-devices": (placed(device_ids=(1, 2), device_at=SIZE // 2), BTRFS),
    "ext4-journalled-data": (file(EXT4, flags=("extents", "journal-data")), EXT4),
    "device-zoned": (device(DEVICE, zoned="host-managed"), DEVICE),
    "device-read-only": (recorded("loop-device-read-only"), DEVICE),
    "device-has-holders": (device(DEVICE, holders=("dm-0",)), DEVICE),
    "file-mode": (RECORDED_HOLES, EXT4),
    "file-owner": (file(EXT4, uid=1000), EXT4),
    "file-acl": (file(EXT4, acl=("user:1000:rw-",)), file(EXT4, acl=("user:1000:---",))),
    "file-links": (file(EXT4, links=2), EXT4),
    "directory-untrusted": (
        EXT4._replace(ancestors=FOREIGN_ROOT),
        EXT4._replace(ancestors=STICKY),
    ),
    "file-open-by-others": (EXT4._replace(openers=(Opener(77, "reader", 1000, "read"),)), EXT4),
    "swapon8-skips": (RECORDED_HOLES, EXT4),
    "swapon8-blind": (extents(EXT4, holes=HOLE), EXT4),
    "swapon8-rewrites": (header(DEVICE, signature="LINHIB0001"), DEVICE),
    "swapon8-warns": (RECORDED_HOLES, EXT4),
    **snapshots_network.EXAMPLES,
    **snapshots_f2fs.EXAMPLES,
    **snapshots_storage.EXAMPLES,
    **snapshots_setup.EXAMPLES,
}

# Rules that never find anything: what they are about leaves the kernel's answer open.
OPEN_QUESTIONS: dict[str, tuple[Snapshot, Snapshot]] = {
    "file-encrypted": (file(EXT4, attributes=("encrypted",)), EXT4),
    "filesystem-unjudged": (mount(EXT4, fstype="newfs"), EXT4),
    "cifs-small-buffers": (mount(CIFS, super_options=("vers=3.0", "rsize=4096")), CIFS),
    **snapshots_f2fs.OPEN_QUESTIONS,
    "xfs-realtime": (file(XFS, xflags=("realtime",)), XFS),
}
