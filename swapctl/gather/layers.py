"""What lies below the candidate, or a place for one: where the walk down begins."""

from swapctl.f2fs_facts import F2fsState
from swapctl.facts import Device, File, Mount, Snapshot, SwapHeader
from swapctl.filesystems import lookup
from swapctl.gather.devices import devices, realtime_source
from swapctl.gather.ranges import Ranges, merged
from swapctl.gather.reading import attempt
from swapctl.gather.walk import Walk
from swapctl.linux import fiemap, sysblock
from swapctl.storage_facts import Layer
from swapctl.unknown import Unknown


def _area(header: SwapHeader | Unknown | None, page_size: int) -> Ranges | None:
    """What a swap area on a device occupies of it; all of it, as far as is known."""
    if not isinstance(header, SwapHeader) or header.signature_page_size != page_size:
        return None
    return [(0, (header.last_page + 1) * page_size)] if header.last_page > 0 else None


def _blocks(reader: int | Unknown, size: int) -> Ranges | None:
    """The addresses of the file's blocks, None where there is no map of them."""
    if isinstance(reader, Unknown):
        return None
    rows = attempt(
        "extent map",
        lambda: merged((row[1], row[2]) for row in fiemap.rows(reader, size, sync=False)),
    )
    return None if isinstance(rows, Unknown) else rows


def _plain(number: str) -> bool:
    found = attempt("device", lambda: sysblock.layered(sysblock.entry(number)))
    return isinstance(found, Unknown) or not found


def _on_first(state: F2fsState, device: Device | Unknown | None) -> bool:
    """Does swap I/O get to the file's blocks, which it looks for on the first device only?"""
    if state.devices == 1:
        return True
    walk = state.walk
    if isinstance(walk, Unknown) or isinstance(device, Unknown) or device is None:
        return False
    return walk.end <= device.size and not walk.passes and walk.tail_at is None


def below(mount: Mount | Unknown, fd: int) -> tuple[Layer, ...] | Unknown | None:
    """The layers below all of a filesystem, for a new file may come to lie anywhere on it; `fd` is
    something there. None for what lies on no block device."""
    if isinstance(mount, Unknown):
        return mount
    row = lookup(mount.fstype)
    if row is not None and row.mechanism in ("none", "count"):
        return None
    found = devices(fd, mount)
    if isinstance(found, Unknown):
        return found
    walk = Walk()
    for number in found:
        walk.visit(number, None)
    return tuple(walk.layers)


def look(s: Snapshot, file: File, reader: int | Unknown) -> tuple[Layer, ...] | Unknown | None:
    """The layers below a file or block device; None for what lies on no block device."""
    found = walked(s, file, reader)
    return tuple(found.layers) if isinstance(found, Walk) else found


def walked(s: Snapshot, file: File, reader: int | Unknown) -> Walk | Unknown | None:
    """The way down to these layers. The file's blocks are looked up only where something below
    depends on them."""
    mount = s.mount
    walk = Walk()
    if file.kind == "block":
        walk.visit(file.special or "", _area(s.header, s.host.page_size))
        return walk
    if file.kind != "regular" or mount is None:
        return None
    if isinstance(mount, Unknown):
        return mount
    row = lookup(mount.fstype)
    if row is not None and row.mechanism in ("none", "count"):
        return None
    if isinstance(s.f2fs, F2fsState) and not _on_first(s.f2fs, s.device):
        return Unknown("block devices", "the file is not on the first device of its f2fs alone")
    if isinstance(reader, Unknown):
        # Without the file there is no more to go by than what its mount says.
        found: tuple[str, ...] | Unknown = (
            Unknown("block devices", reader.reason)
            if mount.device.startswith("0:") or realtime_source(mount)
            else (mount.device,)
        )
    else:
        found = devices(reader, mount)
    if isinstance(found, Unknown):
        return found
    if len(found) == 1 and _plain(found[0]):
        walk.visit(found[0], None)
        return walk
    # Only here, for on a plain device it does not matter where the file is.
    from swapctl.gather import carrier

    places = (
        dict.fromkeys(found)
        if isinstance(reader, Unknown)
        else carrier.places(reader, mount, _blocks(reader, file.size))
    )
    if isinstance(places, Unknown):
        return places
    for number, ranges in places.items():
        walk.visit(number, ranges)
    return walk
