"""The file or device behind a loop device: found by the path, recognised by its identity."""

import os
import stat
from typing import NamedTuple

from swapctl.facts import Mount
from swapctl.gather import carrier
from swapctl.gather.patience import on_the_way, waiting
from swapctl.gather.ranges import Below, Ranges, cut, moved, spans
from swapctl.gather.reading import attempt, device_number
from swapctl.linux import loop, mounts
from swapctl.linux.loop import Identity
from swapctl.linux.sysblock import Entry
from swapctl.storage_facts import BackingFile, Layer, LoopState
from swapctl.unknown import Unknown

_DELETED = " (deleted)"


class Backing(NamedTuple):
    """What is behind a loop device: a layer of its own where that is a file, which was looked at
    if it is known where `inside` the candidate is."""

    state: LoopState | None
    layer: Layer | None
    below: Below | Unknown
    lacks: Unknown | None
    inside: Ranges | None = None


def _is(path: str, identity: Identity) -> bool:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return (device_number(status.st_dev), status.st_ino) == identity


def _out_of_sight(
    identity: Identity, path: str, deleted: bool, name: str, depth: int
) -> tuple[Layer | None, Below | Unknown, Unknown | None]:
    """The filesystem may be visible although the file is not: then it is told what it is."""
    reason = (
        "it was deleted, its blocks cannot be looked at"
        if deleted
        else f"{path} leads to another file or to none: it may be of another mount namespace"
    )
    lacks = Unknown(f"backing file of {name}", reason)
    table = attempt("mounts", mounts.read)
    seen = () if isinstance(table, Unknown) else table
    mount = next((m for m in seen if m.device == identity.device), None)
    if mount is None:
        return None, {}, lacks
    none = carrier.without_blocks(mount.fstype)
    options = (*mount.options, *mount.super_options)
    extents = None if none else lacks
    journal, lazy = carrier.journal(mount), carrier.lazy(options)
    file = BackingFile(path, mount.fstype, options, lacks, extents, journal, lazy)
    whole: Below = {} if none or mount.device.startswith("0:") else {mount.device: None}
    return _layer(mount, file, depth, None), whole, None if none else lacks


def _of_server(path: str, mount: Mount) -> BackingFile:
    lost = Unknown("inode flags", "not asked for: the server may not answer")
    extents = None if carrier.without_blocks(mount.fstype) else lost
    options = (*mount.options, *mount.super_options)
    return BackingFile(path, mount.fstype, options, lost, extents, None, lazy=False)


def _layer(mount: Mount, file: BackingFile, depth: int, ranges: Ranges | None) -> Layer:
    return Layer(
        depth=depth,
        kind="filesystem",
        name=mount.path,
        number=mount.device,
        size=0,
        # Not of the mount: the device's own way there may be another one.
        read_only="ro" in mount.super_options,
        part=None if ranges is None else spans(ranges),
        file=file,
    )


def look(one: Entry, ranges: Ranges, depth: int, root: str) -> Backing:
    """What is behind the loop device; `depth` is that of a layer below it."""
    setup = attempt(f"setup of {one.name}", lambda: loop.setup(one))
    if isinstance(setup, Unknown):
        return Backing(None, None, {}, setup)
    path = setup.backing
    state = LoopState(*setup, deleted=False)
    if setup.size_limit:
        ranges = cut(ranges, 0, setup.size_limit)
    inside = moved(ranges, setup.offset)
    served = on_the_way(path, waiting())
    if served is not None:
        # Not even to be asked for: the kernel may wait for the server.
        return Backing(state, _layer(served, _of_server(path, served), depth, inside), {}, None)
    identity = attempt(f"backing file of {one.name}", lambda: loop.identity(one, root))
    if isinstance(identity, Unknown):
        return Backing(state._replace(deleted=identity), None, {}, identity)
    if not _is(path, identity):
        deleted = path.endswith(_DELETED)
        path = path.removesuffix(_DELETED)
        out = _out_of_sight(identity, path, deleted, one.name, depth)
        return Backing(state._replace(backing=path, deleted=deleted), *out)

    def open_and_look() -> Backing:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if stat.S_ISBLK(status.st_mode):
                return Backing(state, None, {device_number(status.st_rdev): inside}, None)
            mount, lying = carrier.lies(fd, path, inside)
            layer = _layer(mount, lying.file, depth, inside)
            return Backing(state, layer, lying.below, None, inside)
        finally:
            os.close(fd)

    found = attempt(f"backing file of {one.name}", open_and_look)
    return Backing(state, None, {}, found) if isinstance(found, Unknown) else found
