"""Room in the layers below that have to allocate when a new file is written."""

import os
from collections.abc import Iterable, Iterator

from swapctl.gather.reading import attempt
from swapctl.linux import dm
from swapctl.linux.sysblock import SECTOR
from swapctl.place import Room
from swapctl.storage_facts import BackingExtents, Layer, MapperState, Target
from swapctl.unknown import Unknown


def rooms(layers: tuple[Layer, ...], size: int) -> tuple[Room, ...]:
    """Those that a file of `size` bytes may need."""
    return (*_of_files(layers, size), *_of_pools(layers, size))


def _of_files(layers: Iterable[Layer], size: int) -> Iterator[Room]:
    """Where a hole or a shared block is written, the filesystem of the image takes a new one."""
    for layer in layers:
        if layer.file is None or not isinstance(layer.file.extents, BackingExtents):
            continue
        missing = layer.file.extents.holes.bytes + layer.file.extents.shared.bytes
        if missing:
            yield Room(layer.name, min(size, missing), _free(layer.name))


def _free(path: str) -> int | Unknown:
    def read() -> int:
        state = os.statvfs(path)
        return state.f_bavail * state.f_frsize

    return attempt(f"space at {path}", read)


def _of_pools(layers: Iterable[Layer], size: int) -> Iterator[Room]:
    """Which blocks of a thin volume are there already is not told, so all may be missing."""
    for layer in layers:
        for target in _targets(layer.mapper):
            if target.type == "thin-pool":
                yield Room(layer.name, size, _free_in_pool(target))


def _targets(mapper: MapperState | None) -> tuple[Target, ...]:
    return () if mapper is None or isinstance(mapper.targets, Unknown) else mapper.targets


def _free_in_pool(pool: Target) -> int | Unknown:
    """By "TRANSACTION METADATA DATA ...", both as "used/total", and "META DATA BLOCK-SIZE ..."
    (Documentation/admin-guide/device-mapper/thin-provisioning.rst)."""

    def read() -> int:
        used, total = dm.used_and_total(pool.status, 2)
        _, _, sectors, *_ = pool.table.split()
        return (total - used) * int(sectors) * SECTOR

    return attempt("space in the pool", read)
