"""Where the rules of candidates are, and what has to be met before they are worth loading.

Loading a module costs more than applying its rules, and of most of them every single candidate can
do without. A module is listed here once; `catalogue` loads them all.
"""

from collections.abc import Callable
from typing import NamedTuple

from swapctl.facts import Snapshot, need
from swapctl.filesystems import NFS
from swapctl.rules.subject import (
    block,
    by_blocks,
    is_zram,
    networked,
    on,
    stacked,
    surrounded,
    the_setup,
)
from swapctl.storage_facts import Layer

Question = Callable[[Snapshot], bool]


def always(_: Snapshot) -> bool:
    """Of every candidate."""
    return True


class Subject(NamedTuple):
    """The rules of one module of this package.

    `about` is what its rules apply to: none does where it says no. `met` is what they look for: all
    of them pass where it says no. Neither may say no where a rule would find something or lack a
    fact; it may say yes for nothing, and raise NotKnown. `ids` are those of the module in its
    order, () where it is loaded for every candidate.
    """

    module: str
    ids: tuple[str, ...] = ()
    about: Question = always
    met: Question = always


def _below(wanted: Callable[[Layer], bool]) -> Question:
    """Is a layer of that sort below the candidate, or one that could not be looked at?"""
    return lambda s: any(one.lacks is not None or wanted(one) for one in need(s.storage) or ())


def _in_a_file(layer: Layer) -> bool:
    return layer.loop is not None or layer.file is not None


def _mapped(layer: Layer) -> bool:
    return layer.mapper is not None


def _array(layer: Layer) -> bool:
    return layer.array is not None or layer.mapper is not None or layer.kind == "bcache"


def _served(layer: Layer) -> bool:
    """Not a disk of this machine's own, which only the vendor tells of some."""
    a = layer.attributes
    if layer.kind != "disk" or a is None:
        return layer.kind != "partition"
    return a.transport not in ("nvme", "ata", "mmc", "usb") or a.vendor not in ("", "ATA")


def _peculiar(layer: Layer) -> bool:
    """Not a plain disk that can be written to."""
    a = layer.attributes
    if layer.read_only or layer.kind not in ("disk", "partition") or a is None:
        return True
    rotating = a.rotational and a.transport != "virtio"
    return rotating or a.removable or a.thin or a.zoned != "none" or a.transport in ("usb", "mmc")


def _booted(s: Snapshot) -> bool:
    """Does anything but swapctl activate it at boot, or is something left over that would?"""
    setup = the_setup(s)
    return any((need(setup.fstab), need(setup.units), need(setup.leftovers)))


def _neighbours(s: Snapshot) -> bool:
    """Is there something else that makes swap, or that swap stands in the way of?"""
    setup = the_setup(s)
    compressed = any(is_zram(area) for area in need(s.areas))
    others = (need(setup.managers), need(setup.kubelet), need(setup.snapshot_tools))
    return compressed or any(others)


SUBJECTS = (
    Subject("call"),
    Subject("opening"),
    Subject("file"),
    Subject("header"),
    Subject("bad_pages"),
    Subject("filesystem"),
    Subject("extents"),
    Subject("bmap", ("blocks-missing", "blocks-misaligned"), by_blocks),
    Subject("layout"),
    Subject(
        "btrfs",
        (
            *("btrfs-compressed", "btrfs-cow", "btrfs-shared", "btrfs-used-before"),
            *("btrfs-checksummed", "btrfs-exclusive-operation", "btrfs-profile", "btrfs-devices"),
        ),
        on("btrfs"),
    ),
    Subject("ext4", ("ext4-journalled-data",), on("ext3", "ext4")),
    Subject("xfs", ("xfs-realtime",), on("xfs")),
    Subject(
        "f2fs",
        (
            *("f2fs-lfs-mode", "f2fs-compressed", "f2fs-holes", "f2fs-little-room"),
            *("f2fs-wrong-blocks", "f2fs-other-device", "f2fs-unaligned"),
        ),
        on("f2fs"),
    ),
    Subject("zonefs", ("zonefs-sequential",), on("zonefs")),
    Subject("device", ("device-zoned", "device-read-only", "device-has-holders"), block),
    Subject(
        "nfs",
        (
            *("nfs-holes", "nfs-unsupported", "nfs-root-squash", "nfs-writes-fail", "nfs-soft"),
            *("nfs-kerberos", "nfs-tls"),
        ),
        on(*NFS),
    ),
    Subject(
        "nfs_transport",
        (
            *("nfs-rdma", "nfs-udp", "nfs-layouts", "nfs-localio", "nfs-connections"),
            *("nfs-foreign-writers", "nfs-hole-on-server", "nfs-server-unseen"),
        ),
        on(*NFS),
    ),
    Subject("cifs", ("cifs-holes", "cifs-small-buffers"), on("cifs", "smb3")),
    Subject(
        "network",
        (
            *("network-server-here", "network-no-route", "network-link-down", "network-lease"),
            *("network-namespace", "network-container", "network-stacked"),
        ),
        networked,
    ),
    Subject(
        "network_links",
        (
            *("network-tun", "network-ppp", "network-wireguard", "network-ipsec"),
            *("network-tunnel", "network-openvswitch", "network-team", "network-wireless"),
            "network-queue",
        ),
        networked,
    ),
    Subject(
        "storage_device",
        (
            *("storage-cycle", "storage-read-only", "storage-zram", "storage-ramdisk"),
            *("storage-pmem", "storage-test-device", "storage-zoned", "storage-thin-disk"),
            *("storage-removable", "storage-rotational"),
        ),
        stacked,
        _below(_peculiar),
    ),
    Subject(
        "storage_loop",
        (
            *("storage-loop-holes", "storage-loop-unwritten", "storage-loop-shared"),
            *("storage-loop-encoded", "storage-loop-deleted", "storage-loop-discard"),
            "storage-loop-buffered",
        ),
        stacked,
        _below(_in_a_file),
    ),
    Subject(
        "storage_backing",
        (
            *("storage-loop-cow", "storage-loop-journal", "storage-loop-timestamps"),
            *("storage-loop-memory", "storage-loop-network", "storage-loop-fuse"),
        ),
        stacked,
        _below(_in_a_file),
    ),
    Subject(
        "storage_mapper",
        (
            *("storage-suspended", "storage-thin", "storage-thin-pool", "storage-snapshot"),
            *("storage-snapshot-origin", "storage-crypt-key", "storage-integrity"),
            *("storage-verity", "storage-cache", "storage-writecache", "storage-vdo"),
            "storage-remapped",
        ),
        stacked,
        _below(_mapped),
    ),
    Subject(
        "storage_targets",
        (
            *("storage-mirror-log", "storage-multipath", "storage-faulty"),
            "storage-target-unknown",
        ),
        stacked,
        _below(_mapped),
    ),
    Subject(
        "storage_array",
        (
            *("storage-raid-parity", "storage-array-degraded", "storage-array-syncing"),
            *("storage-array-external", "storage-array-stopped", "storage-bcache"),
        ),
        stacked,
        _below(_array),
    ),
    Subject(
        "storage_server",
        (
            *("storage-nbd-local", "storage-nbd", "storage-ublk", "storage-tcm-loop"),
            *("storage-iscsi", "storage-nvme-fabrics", "storage-fibre-channel", "storage-rbd"),
            *("storage-drbd", "storage-zvol", "storage-virtual-disk"),
        ),
        stacked,
        _below(_served),
    ),
    Subject("security"),
    Subject("swapon8"),
    Subject(
        "boot",
        (
            *("fstab-makefs", "fstab-duplicate", "fstab-unit", "unit-path"),
            *("fstab-gpt-swap", "boot-leftover"),
        ),
        surrounded,
        _booted,
    ),
    Subject(
        "neighbours",
        (
            *("manager-of-file", "manager-rival", "kubelet-swap", "snapshot-subvolume"),
            "zram-behind",
        ),
        surrounded,
        _neighbours,
    ),
)
