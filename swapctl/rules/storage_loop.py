"""Rules about loop devices: what their files would have to do when pages are written out.

A page for a loop device is a write to a file. On blocks that are there, written and its own, the
filesystem of that file overwrites in place; on all others it starts a transaction first.
"""

from collections.abc import Callable

from swapctl.facts import Snapshot, Spans, need
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, Look, device_path, layer_rule, seen
from swapctl.rules.subject import span_evidence
from swapctl.storage_facts import BackingExtents, Layer
from swapctl.text import quoted

FIEMAP = "FS_IOC_FIEMAP"


def _extents(name: str, pick: Callable[[BackingExtents], Spans]) -> Look:
    def look(layer: Layer) -> tuple[Evidence, ...]:
        if layer.file is None or layer.file.extents is None:
            return ()
        return span_evidence(name, pick(need(layer.file.extents)), FIEMAP)

    return look


def _rewrite(_s: Snapshot, layer: Layer) -> Fix:
    path = quoted(layer.file.path if layer.file else "")
    return Fix(
        "Detach the loop device, write every block of its file once, and attach it again without "
        "discarding anything:",
        (f"dd if={path} of={path} bs=1M conv=notrunc,fsync",),
    )


storage_loop_holes = layer_rule(
    "storage-loop-holes",
    Severity.UNSAFE,
    _extents("hole", lambda e: e.holes),
    _rewrite,
    """The file behind a loop device has holes under the area.

    It can deadlock: each page written to a hole makes the lower filesystem allocate a block, in a
    transaction that may wait for the memory that the page-out is to free. It can also run out of
    space, and then pages are lost.

    Holes elsewhere in that file do not matter and are not counted.

    Fix: write the file out once while it is not in use, and do not discard on the loop device.

    Source: lo_rw_aio(), drivers/block/loop.c; seen on Linux 6.18: a sparse image grew by the pages.
    """,
)

storage_loop_unwritten = layer_rule(
    "storage-loop-unwritten",
    Severity.UNSAFE,
    _extents("unwritten", lambda e: e.unwritten),
    _rewrite,
    """The file behind a loop device has blocks under the area that were never written.

    It can deadlock: at the first write of each the lower filesystem has to convert the block, in a
    transaction that may wait for the memory that the page-out is to free.

    fallocate(1) leaves such blocks, and so do blkdiscard -z and mkfs on the loop device. The same
    state of the swap file itself is harmless, because swap I/O bypasses its own filesystem.

    Fix: write the file out once while it is not in use.

    Source: lo_rw_aio(), drivers/block/loop.c; seen on Linux 6.18 on a lower ext4.
    """,
)

storage_loop_shared = layer_rule(
    "storage-loop-shared",
    Severity.UNSAFE,
    _extents("shared", lambda e: e.shared),
    _rewrite,
    """The file behind a loop device shares blocks under the area with another file.

    It can deadlock: the first write to a shared block copies it to a new one, in a transaction that
    may wait for the memory that the page-out is to free. It can also run out of space.

    Fix: remove the clone or the snapshot, or write the file out once while it is not in use.

    Source: xfs_reflink_allocate_cow(), fs/xfs/xfs_reflink.c; run_delalloc_nocow() of btrfs.
    """,
)

storage_loop_encoded = layer_rule(
    "storage-loop-encoded",
    Severity.UNSAFE,
    _extents("encoded", lambda e: e.encoded),
    ELSEWHERE,
    """The file behind a loop device is compressed or encrypted under the area.

    It can deadlock: such blocks are never overwritten in place; every write allocates new ones, in
    a transaction that may wait for the memory that the page-out is to free.

    Fix: use a file that is not compressed.

    Source: Documentation/filesystems/fiemap.rst, FIEMAP_EXTENT_ENCODED.
    """,
)


def _deleted(layer: Layer) -> tuple[Evidence, ...]:
    if layer.loop is None or not need(layer.loop.deleted):
        return ()
    return seen("backing file", f"{layer.loop.backing} (deleted)", "sysfs loop/backing_file")


storage_loop_deleted = layer_rule(
    "storage-loop-deleted",
    Severity.WARNING,
    _deleted,
    Fix("Make the area on a device whose file has a name."),
    """The file behind a loop device was deleted.

    It cannot deadlock for that, but nobody sees the file any more: its blocks cannot be looked at,
    and all is gone when the device is detached.

    Fix: copy what is on the device to one with a file that has a name.

    Source: loop_attr_backing_file_show(), drivers/block/loop.c.
    """,
)


def _discards(layer: Layer) -> tuple[Evidence, ...]:
    most = layer.attributes.discard_max_bytes if layer.attributes else 0
    if layer.loop is None or not most:
        return ()
    return (Evidence("discard", most, str(most), "queue/discard_max_bytes"),)


storage_loop_discard = layer_rule(
    "storage-loop-discard",
    Severity.NOTE,
    _discards,
    Fix("Activate the area without --discard, and do not run fstrim or blkdiscard on what it is."),
    """A loop device passes discards on to its file.

    It can deadlock later: swapon --discard punches the area's blocks out of the file, and every
    page-out after that allocates. As long as nobody discards there is no danger.

    Fix: do not discard; echo 0 into queue/discard_max_bytes of the loop device prevents it.

    Source: lo_fallocate(), drivers/block/loop.c; seen on Linux 6.18 with swapon --discard=once.
    """,
)


def _buffered(layer: Layer) -> tuple[Evidence, ...]:
    if layer.loop is None or layer.loop.direct_io:
        return ()
    return (Evidence("dio", False, "0", "sysfs loop/dio"),)


def _direct(s: Snapshot, layer: Layer) -> Fix:
    return Fix(
        "Let it bypass the page cache, where the lower filesystem can:",
        (f"losetup --direct-io=on {quoted(device_path(s, layer))}",),
    )


storage_loop_buffered = layer_rule(
    "storage-loop-buffered",
    Severity.NOTE,
    _buffered,
    _direct,
    """A loop device writes through the page cache.

    It is not known to deadlock over a fully written file, but each page written out first takes a
    page of cache below, so that memory gets free later than it could.

    Fix: switch the device to direct I/O.

    Source: LOOP_SET_DIRECT_IO, loop(4); lo_rw_aio(), drivers/block/loop.c.
    """,
)
