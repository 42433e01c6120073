"""The vocabulary of what lies below a candidate: block devices, and the files that carry them.

Immutable records like those of facts.py, of which they are a part: Snapshot.storage. The tree is
kept as a list: every layer is followed by those below it, which are one deeper. Offsets and sizes
are bytes; those of device-mapper tables are too.
"""

from typing import NamedTuple

from swapctl.unknown import Unknown


class Span(NamedTuple):
    """A range of bytes."""

    offset: int
    length: int


class Spans(NamedTuple):
    """All ranges of one kind: how many, how much, and the first few, by offset."""

    pieces: int
    bytes: int
    first: tuple[Span, ...]


class Attributes(NamedTuple):
    """A block device as sysfs shows it; those of a partition are its disk's.

    `transport` is what connects it ("virtio", "usb", "nvme", "iscsi", ...), "" where sysfs does not
    tell or nothing does. `vendor` is what SCSI devices say of themselves. `thin` says that a SCSI
    device allocates blocks when they are written.
    """

    transport: str
    vendor: str
    rotational: bool
    removable: bool
    zoned: str
    discard_max_bytes: int
    thin: bool


class LoopState(NamedTuple):
    """How a loop device is set up; a `size_limit` of 0 is none. `backing` is the path that the
    kernel shows; it is of the mount namespace in which the device was set up. `deleted` says that
    the file has lost its name."""

    backing: str
    offset: int
    size_limit: int
    direct_io: bool
    deleted: bool | Unknown


class BackingExtents(NamedTuple):
    """What lies under the candidate in a file that carries it; the offsets are the file's."""

    holes: Spans
    unwritten: Spans
    shared: Spans
    encoded: Spans
    unlocated: Spans


class BackingFile(NamedTuple):
    """A file that carries the candidate. `flags` are those of FS_IOC_GETFLAGS by name. `extents`
    is None where the filesystem keeps no blocks of its own (in memory, on a server). `journal` says
    whether its filesystem has one, None where the type says all. `lazy` says that times of change
    stay in memory, as the mount option lazytime asks for and not every kernel does."""

    path: str
    fstype: str
    options: tuple[str, ...]
    flags: tuple[str, ...] | Unknown
    extents: BackingExtents | Unknown | None
    journal: bool | Unknown | None
    lazy: bool | Unknown


class Target(NamedTuple):
    """A line of a device-mapper table, only those under the candidate. `table` are its parameters
    (without keys, and "" for types whose parameters are of no use here), `status` its state."""

    offset: int
    length: int
    type: str
    table: str
    status: str


class MapperState(NamedTuple):
    """A device-mapper device."""

    name: str
    uuid: str
    suspended: bool
    targets: tuple[Target, ...] | Unknown


class ArrayState(NamedTuple):
    """A Linux software RAID array (md), in the words of its sysfs directory."""

    level: str
    metadata: str
    state: str
    degraded: int
    sync_action: str


class Server(NamedTuple):
    """Who serves a network block device; `local` says that it is a process on this machine."""

    process: str
    peer: str
    local: bool


class Layer(NamedTuple):
    """One layer. `depth` is 0 for the device that is the candidate or carries its filesystem.

    `kind` is disk, partition, loop, filesystem, md, "dm-" with the type of the target or dm where
    they are several, the driver's word for other devices (nbd, zram, ...), cycle for a device that
    stands above already, unknown for one that could not be looked at. `name` is the kernel's, or
    where the filesystem is mounted. `part` is where the candidate lies on it, None where it was not
    looked at because nothing below depends on it. `lacks` is what kept from looking further down.
    """

    depth: int
    kind: str
    name: str
    number: str
    size: int
    read_only: bool
    part: Spans | None = None
    attributes: Attributes | None = None
    loop: LoopState | None = None
    file: BackingFile | None = None
    mapper: MapperState | None = None
    array: ArrayState | None = None
    server: Server | Unknown | None = None
    lacks: Unknown | None = None
