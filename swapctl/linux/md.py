"""Linux software RAID: the md directory of sysfs (Documentation/admin-guide/md.rst)."""

import os
from typing import NamedTuple

from swapctl.linux.sysblock import SECTOR, Entry, names, number, text
from swapctl.storage_facts import ArrayState

_KIB = 1024


class Member(NamedTuple):
    """A device of an array: where its data begins, and how many bytes of it the array uses."""

    number: str
    slot: int
    offset: int
    size: int


def state(one: Entry) -> ArrayState:
    """The array as a whole. Raises OSError: ENOENT for an array that is not running."""
    directory = f"{one.directory}/md"
    return ArrayState(
        level=text(f"{directory}/level"),
        metadata=text(f"{directory}/metadata_version"),
        state=text(f"{directory}/array_state"),
        # Levels without redundancy have neither.
        degraded=number(f"{directory}/degraded", 0),
        sync_action=text(f"{directory}/sync_action", "idle"),
    )


def chunk(one: Entry) -> int:
    """The chunk size in bytes, 0 for levels that have none."""
    return number(f"{one.directory}/md/chunk_size", 0)


def members(one: Entry) -> tuple[Member, ...]:
    """The devices in use, by slot; spares are left out."""
    found = []
    for name in names(f"{one.directory}/md"):
        slot = name.removeprefix("rd")
        if slot == name or not slot.isdecimal():
            continue
        member = os.path.realpath(f"{one.directory}/md/{name}")
        found.append(
            Member(
                number=text(f"{member}/block/dev"),
                slot=int(slot),
                offset=number(f"{member}/offset") * SECTOR,
                size=number(f"{member}/size") * _KIB,
            )
        )
    return tuple(sorted(found, key=lambda one: one.slot))
