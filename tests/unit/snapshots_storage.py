"""Snapshots that violate and pass the rules about the layers below: variations of one stack."""

from collections.abc import Callable

from swapctl.facts import Snapshot, Span, Spans, need
from swapctl.storage_facts import (
    ArrayState,
    BackingExtents,
    BackingFile,
    Layer,
    MapperState,
    Server,
    Target,
)
from tests.golden.regenerate import report

EXT4 = report("ext4-ready").snapshot
_STACK = need(EXT4.storage)
assert _STACK is not None
# A loop device, the filesystem of its file, the disk of that.
LOOP, FILESYSTEM, DISK = _STACK

_SOME = Spans(1, 8192, (Span(4096, 8192),))


def stack(*layers: Layer) -> Snapshot:
    """The candidate above these layers, each below the one before it."""
    return EXT4._replace(storage=tuple(one._replace(depth=n) for n, one in enumerate(layers)))


PLAIN = stack(DISK._replace(kind="partition", name="vda1"), DISK)


def file(**changes: object) -> Snapshot:
    """The stack with another file behind the loop device."""
    assert FILESYSTEM.file is not None
    values = FILESYSTEM.file._asdict() | changes
    return stack(LOOP, FILESYSTEM._replace(file=BackingFile(**values)), DISK)


def extents(name: str) -> Snapshot:
    """The stack with blocks of one kind in the file behind the loop device."""
    assert FILESYSTEM.file is not None
    before = FILESYSTEM.file.extents
    assert isinstance(before, BackingExtents)
    return file(extents=BackingExtents(**(before._asdict() | {name: _SOME})))


def disk(**changes: object) -> Snapshot:
    """A disk with other attributes."""
    assert DISK.attributes is not None
    attributes = DISK.attributes._replace(transport="ata", rotational=False)
    replace: Callable[..., object] = attributes._replace
    return stack(DISK._replace(attributes=replace(**changes)))  # type: ignore[arg-type]


def mapper(kind: str, table: str = "", status: str = "", **changes: object) -> Snapshot:
    """A device-mapper device of one target."""
    state = MapperState(
        "data", "LVM-abc", suspended=False, targets=(Target(0, DISK.size, kind, table, status),)
    )
    replace: Callable[..., MapperState] = state._replace
    return stack(DISK._replace(kind=f"dm-{kind}", name="dm-0", mapper=replace(**changes)), DISK)


def array(**changes: object) -> Snapshot:
    """A mirror."""
    state = ArrayState("raid1", "1.2", "clean", 0, "idle")
    replace: Callable[..., ArrayState] = state._replace
    return stack(DISK._replace(kind="md-raid1", name="md0", array=replace(**changes)), DISK)


def device(kind: str, name: str) -> Snapshot:
    """A device whose driver says all."""
    return stack(DISK._replace(kind=kind, name=name))


def nbd(server: Server) -> Snapshot:
    return stack(DISK._replace(kind="nbd", name="nbd0", server=server))


LINEAR = mapper("linear", "254:0 2048")
RAID_STATUS = "raid5_ls 3 AAA 2097152/2097152 idle 0 0 -"

EXAMPLES: dict[str, tuple[Snapshot, Snapshot]] = {
    "storage-cycle": (stack(LOOP, DISK._replace(kind="cycle")), EXT4),
    "storage-read-only": (stack(DISK._replace(read_only=True)), EXT4),
    "storage-zram": (device("zram", "zram1"), EXT4),
    "storage-ramdisk": (device("ram", "ram0"), EXT4),
    "storage-pmem": (device("pmem", "pmem0"), EXT4),
    "storage-test-device": (device("nullb", "nullb0"), EXT4),
    "storage-zoned": (disk(zoned="host-managed"), EXT4),
    "storage-thin-disk": (disk(thin=True), disk()),
    "storage-removable": (disk(transport="usb"), disk()),
    "storage-rotational": (disk(rotational=True), disk()),
    "storage-loop-holes": (extents("holes"), EXT4),
    "storage-loop-unwritten": (extents("unwritten"), EXT4),
    "storage-loop-shared": (extents("shared"), EXT4),
    "storage-loop-encoded": (extents("encoded"), EXT4),
    "storage-loop-deleted": (
        stack(LOOP._replace(loop=LOOP.loop and LOOP.loop._replace(deleted=True)), DISK),
        EXT4,
    ),
    "storage-loop-discard": (
        EXT4,
        stack(
            LOOP._replace(
                attributes=LOOP.attributes and LOOP.attributes._replace(discard_max_bytes=0)
            )
        ),
    ),
    "storage-loop-buffered": (
        EXT4,
        stack(LOOP._replace(loop=LOOP.loop and LOOP.loop._replace(direct_io=True))),
    ),
    "storage-loop-cow": (
        file(fstype="btrfs", flags=()),
        file(fstype="btrfs", flags=("nocow",)),
    ),
    "storage-loop-journal": (file(options=("rw", "data=journal")), EXT4),
    "storage-loop-timestamps": (file(journal=True), file(journal=True, lazy=True)),
    "storage-loop-memory": (file(fstype="tmpfs", extents=None), EXT4),
    "storage-loop-network": (file(fstype="nfs4", extents=None), EXT4),
    "storage-loop-fuse": (file(fstype="fuse.sshfs", extents=None), EXT4),
    "storage-suspended": (mapper("linear", suspended=True), LINEAR),
    "storage-thin": (mapper("thin", "252:3 1"), LINEAR),
    "storage-thin-pool": (
        mapper("thin-pool", status="1 12/1024 100/100 - out_of_data_space discard_passdown"),
        mapper("thin-pool", status="1 12/1024 10/100 - rw discard_passdown queue_if_no_space"),
    ),
    "storage-snapshot": (mapper("snapshot"), LINEAR),
    "storage-snapshot-origin": (mapper("snapshot-origin", "252:1"), LINEAR),
    "storage-crypt-key": (
        mapper("crypt", uuid="CRYPT-PLAIN-swap"),
        mapper("crypt", uuid="CRYPT-LUKS2-1234-swap"),
    ),
    "storage-integrity": (mapper("integrity"), LINEAR),
    "storage-verity": (mapper("verity"), LINEAR),
    "storage-cache": (mapper("cache"), LINEAR),
    "storage-writecache": (mapper("writecache"), LINEAR),
    "storage-vdo": (mapper("vdo"), LINEAR),
    "storage-remapped": (mapper("era"), LINEAR),
    "storage-mirror-log": (
        mapper("mirror", "userspace 4 uuid clustered-core 1024 2 252:1 0 252:2 0"),
        mapper("mirror", "core 2 1024 nosync 2 252:1 0 252:2 0"),
    ),
    "storage-multipath": (
        mapper("multipath", "1 queue_if_no_path 0 1 1 service-time 0 1 2 8:0 1 1"),
        mapper("multipath", "0 0 1 1 service-time 0 1 2 8:0 1 1"),
    ),
    "storage-faulty": (mapper("error"), LINEAR),
    "storage-target-unknown": (mapper("pcache"), LINEAR),
    "storage-raid-parity": (array(level="raid6"), array()),
    "storage-array-degraded": (array(degraded=1), array()),
    "storage-array-syncing": (array(sync_action="resync"), array(sync_action="check")),
    "storage-array-external": (array(metadata="external:/md127/0"), array()),
    "storage-array-stopped": (array(state="readonly"), array(state="active-idle")),
    "storage-bcache": (device("bcache", "bcache0"), EXT4),
    "storage-nbd-local": (
        nbd(Server("nbd-server (77)", "127.0.0.1:10809", local=True)),
        nbd(Server("", "192.0.2.7:10809", local=False)),
    ),
    "storage-nbd": (nbd(Server("", "192.0.2.7:10809", local=False)), EXT4),
    "storage-ublk": (device("ublkb", "ublkb0"), EXT4),
    "storage-tcm-loop": (disk(transport="tcm-loop"), disk()),
    "storage-iscsi": (disk(transport="iscsi"), disk()),
    "storage-nvme-fabrics": (disk(transport="nvme-fabrics"), disk(transport="nvme")),
    "storage-fibre-channel": (disk(transport="fc"), disk()),
    "storage-rbd": (device("rbd", "rbd0"), EXT4),
    "storage-drbd": (device("drbd", "drbd1"), EXT4),
    "storage-zvol": (device("zd", "zd0"), EXT4),
    "storage-virtual-disk": (EXT4, disk()),
}
