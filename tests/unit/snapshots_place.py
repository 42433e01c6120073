"""Places for new files, and areas to be entered and left, that violate and pass each rule about
them."""

import os
from typing import Any

from swapctl.facts import SwapArea, need
from swapctl.place import Entering, Leaving, Place, Room
from tests.golden.regenerate import report
from tests.unit.snapshots import alter
from tests.unit.snapshots_storage import EXT4, PLAIN, disk

MIB = 2**20


def place(machine: str = "ext4-ready", path: str = "/data/new", size: int = 64 * MIB) -> Place:
    """A file to be made next to the one on a recorded machine."""
    s = report(machine).snapshot
    mount, state = need(s.mount), need(s.filesystem)
    assert mount is not None
    assert state is not None
    return Place(
        path=path,
        directory=os.path.dirname(path),
        identity=(0, 2),
        makes="",
        existing=None,
        size=size,
        reserve=0,
        wanted_type=None,
        host=s.host,
        caller=s.caller,
        ancestors=s.ancestors,
        mount=mount,
        filesystem=state,
        flags=(),
        data_profiles=("single",) if mount.fstype == "btrfs" else (),
        device=s.device,
        network=s.network,
        section=0,
        storage=s.storage,
        rooms=(),
    )


GOOD = place()
MOUNT = need(GOOD.mount)
STATE = need(GOOD.filesystem)
ANCESTORS = need(GOOD.ancestors)


def changed(**changes: Any) -> Place:
    return alter(GOOD, **changes)


def mounted(**changes: Any) -> Place:
    return changed(mount=MOUNT._replace(**changes))


OPEN_TO_ALL = (*ANCESTORS[:-1], ANCESTORS[-1]._replace(mode=0o1777))

# Rule -> (a place that violates it, one that it passes).
PLACES: dict[str, tuple[Place, Place]] = {
    "place-exists": (changed(existing="regular"), GOOD),
    "place-filesystem-differs": (changed(wanted_type="xfs"), changed(wanted_type="ext4")),
    "place-filesystem-unsuitable": (mounted(fstype="tmpfs"), GOOD),
    "place-read-only": (mounted(options=("ro",)), GOOD),
    "place-no-space": (changed(filesystem=STATE._replace(available=MIB)), GOOD),
    "place-untrusted": (changed(ancestors=OPEN_TO_ALL), GOOD),
    "place-encrypted": (changed(flags=("encrypt",)), GOOD),
    "place-profile": (changed(data_profiles=("raid1",)), place("btrfs-ready")),
    "place-lfs-mode": (
        mounted(fstype="f2fs", super_options=("rw", "mode=lfs")),
        mounted(fstype="f2fs", super_options=("rw", "mode=adaptive")),
    ),
    "place-no-room-below": (
        changed(rooms=(Room("/images", 64 * MIB, 64 * MIB - 1),)),
        changed(rooms=(Room("/images", 64 * MIB, 64 * MIB),)),
    ),
    "place-zeros-dropped": (
        changed(method="write-zeroes"),
        changed(method="write-zeroes", storage=disk().storage),
    ),
    "size-too-small": (changed(size=9 * GOOD.host.page_size), GOOD),
    "size-too-large": (changed(size=2**32 * GOOD.host.page_size), GOOD),
}

AREA = SwapArea("/swapfile", "file", 64 * MIB, 32 * MIB, -2, False, "8:1", 12)

ENTERINGS: dict[str, tuple[Entering, Entering]] = {
    "discard-unmaps": (Entering(EXT4, "once"), Entering(PLAIN, "once")),
}

LEAVINGS: dict[str, tuple[Leaving, Leaving]] = {
    "memory-short": (Leaving(AREA, 16 * MIB, 15 * MIB), Leaving(AREA, 16 * MIB, 16 * MIB)),
}
