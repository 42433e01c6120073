"""Rules about software RAID (md, dm-raid) and bcache."""

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, TABLE, device_path, layer_rule, of_kind, seen
from swapctl.storage_facts import Layer
from swapctl.text import quoted

_MD = "sysfs md"
_PARITY = ("raid4", "raid5", "raid6")
_BUSY = ("resync", "recover", "reshape")


def _raid_words(layer: Layer) -> list[str]:
    """The status of a dm-raid target: level, number of devices, their health, ..., the action."""
    if layer.mapper is None:
        return []
    found = [t.status.split() for t in need(layer.mapper.targets) if t.type == "raid"]
    return found[0] if found else []


def _parity(layer: Layer) -> tuple[Evidence, ...]:
    if layer.array is not None and layer.array.level in _PARITY:
        return seen("level", layer.array.level, _MD)
    words = _raid_words(layer)
    return seen("level", words[0], TABLE) if words and words[0].startswith(_PARITY) else ()


storage_raid_parity = layer_rule(
    "storage-raid-parity",
    Severity.WARNING,
    _parity,
    ELSEWHERE,
    """An array below computes parity (RAID 4, 5 or 6).

    It is not known to deadlock: its stripe cache is allocated beforehand. But each page written
    costs several reads and writes, and growing the cache needs memory that may not be there.

    Fix: use a mirror (RAID 1 or 10) or no array at all.

    Source: raid5_make_request() and grow_one_stripe(), drivers/md/raid5.c.
    """,
)


def _degraded(layer: Layer) -> tuple[Evidence, ...]:
    if layer.array is not None and layer.array.degraded:
        return seen("degraded", layer.array.degraded, f"{_MD}/degraded")
    words = _raid_words(layer)
    if len(words) > 2 and not set("D-").isdisjoint(words[2]):  # dead, or not there
        return seen("health", words[2], TABLE)
    return ()


def _detail(s: Snapshot, layer: Layer) -> Fix:
    return Fix("Replace what has failed:", (f"mdadm --detail {quoted(device_path(s, layer))}",))


storage_array_degraded = layer_rule(
    "storage-array-degraded",
    Severity.WARNING,
    _degraded,
    _detail,
    """An array below lacks a member.

    It cannot deadlock for that, but the next failure takes the pages with it, and the processes
    whose memory they hold.

    Fix: replace the member that has failed.

    Source: degraded in Documentation/admin-guide/md.rst.
    """,
)


def _syncing(layer: Layer) -> tuple[Evidence, ...]:
    if layer.array is not None and layer.array.sync_action.startswith(_BUSY):
        return seen("sync_action", layer.array.sync_action, f"{_MD}/sync_action")
    words = _raid_words(layer)
    busy = [word for word in words if word.startswith(_BUSY)]
    return seen("sync action", busy[0], TABLE) if busy else ()


storage_array_syncing = layer_rule(
    "storage-array-syncing",
    Severity.WARNING,
    _syncing,
    Fix("Wait until it is through:", ("lsblk",)),
    """An array below is rebuilding, resyncing or changing its shape.

    It is not known to deadlock, but pages wait for the parts that are being worked on, and a
    reshape of an array with external metadata depends on a process.

    Fix: wait until it is through.

    Source: sync_action in Documentation/admin-guide/md.rst.
    """,
)


def _external(layer: Layer) -> tuple[Evidence, ...]:
    if layer.array is None or not layer.array.metadata.startswith("external:"):
        return ()
    return seen("metadata_version", layer.array.metadata, f"{_MD}/metadata_version")


storage_array_external = layer_rule(
    "storage-array-external",
    Severity.UNSAFE,
    _external,
    Fix("Use an array with metadata of the kernel's own, or see that mdmon always runs."),
    """An array below keeps its metadata in a format that a process writes (mdmon).

    It can deadlock: after a pause the first write waits until mdmon has marked the array as in use,
    and mdmon has to run for that, also when memory is short.

    Fix: use an array with native metadata.

    Source: md_write_start(), drivers/md/md.c; mdmon(8).
    """,
)


def _broken(layer: Layer) -> tuple[Evidence, ...]:
    state = layer.array.state if layer.array is not None else ""
    stopped = state in ("clear", "inactive", "suspended", "readonly", "broken")
    return seen("array_state", state, f"{_MD}/array_state") if stopped else ()


storage_array_stopped = layer_rule(
    "storage-array-stopped",
    Severity.UNSAFE,
    _broken,
    _detail,
    """An array below takes no writes.

    Where it is suspended it does deadlock until somebody resumes it; where it is stopped, read-only
    or broken, every page that is written out is lost.

    Fix: bring the array into a state in which it can be written to.

    Source: array_state in Documentation/admin-guide/md.rst.
    """,
)

storage_bcache = layer_rule(
    "storage-bcache",
    Severity.WARNING,
    of_kind("bcache"),
    ELSEWHERE,
    """A cache of faster blocks lies below (bcache).

    It can deadlock in principle: writes allocate buckets and change a tree on the disk. Reserves
    exist for both, and no case is known. Pages push useful blocks out of the cache.

    Fix: use the fast or the slow device directly.

    Source: drivers/md/bcache/request.c; Documentation/admin-guide/bcache.rst.
    """,
)
