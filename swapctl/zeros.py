"""Which layers keep the zeros that are written to them, and which may not; pure.

Layers that leave zeros out, or compress them away, allocate again when pages are written over them:
VDO, ZFS, thin volumes of storage systems, virtual disks whose host looks for zeros. What is listed
here keeps them; of all else it is not known, so that a new kind of layer is not trusted.
"""

from collections.abc import Iterable

from swapctl.facts import Mount
from swapctl.filesystems import SERVED
from swapctl.storage_facts import Layer
from swapctl.unknown import Unknown

_KEEPING_KINDS = (
    *("partition", "loop", "filesystem", "ram", "pmem", "bcache"),
    *(
        f"dm-{target}"
        for target in (
            *("linear", "striped", "crypt", "mirror", "raid", "cache", "writecache", "integrity"),
            *(
                "multipath",
                "thin",
                "thin-pool",
                "snapshot",
                "snapshot-origin",
                "delay",
                "unstriped",
            ),
        )
    ),
    *(f"md-{level}" for level in ("linear", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10")),
)
# What connects disks of this machine's own.
_KEEPING_DISKS = ("ata", "nvme", "usb", "mmc")
_COMPRESSING = ("zfs", "bcachefs")


def _keeps(layer: Layer) -> bool:
    if layer.kind == "disk":
        a = layer.attributes
        return a is not None and a.transport in _KEEPING_DISKS and not a.thin
    if layer.file is not None and (
        layer.file.fstype in _COMPRESSING
        or any(option.startswith("compress") for option in layer.file.options)
    ):
        return False
    return layer.kind in _KEEPING_KINDS and layer.lacks is None


def doubtful(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers that may not keep zeros."""
    return tuple(layer for layer in layers if not _keeps(layer))


def kept(mount: Mount | Unknown, storage: tuple[Layer, ...] | Unknown | None) -> bool:
    """Are zeros in a file on that mount stored like all else, as far as can be told? A server may
    do with them what it likes."""
    if isinstance(mount, Unknown) or isinstance(storage, Unknown):
        return False
    if storage is None:
        return mount.fstype not in SERVED
    return not doubtful(storage)
