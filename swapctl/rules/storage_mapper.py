"""Rules about device-mapper devices: which of their targets allocate, copy or ask a process."""

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, TABLE, layer_rule, seen, with_target
from swapctl.storage_facts import Layer
from swapctl.text import quoted


def _suspended(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None or not layer.mapper.suspended:
        return ()
    return (Evidence("suspended", True, "1", "sysfs dm/suspended"),)


def _resume(_s: Snapshot, layer: Layer) -> Fix:
    name = layer.mapper.name if layer.mapper else layer.name
    return Fix("Find out who suspended it, then:", (f"dmsetup resume {quoted(name)}",))


storage_suspended = layer_rule(
    "storage-suspended",
    Severity.UNSAFE,
    _suspended,
    _resume,
    """A device below is suspended.

    It does deadlock until somebody resumes it: all requests are held back, and whoever waits for
    memory waits for them. The program that has to resume it may be among those.

    Fix: resume the device before the area is activated.

    Source: __dm_suspend(), drivers/md/dm.c.
    """,
)

storage_thin = layer_rule(
    "storage-thin",
    Severity.UNSAFE,
    with_target("thin"),
    ELSEWHERE,
    """A thin volume lies below.

    It can deadlock: the first write to each block, and the first after each snapshot, takes a block
    from the pool and changes the pool's metadata in a transaction that needs memory. When the pool
    is full the writes wait or fail, and pages are lost.

    Fix: use a volume that has all its blocks (a thick one).

    Source: provision_block(), drivers/md/dm-thin.c.
    """,
)


def _pool(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None:
        return ()
    for target in need(layer.mapper.targets):
        if target.type == "thin-pool":
            words = target.status.split()
            bad = [w for w in words if w in ("Fail", "ro", "out_of_data_space", "needs_check")]
            if bad:
                return seen("pool", " ".join(bad), TABLE)
    return ()


storage_thin_pool = layer_rule(
    "storage-thin-pool",
    Severity.UNSAFE,
    _pool,
    Fix("Extend or repair the pool before anything relies on it:", ("lvs -a",)),
    """The pool of a thin volume is full, read-only or failed.

    It can deadlock: writes to new blocks wait until somebody extends the pool, which a machine that
    is short of memory may not get to do, or they fail and pages are lost.

    Fix: extend the pool; better, use a volume that has all its blocks.

    Source: pool_status(), drivers/md/dm-thin.c; Documentation/admin-guide/device-mapper.
    """,
)

storage_snapshot = layer_rule(
    "storage-snapshot",
    Severity.UNSAFE,
    with_target("snapshot", "snapshot-merge"),
    ELSEWHERE,
    """A snapshot lies below.

    It can deadlock: the first write to each of its chunks allocates room for it, copies the old
    data and writes an entry to its table, all of which needs memory. When the room is used up the
    snapshot becomes invalid and pages are lost.

    Fix: merge the snapshot, or use another volume.

    Source: snapshot_map(), drivers/md/dm-snap.c.
    """,
)

storage_snapshot_origin = layer_rule(
    "storage-snapshot-origin",
    Severity.UNSAFE,
    with_target("snapshot-origin"),
    Fix("Remove or merge the snapshots of this volume:", ("lvs -a",)),
    """A volume below has snapshots.

    It can deadlock: before the first write to each chunk its old data is copied into every
    snapshot, which allocates memory and blocks there, and the page-out waits for it.

    Fix: remove or merge the snapshots.

    Source: origin_map() and __origin_write(), drivers/md/dm-snap.c.
    """,
)


def _key(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None or not layer.mapper.uuid.startswith("CRYPT-PLAIN-"):
        return ()
    return seen("uuid", "CRYPT-PLAIN", "sysfs dm/uuid")


storage_crypt_key = layer_rule(
    "storage-crypt-key",
    Severity.NOTE,
    _key,
    Fix("Use LUKS where the machine is to hibernate, or where labels have to stay."),
    """The encryption below may have a key that is lost at the next boot.

    It cannot deadlock for that: dm-crypt keeps memory of its own in reserve. Plain encryption is
    what crypttab(5) sets up with a random key; the area, its label and its UUID are gone then at
    every boot, and no hibernation image can be read back from it.

    Fix: nothing, if that is meant; the swap of each boot is unreadable after it.

    Source: crypttab(5), options swap and plain; crypt_alloc_buffer(), drivers/md/dm-crypt.c.
    """,
)

storage_integrity = layer_rule(
    "storage-integrity",
    Severity.WARNING,
    with_target("integrity"),
    ELSEWHERE,
    """An integrity layer lies below.

    It is not known to deadlock: its buffers are reserved. But every page is written twice, through
    its journal, with checksums to be read and written besides.

    Fix: use a device without it; a checksum of a page does not outlive the boot anyway.

    Source: drivers/md/dm-integrity.c; Documentation/admin-guide/device-mapper/dm-integrity.rst.
    """,
)

storage_verity = layer_rule(
    "storage-verity",
    Severity.UNSAFE,
    with_target("verity"),
    ELSEWHERE,
    """A verity device lies below, which is read-only.

    It cannot deadlock, but every page that is written out is lost: the device refuses all writes.

    Fix: use a device that can be written to.

    Source: verity_ctr(), drivers/md/dm-verity-target.c.
    """,
)

storage_cache = layer_rule(
    "storage-cache",
    Severity.WARNING,
    with_target("cache"),
    ELSEWHERE,
    """A cache of faster blocks lies below (dm-cache, LVM cache).

    It can deadlock in principle: promoting a block and marking it dirty change metadata that needs
    memory; the pools for it are reserved, and no case is known. Pages push useful blocks out.

    Fix: use the fast or the slow device directly.

    Source: drivers/md/dm-cache-target.c.
    """,
)

storage_writecache = layer_rule(
    "storage-writecache",
    Severity.WARNING,
    with_target("writecache"),
    ELSEWHERE,
    """A write cache lies below (dm-writecache).

    It is not known to deadlock, but writes wait for room when the cache is full, and until then
    every page is written twice.

    Fix: use the fast or the slow device directly.

    Source: drivers/md/dm-writecache.c.
    """,
)

storage_vdo = layer_rule(
    "storage-vdo",
    Severity.UNSAFE,
    with_target("vdo"),
    ELSEWHERE,
    """A deduplicating, compressing volume lies below (VDO).

    It can deadlock: every write finds a new place and goes through a journal and an index that need
    memory. When the volume is full pages are lost. Writing the file beforehand does not help,
    because blocks of zeros are not stored.

    Fix: use another volume.

    Source: Documentation/admin-guide/device-mapper/vdo-design.rst.
    """,
)

storage_remapped = layer_rule(
    "storage-remapped",
    Severity.UNSAFE,
    with_target("era", "clone", "zoned"),
    ELSEWHERE,
    """A layer below keeps a record of writes (dm-era, dm-clone, dm-zoned).

    It can deadlock: a write to a region that it has not seen yet changes its metadata first, in a
    transaction that needs memory.

    Fix: use the device below it.

    Source: drivers/md/dm-era-target.c, dm-clone-target.c, dm-zoned-target.c.
    """,
)
