"""More vocabulary: where a swapfile is to be made, and an area that is to be left.

Same conventions as swapctl.facts.
"""

from typing import NamedTuple

from swapctl.facts import (
    Ancestor,
    Caller,
    Device,
    FilesystemState,
    Host,
    Mount,
    Snapshot,
    SwapArea,
    Unknown,
)
from swapctl.network_facts import NetworkFacts
from swapctl.storage_facts import Layer


class Room(NamedTuple):
    """A layer below that has to allocate when the file is written: at most `lacking` bytes, of
    which `free` are left. `name` is the layer's."""

    name: str
    lacking: int
    free: int | Unknown


class Place(NamedTuple):
    """Where a swapfile is to be made: the target path, its directory and what lies below.

    `identity` is the device and inode number of the directory, by which it is known again.
    `existing` is the kind of object that already has the name. `size` and `reserve` are bytes.
    `wanted_type` is the filesystem type asked for. `data_profiles` are those of btrfs' data block
    groups, () elsewhere; `section` is the size of f2fs' sections in bytes, of which `size` is a
    multiple, 0 elsewhere. `network` is None where no server is involved. `storage` are the layers
    below all of the filesystem, None where there is no block device; `rooms` those among them that
    have to allocate. `makes` says that the directory is to be made too: "", "directory" or
    "subvolume". `method` and `discard` are what was asked for, of writing the file and of using it.
    Everything else describes the directory, or the one above where it is still to be made.
    """

    path: str
    directory: str
    identity: tuple[int, int]
    makes: str
    existing: str | None
    size: int
    reserve: int
    wanted_type: str | None
    host: Host
    caller: Caller | Unknown
    ancestors: tuple[Ancestor, ...] | Unknown
    mount: Mount | Unknown
    filesystem: FilesystemState | Unknown
    flags: tuple[str, ...] | Unknown
    data_profiles: tuple[str, ...] | Unknown
    device: Device | Unknown | None
    network: NetworkFacts | Unknown | None
    section: int | Unknown
    storage: tuple[Layer, ...] | Unknown | None
    rooms: tuple[Room, ...] | Unknown
    method: str = "auto"
    discard: str | None = None


class Entering(NamedTuple):
    """A candidate that is to be activated, and the policy of discarding that was asked for."""

    snapshot: Snapshot
    discard: str | None


class Leaving(NamedTuple):
    """An area that is to be deactivated, and where its pages could go, in bytes."""

    area: SwapArea
    memory_available: int
    free_elsewhere: int
