"""Rules about device-mapper targets that wait for processes, fail, or are not known."""

from swapctl.facts import need
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, SYSFS, TABLE, layer_rule, seen, with_target
from swapctl.storage_facts import Layer

_KNOWN = (
    *("linear", "striped", "crypt", "thin", "thin-pool", "snapshot", "snapshot-origin"),
    *("snapshot-merge", "integrity", "verity", "cache", "writecache", "vdo", "era", "clone"),
    *("zoned", "mirror", "multipath", "raid", "error", "zero", "flakey", "dust", "delay"),
    *("unstriped", "ebs", "switch", "log-writes"),
)


def _mirror(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None:
        return ()
    tables = [t.table for t in need(layer.mapper.targets) if t.type == "mirror"]
    found = [t for t in tables if t.startswith("userspace")]
    return seen("log", "userspace", TABLE) if found else ()


storage_mirror_log = layer_rule(
    "storage-mirror-log",
    Severity.UNSAFE,
    _mirror,
    Fix("Convert the mirror to a log of the kernel's own, or to type raid1."),
    """A mirror below has its log in a process.

    It can deadlock: before a region is written the process has to answer, and it may need memory
    or be swapped out itself.

    Fix: use a mirror with a core or disk log, or the raid1 type of LVM.

    Source: drivers/md/dm-log-userspace-base.c.
    """,
)


def _queues(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None:
        return ()
    tables = [t.table for t in need(layer.mapper.targets) if t.type == "multipath"]
    found = [t for t in tables if "queue_if_no_path" in t.split()]
    return seen("feature", "queue_if_no_path", TABLE) if found else ()


storage_multipath = layer_rule(
    "storage-multipath",
    Severity.UNSAFE,
    _queues,
    Fix("Set no_path_retry to a number, or to fail, in multipath.conf(5)."),
    """A multipath device below waits for ever when it has lost all paths.

    It can deadlock: the paths come back only when multipathd, a process, reinstates them, while the
    machine waits for the page-outs that are queued.

    Fix: give it a finite number of retries.

    Source: queue_if_no_path in drivers/md/dm-mpath.c.
    """,
)

storage_faulty = layer_rule(
    "storage-faulty",
    Severity.UNSAFE,
    with_target("error", "zero", "flakey", "dust"),
    ELSEWHERE,
    """A device below fails, or forgets what is written.

    It cannot deadlock, but pages are lost. The targets error, zero, flakey and dust are for tests.

    Fix: use another device.

    Source: Documentation/admin-guide/device-mapper.
    """,
)


def _unheard(layer: Layer) -> tuple[Evidence, ...]:
    if layer.mapper is None:
        return ()
    found = [t.type for t in need(layer.mapper.targets) if t.type not in _KNOWN]
    return (Evidence("target", found[0], found[0], SYSFS),) if found else ()


storage_target_unknown = layer_rule(
    "storage-target-unknown",
    Severity.WARNING,
    _unheard,
    Fix("Find out whether it allocates, copies or asks a process when it is written to."),
    """A device below has a target that no rule here knows.

    Whether it can deadlock depends on what a write to it needs: memory that is reserved, or a
    transaction, or a process that has to run.

    Fix: ask its documentation, or use a device without it.

    Source: Documentation/admin-guide/device-mapper.
    """,
)
