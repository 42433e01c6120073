"""What `status` shows: the active areas, zswap and zram, as records.

Sizes are bytes. None is "not known" or "does not apply", never zero.
"""

from typing import NamedTuple

from swapctl.facts import ExtentMap, Host, Mount, Snapshot, SwapArea, SwapHeader, Unknown
from swapctl.storage_facts import Layer


class Seen(NamedTuple):
    """An area and what its path leads to. `stale` says whether that is something else, with the
    `note` why; it is None when that cannot be told. `snapshot` is None when there is none."""

    area: SwapArea
    snapshot: Snapshot | None
    stale: bool | None
    note: str | None


class AreaStatus(NamedTuple):
    """One active area. `type` is file, partition or zram; `extents` are contiguous pieces;
    `verdict` is that of `check`, or "stale" when the path leads elsewhere; `storage` are the
    layers below, None where there is no block device or the area is stale."""

    name: str
    type: str
    size: int
    used: int
    priority: int
    fstype: str | None
    device: str | None
    extents: int | None
    mount: str | None
    uuid: str | None
    label: str | None
    verdict: str
    stale: bool | None
    note: str | None
    storage: tuple[Layer, ...] | Unknown | None


class Zswap(NamedTuple):
    """The compressed cache in front of all areas: `stored` bytes of pages in `pool` of memory."""

    enabled: bool
    compressor: str | None
    zpool: str | None
    max_pool_percent: int | None
    stored: int | None
    pool: int | None


class Zram(NamedTuple):
    """A compressed block device in memory: `original` bytes of data, `compressed` to so many, for
    which `memory` is used, bookkeeping included."""

    name: str
    size: int | None
    algorithm: str | None
    original: int | None
    compressed: int | None
    memory: int | None


class Status(NamedTuple):
    """Everything that `status` prints; `inactive` are the paths asked for that are no areas."""

    host: Host
    areas: tuple[AreaStatus, ...]
    zswap: Zswap | None
    zram: tuple[Zram, ...]
    inactive: tuple[str, ...]


def _extents(s: Snapshot) -> int | None:
    """btrfs tells through its chunk tree what the extent map cannot."""
    if s.btrfs is not None:
        if isinstance(s.btrfs, Unknown) or isinstance(s.btrfs.placement, Unknown):
            return None
        return s.btrfs.placement.runs
    return s.extents.runs if isinstance(s.extents, ExtentMap) else None


def area_status(seen: Seen, verdict: str) -> AreaStatus:
    """The record of an area; of one that is stale only what the kernel itself says."""
    area, s = seen.area, seen.snapshot
    mount = header = device = storage = None
    if s is not None and not seen.stale:
        # A device's own mount would be that of /dev.
        mount = s.mount if isinstance(s.mount, Mount) and area.kind == "file" else None
        header = s.header if isinstance(s.header, SwapHeader) else None
        device = None if isinstance(s.device, Unknown) or s.device is None else s.device.name
        storage = s.storage
    zram = area.kind == "partition" and (device or "").startswith("zram")
    return AreaStatus(
        name=area.path,
        type="zram" if zram else area.kind,
        size=area.size,
        used=area.used,
        priority=area.priority,
        fstype=mount.fstype if mount else None,
        device=device,
        extents=None if s is None or seen.stale else _extents(s),
        mount=mount.path if mount else None,
        uuid=(header.uuid or None) if header else None,
        label=(header.label or None) if header else None,
        verdict=verdict,
        stale=seen.stale,
        note=seen.note,
        storage=storage,
    )
