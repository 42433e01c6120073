"""What device-mapper layers give out for pages that are written: blocks of a pool, of a snapshot.

They allocate as a filesystem does, and count it in the state of their tables.
Source: pool_status() of drivers/md/dm-thin.c, snapshot_status() of drivers/md/dm-snap.c.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from swapctl.gather.counters import Counting, Source
from swapctl.gather.reading import attempt
from swapctl.linux import dm, sysblock
from swapctl.proof_facts import Filesystem
from swapctl.storage_facts import Layer, Target
from swapctl.unknown import Unknown


class Watched(NamedTuple):
    """A device as the witness lists it, and what it counts."""

    device: Filesystem
    counting: Counting


class _Giver(NamedTuple):
    """A type of target that gives out room; the number stands before a slash in its state."""

    name: str
    word: int


_GIVERS = {
    "thin-pool": _Giver("data blocks of the pool", 2),
    "snapshot": _Giver("sectors of the snapshot", 0),
}
_ORIGIN = "snapshot-origin"


def given_out(kind: str, status: str) -> int:
    """How much a target has given out, by its state. Raises OSError(ENODATA)."""
    return dm.used_and_total(status, _GIVERS[kind].word)[0]


def _read(number: str, kind: str) -> int:
    found = dm.targets(sysblock.entry(number))
    return sum(given_out(kind, target.status) for target in found if target.type == kind)


def _counting(number: str, name: str, kind: str) -> Watched:
    place = f"/dev/mapper/{name}"
    source = Source(
        _GIVERS[kind].name, "allocation", f"DM_TABLE_STATUS of {name}", lambda: _read(number, kind)
    )
    device = Filesystem(place, f"dm-{kind}", number, own=False, files=(), transactions="none")
    return Watched(device, Counting((source,), "none", os.fdatasync))


def _of(number: str) -> tuple[str, tuple[Target, ...]]:
    one = sysblock.entry(number)
    return dm.name(one), dm.targets(one)


def _snapshots(real: str) -> Iterator[tuple[str, str]]:
    """Numbers and names of the snapshots of a device: what its origin writes is copied there."""
    holders = f"{sysblock.entry(real).directory}/holders"
    for holder in sysblock.names(holders):
        if not holder.startswith("dm-"):
            continue
        number = sysblock.text(f"{holders}/{holder}/dev")
        name, targets = _of(number)
        if any(t.type == "snapshot" and t.table.split()[:1] == [real] for t in targets):
            yield number, name


def _of_target(layer: Layer, name: str, target: Target) -> list[Watched | Unknown]:
    if target.type in _GIVERS:
        return [_counting(layer.number, name, target.type)]
    if target.type != _ORIGIN:
        return []
    seen = attempt(f"snapshots of {name}", lambda: list(_snapshots(target.table)))
    return [seen] if isinstance(seen, Unknown) else [_counting(*one, "snapshot") for one in seen]


def watched(layers: tuple[Layer, ...]) -> list[Watched | Unknown]:
    """The layers that give out room, each once, with what they count."""
    found: dict[str, Watched | Unknown] = {}
    for layer in layers:
        mapper = layer.mapper
        if mapper is None or isinstance(mapper.targets, Unknown):
            continue
        for target in mapper.targets:
            for one in _of_target(layer, mapper.name, target):
                place = one.what if isinstance(one, Unknown) else one.device.place
                found[place] = one
    return list(found.values())
