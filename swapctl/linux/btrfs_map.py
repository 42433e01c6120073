"""Where a btrfs file really lies: FIEMAP's logical addresses through the chunk tree."""

import errno
from collections.abc import Iterable, Sequence

from swapctl.facts import BtrfsPlacement
from swapctl.linux.btrfs import Chunk, locate, profile_name
from swapctl.linux.extent_map import RunCounter
from swapctl.linux.fiemap import FIEMAP_EXTENT_DATA_INLINE, FIEMAP_EXTENT_UNKNOWN, Extent

_NOT_LOCATED = FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_UNKNOWN


def place(
    extents: Iterable[Extent], chunks: Sequence[Chunk], size: int, page_size: int
) -> BtrfsPlacement:
    """Translate the extents of a file of `size` bytes, piece by piece, as btrfs_swap_activate().

    Raises OSError(EUCLEAN) when an address is in no chunk; balance may just have moved it.
    """
    covered = size // page_size * page_size
    runs = RunCounter(page_size)
    profiles: list[str] = []
    devices: list[int] = []
    profile_at = device_at = first_physical = None
    for extent in extents:
        if extent.flags & _NOT_LOCATED:
            continue
        logical, address = extent.logical, extent.physical
        end = min(logical + extent.length, covered)
        while logical < end:
            place_of = locate(chunks, address)
            if place_of is None:
                raise OSError(errno.EUCLEAN, f"address {address} is in no btrfs chunk")
            chunk, offset = place_of
            device, start = chunk.stripes[0]
            profile = profile_name(chunk.type_flags)
            length = min(end - logical, chunk.length - offset)
            if profile not in profiles:
                profiles.append(profile)
            if profile != "single" and profile_at is None:
                profile_at = logical
            if device not in devices:
                devices.append(device)
            if device != devices[0] and device_at is None:
                device_at = logical
            if logical == 0:
                first_physical = start + offset
            runs.add(start + offset, length)
            logical += length
            address += length
    pieces, usable = runs.totals()
    return BtrfsPlacement(
        profiles=tuple(profiles),
        device_ids=tuple(devices),
        profile_at=profile_at,
        device_at=device_at,
        runs=pieces,
        usable_pages=usable,
        first_physical=first_physical,
    )
