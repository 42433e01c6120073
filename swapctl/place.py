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
    SwapArea,
    Unknown,
)
from swapctl.network_facts import NetworkFacts


class Place(NamedTuple):
    """Where a swapfile is to be made: the target path, its directory and what lies below.

    `existing` is the kind of object that already has the name. `size` and `reserve` are bytes.
    `wanted_type` is the filesystem type asked for. `data_profiles` are those of btrfs' data block
    groups, () elsewhere; `section` is the size of f2fs' sections in bytes, of which `size` is a
    multiple, 0 elsewhere. `network` is None where no server is involved. `makes` says that the
    directory is to be made too: "", "directory" or "subvolume". Everything else describes the
    directory, or the one above where it is still to be made.
    """

    path: str
    directory: str
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


class Leaving(NamedTuple):
    """An area that is to be deactivated, and where its pages could go, in bytes."""

    area: SwapArea
    memory_available: int
    free_elsewhere: int
