"""`status` as a table, as Markdown and as JSON."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from swapctl.render.table import Column, record, table_markdown, table_text
from swapctl.status import AreaStatus, Status, Zram, Zswap
from swapctl.text import shown
from swapctl.units import format_bytes

COLUMNS: tuple[Column[AreaStatus], ...] = (
    Column("name", "NAME", "text", "path as the kernel prints it", lambda a: a.name),
    Column("type", "TYPE", "text", "file, partition or zram", lambda a: a.type),
    Column("size_bytes", "SIZE", "bytes", "usable size", lambda a: a.size),
    Column("used_bytes", "USED", "bytes", "swapped out to it", lambda a: a.used),
    Column("priority", "PRIO", "number", "higher is used first", lambda a: a.priority),
    Column("fstype", "FSTYPE", "text", "filesystem of the file", lambda a: a.fstype),
    Column("device", "DEVICE", "text", "block device it lies on", lambda a: a.device),
    Column("extents", "EXTENTS", "number", "contiguous pieces of the file", lambda a: a.extents),
    Column("verdict", "VERDICT", "text", "what check says, or stale", lambda a: a.verdict),
    Column("mount", "MOUNT", "text", "where the filesystem is mounted", lambda a: a.mount),
    Column("uuid", "UUID", "text", "UUID in the header", lambda a: a.uuid),
    Column("label", "LABEL", "text", "label in the header", lambda a: a.label),
    Column("stale", "STALE", "text", "the path leads elsewhere", lambda a: a.stale),
)
DEFAULT_COLUMNS = COLUMNS[:9]
NO_AREAS = "no active swap areas"


def status_text(
    status: Status,
    columns: Sequence[Column[AreaStatus]],
    *,
    plain: bool,
    markdown: bool = False,
    tree: bool = False,
) -> str:
    """The table and the lines below it; `plain` prints sizes as bytes, `tree` adds what lies below
    each area."""
    blocks = [NO_AREAS]
    if status.areas:
        table = table_markdown if markdown else table_text
        blocks = [table(columns, status.areas, plain=plain)]
    notes = [f"{shown(a.name)}: {a.note}" for a in status.areas if a.note is not None]
    if notes:
        blocks.append("\n".join(notes))
    totals = "\n".join(_below(status, plain))
    if totals:
        blocks.append(totals)
    if tree:
        trees = ["\n".join(_tree(area)) for area in status.areas]
        blocks += [f"```text\n{one}\n```" for one in trees] if markdown else trees
    return "\n\n".join(blocks)


def _tree(area: AreaStatus) -> Iterator[str]:
    from swapctl.render.storage import storage_lines

    name = shown(area.name)
    if area.storage is None:
        yield f"{name}: {'stale' if area.stale else 'no block device below'}"
    yield from storage_lines(area.storage, name)


def _below(status: Status, plain: bool) -> Iterator[str]:
    def size(value: int | None) -> str:
        return "?" if value is None else str(value) if plain else format_bytes(value)

    if status.areas:
        used, total = (sum(a.used for a in status.areas), sum(a.size for a in status.areas))
        yield f"total: {size(used)} of {size(total)} used"
    if status.zswap is not None and (status.zswap.enabled or status.zswap.stored):
        yield _zswap_line(status.zswap, size(status.zswap.stored), size(status.zswap.pool))
    for one in status.zram:
        yield (
            f"{one.name}: {one.algorithm or '?'}, {size(one.original)} compressed to "
            f"{size(one.compressed)}, {size(one.memory)} of memory used"
        )


def _zswap_line(zswap: Zswap, stored: str, pool: str) -> str:
    parts = ["zswap: on" if zswap.enabled else "zswap: off"]
    parts += [word for word in (zswap.compressor, zswap.zpool) if word]
    if zswap.max_pool_percent is not None:
        parts.append(f"at most {zswap.max_pool_percent}% of memory")
    return ", ".join([*parts, f"{stored} stored in {pool}"])


def name_record(name: str) -> dict[str, Any]:
    """A name for JSON; with its bytes where it is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return {"name": name, "name_bytes": list(os.fsencode(name))}
    return {"name": name}


def _zram_record(zram: Zram) -> dict[str, Any]:
    return {
        "name": zram.name,
        "size_bytes": zram.size,
        "algorithm": zram.algorithm,
        "original_bytes": zram.original,
        "compressed_bytes": zram.compressed,
        "memory_bytes": zram.memory,
    }


def _zswap_record(zswap: Zswap) -> dict[str, Any]:
    return {
        "enabled": zswap.enabled,
        "compressor": zswap.compressor,
        "zpool": zswap.zpool,
        "max_pool_percent": zswap.max_pool_percent,
        "stored_bytes": zswap.stored,
        "pool_bytes": zswap.pool,
    }


def status_json(status: Status, *, tree: bool = False) -> str:
    """The document: all columns, whichever the table shows; with `tree` the storage below."""
    from swapctl.render import json

    areas = [
        {
            **record(COLUMNS, a),
            **name_record(a.name),
            "note": a.note,
            **({"storage": json.storage(a.storage)} if tree else {}),
        }
        for a in status.areas
    ]
    return json.dump(
        json.document(
            status.host,
            areas=areas,
            totals={
                "size_bytes": sum(a.size for a in status.areas),
                "used_bytes": sum(a.used for a in status.areas),
            },
            zswap=None if status.zswap is None else _zswap_record(status.zswap),
            zram=[_zram_record(one) for one in status.zram],
            inactive=list(status.inactive),
        )
    )
