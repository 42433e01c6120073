"""The filesystems on the way down: which blocks of which devices a file has."""

from typing import NamedTuple

from swapctl.facts import Mount
from swapctl.filesystems import IN_MEMORY, ON_NETWORK, STAMPS_FORCED, lookup
from swapctl.gather.devices import devices, special
from swapctl.gather.ranges import Below, Ranges, Under, add, under
from swapctl.gather.reading import attempt
from swapctl.linux import btrfs, ext4, fiemap, inode, libc, mounts, names, symbols
from swapctl.storage_facts import BackingExtents, BackingFile
from swapctl.unknown import Unknown


class Lying(NamedTuple):
    """A file that carries something: what is known of it, and where its blocks are."""

    file: BackingFile
    below: Below | Unknown


def without_blocks(fstype: str) -> bool:
    """Do files there live in memory, on a server or with a process?"""
    return fstype in (*IN_MEMORY, *ON_NETWORK, "fuse") or fstype.startswith("fuse.")


def mount_of(fd: int) -> Mount:
    """The mount that an open file was reached through. Raises OSError when it is not visible."""
    number = libc.statx(fd, libc.STATX_MNT_ID).mount_id
    found = mounts.by_id(mounts.read(), number)
    if found is None:
        raise OSError(None, f"no mount has the id {number}")
    return found


def journal(mount: Mount) -> bool | Unknown | None:
    """Does the filesystem have a journal? None where its type says all."""
    row = lookup(mount.fstype)
    if row is None or row.stamps != "journal":
        return None
    return attempt(f"journal of {mount.path}", lambda: ext4.journal(mount.device, mount.fstype))


def lazy(options: tuple[str, ...]) -> bool | Unknown:
    """Do times of change stay in memory on a mount with these options?"""
    if "lazytime" not in options:
        return False
    found = attempt("names of the kernel's functions", lambda: symbols.present((STAMPS_FORCED,)))
    return found if isinstance(found, Unknown) else not found


def _btrfs_places(fd: int, blocks: Ranges) -> Below:
    """Every copy counts. Profiles that stripe or compute parity are taken as the whole chunk."""
    chunks = btrfs.chunks(fd)
    paths: dict[int, str] = {}
    below: Below = {}
    for start, length in blocks:
        address, end = start, start + length
        while address < end:
            found = btrfs.locate(chunks, address)
            if found is None:
                raise OSError(None, f"address {address} is in no btrfs chunk")
            chunk, offset = found
            piece = min(end - address, chunk.length - offset)
            copies = btrfs.profile_name(chunk.type_flags) in ("single", "dup", "raid1")
            for device, place in chunk.stripes:
                if device not in paths:
                    paths[device] = special(btrfs.device_path(fd, device))
                range_ = (place + offset, piece) if copies else (place, chunk.length)
                add(below, paths[device], [range_])
            address += piece
    return below


def places(fd: int, mount: Mount, blocks: Ranges | None) -> Below | Unknown:
    """Where the blocks of a file are, which are addresses of its filesystem; None is anywhere."""
    found = devices(fd, mount)
    if isinstance(found, Unknown):
        return found
    if blocks is None:
        return dict.fromkeys(found)
    if mount.fstype == "btrfs":
        return attempt("chunk tree", lambda: _btrfs_places(fd, blocks))
    return {found[0]: blocks}


def lies(fd: int, path: str, ranges: Ranges) -> tuple[Mount, Lying]:
    """The file behind `fd`, of which the candidate occupies the ranges.

    Reading the map writes dirty data of the file back first. Raises OSError when its mount is not
    visible.
    """
    mount = mount_of(fd)
    fstype = mount.fstype
    extents: BackingExtents | Unknown | None = None
    below: Below | Unknown = {}
    if not without_blocks(fstype):
        mapped = attempt(f"extent map of {path}", lambda: _mapped(fd, ranges))
        if isinstance(mapped, Unknown):
            extents, below = mapped, places(fd, mount, None)
        else:
            extents, below = mapped.extents, places(fd, mount, mapped.blocks)
    flags = attempt("inode flags", lambda: names.decode(names.INODE_FLAGS, inode.get_flags(fd)))
    options = (*mount.options, *mount.super_options)
    file = BackingFile(path, fstype, options, flags, extents, journal(mount), lazy(options))
    return mount, Lying(file, below)


def _mapped(fd: int, ranges: Ranges) -> Under:
    if not ranges:  # an empty candidate is nowhere
        return under((), ranges)
    start, end = ranges[0][0], ranges[-1][0] + ranges[-1][1]
    return under(fiemap.rows(fd, end, start=start), ranges)
