"""Rules about devices at the bottom, and about the stack as a whole."""

from swapctl.facts import Snapshot
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import (
    ELSEWHERE,
    SYSFS,
    Look,
    connected_by,
    device_path,
    layer_rule,
    of_kind,
    seen,
)
from swapctl.storage_facts import Layer
from swapctl.text import quoted

storage_cycle = layer_rule(
    "storage-cycle",
    Severity.UNSAFE,
    of_kind("cycle"),
    Fix("Take the stack apart."),
    """The storage rests on itself.

    It does deadlock: a page that is written out comes back to the device that is waiting for it.

    Fix: take the stack apart; no data can be read from it reliably either.

    Source: loop_validate_file(), drivers/block/loop.c, which prevents the direct case only.
    """,
)


def _read_only(layer: Layer) -> tuple[Evidence, ...]:
    if not layer.read_only or layer.kind == "unknown":
        return ()
    return (Evidence("ro", True, "1", "mount options" if layer.file else "sysfs ro"),)


def _writable(s: Snapshot, layer: Layer) -> Fix:
    if layer.file is not None:
        return Fix("Mount it for writing:", (f"mount -o remount,rw {quoted(layer.name)}",))
    return Fix(
        "Make it writable, if it can be:", (f"blockdev --setrw {quoted(device_path(s, layer))}",)
    )


storage_read_only = layer_rule(
    "storage-read-only",
    Severity.UNSAFE,
    _read_only,
    _writable,
    """A layer below is read-only.

    It cannot deadlock, but swapon(2) accepts it, and then every page that is written out is lost
    with "Write-error on swap-device"; the memory is not freed.

    Fix: make the layer writable before the area is activated.

    Source: bio_check_ro(), block/blk-core.c; seen on Linux 6.1, 6.12, 6.18 and 7.2.
    """,
    below=True,  # device-read-only is about the candidate
)

storage_zram = layer_rule(
    "storage-zram",
    Severity.NOTE,
    of_kind("zram"),
    Fix("Give zram areas a higher priority than those on disks, and leave memory for them."),
    """Compressed memory lies below (zram).

    It cannot deadlock, but a write can fail: each page needs a smaller piece of memory, and what
    does not compress needs a whole page.

    Fix: nothing for an area on the device itself; a file on a filesystem there wastes memory.

    Source: zram_write_page(), drivers/block/zram/zram_drv.c.
    """,
)

storage_ramdisk = layer_rule(
    "storage-ramdisk",
    Severity.WARNING,
    of_kind("ram"),
    ELSEWHERE,
    """A disk in memory lies below (brd).

    It cannot free memory: each page written out takes up a page of memory, and writing fails when
    there is none.

    Fix: use a disk, or zram, which compresses.

    Source: brd_insert_page(), drivers/block/brd.c.
    """,
)

storage_pmem = layer_rule(
    "storage-pmem",
    Severity.NOTE,
    of_kind("pmem"),
    Fix("Consider to use it as memory (dax kmem) instead."),
    """Persistent memory lies below.

    It cannot deadlock: a page is copied. It could be used as slower memory without swapping.

    Fix: nothing, if that is meant.

    Source: drivers/nvdimm/pmem.c; Documentation/admin-guide/mm/numaperf.rst.
    """,
)

storage_test_device = layer_rule(
    "storage-test-device",
    Severity.WARNING,
    of_kind("nullb"),
    ELSEWHERE,
    """A test device lies below (null_blk).

    It cannot deadlock, but it forgets what is written unless it was told to keep it in memory.

    Fix: use another device.

    Source: Documentation/block/null_blk.rst, memory_backed.
    """,
)


def _zoned(layer: Layer) -> tuple[Evidence, ...]:
    zoned = layer.attributes.zoned if layer.attributes else "none"
    return () if zoned == "none" else seen("zoned", zoned, "queue/zoned")


storage_zoned = layer_rule(
    "storage-zoned",
    Severity.WARNING,
    _zoned,
    ELSEWHERE,
    """A zoned device lies below.

    It can deadlock only where the layer above it allocates on write, which it has to: sequential
    zones cannot be overwritten. Only files in conventional zones are written in place.

    Fix: use a conventional device.

    Source: Documentation/filesystems/zonefs.rst; bdev_is_zoned(), mm/swapfile.c.
    """,
)


def _thin(layer: Layer) -> tuple[Evidence, ...]:
    if layer.kind != "disk" or layer.attributes is None or not layer.attributes.thin:
        return ()
    return (Evidence("thin", True, "1", "sysfs scsi_disk/thin_provisioning"),)


storage_thin_disk = layer_rule(
    "storage-thin-disk",
    Severity.NOTE,
    _thin,
    Fix("See that the storage system has room for the whole disk."),
    """A disk below allocates blocks when they are written (thin provisioning).

    It cannot deadlock, because another machine allocates. When that has no room left, writes fail
    and pages are lost.

    Fix: have the blocks allocated, or watch the pool on the storage system.

    Source: read_capacity_16(), drivers/scsi/sd.c; thin_provisioning in sysfs.
    """,
)


def _removable(layer: Layer) -> tuple[Evidence, ...]:
    a = layer.attributes
    if layer.kind != "disk" or a is None:
        return ()
    if a.transport in ("usb", "mmc"):
        return seen("transport", a.transport)
    return (Evidence("removable", True, "1", SYSFS),) if a.removable else ()


storage_removable = layer_rule(
    "storage-removable",
    Severity.WARNING,
    _removable,
    Fix("Use a disk that is built in."),
    """A disk below can be pulled out, or is on USB or a memory card.

    It is not known to deadlock, but when the disk is gone so are the pages on it, and the processes
    whose memory they were. USB may reset the disk for less. Flash cards wear out by swapping.

    Fix: use a disk that is built in.

    Source: removable in Documentation/ABI/stable/sysfs-block; Documentation/driver-api/usb.
    """,
)


def _rotating() -> Look:
    real = connected_by("ata", "scsi", "fc", "iscsi")

    def look(layer: Layer) -> tuple[Evidence, ...]:
        turning = layer.attributes is not None and layer.attributes.rotational
        return (
            (Evidence("rotational", True, "1", "queue/rotational"),)
            if (turning and real(layer))
            else ()
        )

    return look


storage_rotational = layer_rule(
    "storage-rotational",
    Severity.NOTE,
    _rotating(),
    Fix("Prefer a solid-state disk where there is one."),
    """A rotating disk lies below.

    It cannot deadlock, but a page takes milliseconds to come back, a thousand times as long as from
    flash.

    Fix: prefer a solid-state disk.

    Source: queue/rotational; the kernel does not spread swap over clusters there, mm/swapfile.c.
    """,
)
