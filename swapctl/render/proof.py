"""What a proof showed, for people and for programs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from swapctl.proof_facts import Event, FileChange, MapChange
from swapctl.proof_record import Count, Measured, Order, Proof, Round, Tally
from swapctl.render.json import document, dump, target
from swapctl.render.table import Column, table_text
from swapctl.render.text import labelled, paint
from swapctl.rules import Report
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds
from swapctl.unknown import Unknown

_COLORS = {"proven": "ready", "disproved": "refused", "inconclusive": "undecided"}
_ORDERS: tuple[Order, ...] = ("sequential", "random")
_QUANTILES = (50, 95, 99)
_FRAMES = 12


def _number(value: int | Unknown) -> int | None:
    return None if isinstance(value, Unknown) else value


def _map_word(files: Iterable[FileChange]) -> str | None:
    maps = [change.map for change in files]
    if any(isinstance(one, Unknown) for one in maps):
        return None
    return "changed" if any(maps) else "same" if maps else "none"


def _counts(get: str) -> tuple[Column[Tally], ...]:
    """Two columns: in the rounds, and of those what the pages caused; then the control interval."""
    word = {"transactions": "TRANSACTIONS", "allocations": "ALLOCATIONS", "commits": "COMMITS"}[get]

    def count(tally: Tally) -> Count:
        found: Count = getattr(tally, get)
        return found

    return (
        Column(get, word, "number", "in the rounds", lambda t: _number(count(t).proof)),
        Column(
            f"{get}_control", "CONTROL", "number", "without", lambda t: _number(count(t).control)
        ),
        Column(f"{get}_caused", "CAUSED", "number", "ours", lambda t: _number(count(t).caused)),
    )


_COLUMNS: tuple[Column[Tally], ...] = (
    Column("place", "FILESYSTEM", "text", "where it is mounted", lambda t: t.filesystem.place),
    Column("fstype", "TYPE", "text", "its type", lambda t: t.filesystem.fstype),
    *_counts("transactions"),
    *_counts("allocations"),
    Column("map", "MAP", "text", "the blocks of the file", lambda t: _map_word(t.files)),
)


def quantile(latencies: Sequence[tuple[int, int]], percent: int) -> int | None:
    """The nanoseconds that so many percent of the faults did not exceed; None without faults."""
    total = sum(count for _, count in latencies)
    seen = 0
    for nanoseconds, count in latencies:
        seen += count
        if seen * 100 >= total * percent:
            return nanoseconds
    return None


def _merged(rounds: Iterable[Round]) -> list[tuple[int, int]]:
    found: dict[int, int] = {}
    for one in rounds:
        for nanoseconds, count in one.latencies:
            found[nanoseconds] = found.get(nanoseconds, 0) + count
    return sorted(found.items())


def _duration(nanoseconds: int | None) -> str:
    if nanoseconds is None:
        return "?"
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds} ns"


def _rate(size: int, seconds: float) -> int | None:
    return int(size / seconds) if seconds > 0 else None


def _rounds(m: Measured) -> Iterator[str]:
    out, pages = sum(r.out for r in m.rounds), sum(r.pages for r in m.rounds)
    back = sum(r.back for r in m.rounds)
    size = out * m.page_size
    pushed = _rate(size, sum(r.push_seconds for r in m.rounds))
    yield (
        f"{len(m.rounds)} rounds of {format_bytes(m.size)} in {format_seconds(m.seconds)}: "
        f"{out} of {pages} pages out, {back} back with every byte as it was"
    )
    yield f"out: {format_bytes(pushed or 0)}/s"
    for order in _ORDERS:
        those = [r for r in m.rounds if r.order == order]
        if not those:
            continue
        rate = _rate(sum(r.out for r in those) * m.page_size, sum(r.fetch_seconds for r in those))
        latencies = _merged(those)
        values = ", ".join(f"p{q} {_duration(quantile(latencies, q))}" for q in _QUANTILES)
        yield (
            f"in, {order}: {format_bytes(rate or 0)}/s with the comparison; "
            f"{sum(r.faults for r in those)} major faults, {values}"
        )


def _first(event: Event) -> Iterator[str]:
    yield f"first: {event.event} by {shown(event.comm)} ({event.role})"
    for name in event.stack[:_FRAMES]:
        yield f"    {name}"


def proof_text(report: Report, m: Measured, proof: Proof, *, active: bool, color: bool) -> str:
    """The report: the verdict and why, what moved, and each filesystem."""
    word = paint(proof.verdict, color, _COLORS[proof.verdict])
    lines = [f"{shown(report.snapshot.path)}: {word}"]
    state = "still active" if active else "deactivated again"
    how = f"activated for it, {state}" if m.activated else "was active before"
    lines.append(f"    {format_bytes(m.area.size)}, priority {m.area.priority}, {how}")
    lines += [f"    {line}" for line in _rounds(m)] if m.rounds else []
    firsts = {tally.filesystem.place: tally.first for tally in proof.tallies}
    for reason in proof.reasons:
        where = f"{shown(reason.place)}: " if reason.place else ""
        lines += ["", *labelled("why", f"{where}{reason.text}")]
        first = firsts.pop(reason.place, None) if reason.verdict == "disproved" else None
        lines += [f"          {line}" for line in _first(first)] if first else []
    if proof.tallies:
        table = table_text(_COLUMNS, proof.tallies, plain=False)
        lines += ["", *(f"    {line}" for line in table.splitlines())]
    elif proof.verdict == "proven":
        lines += ["", "    There is no filesystem on the way down."]
    return "\n".join(lines)


def _fact(value: int | Unknown) -> Any:
    return value if isinstance(value, int) else {"unknown": value._asdict()}


def _map(change: MapChange) -> dict[str, Any]:
    return {
        "became": change.became,
        "pieces": change.parts.pieces,
        "bytes": change.parts.bytes,
        "first": [span._asdict() for span in change.parts.first],
        "before": {"physical": change.before[0], "flags": list(change.before[1])},
        "after": {"physical": change.after[0], "flags": list(change.after[1])},
    }


def _tally(tally: Tally) -> dict[str, Any]:
    counts = {
        name: {key: _fact(value) for key, value in getattr(tally, name)._asdict().items()}
        for name in ("transactions", "allocations", "commits")
    }
    files = [
        {
            "path": one.file.path,
            "map": {"unknown": one.map._asdict()}
            if isinstance(one.map, Unknown)
            else [_map(change) for change in one.map],
        }
        for one in tally.files
    ]
    first = tally.first
    return {
        "place": tally.filesystem.place,
        "fstype": tally.filesystem.fstype,
        "device": tally.filesystem.device,
        "own": tally.filesystem.own,
        **counts,
        "files": files,
        "first": None if first is None else {**first._asdict(), "stack": list(first.stack)},
    }


def _round(one: Round, page_size: int) -> dict[str, Any]:
    plain = one._asdict()
    plain["first_wrong"] = [wrong._asdict() for wrong in one.first_wrong]
    plain["pushed"], plain["fetched"] = one.pushed._asdict(), one.fetched._asdict()
    del plain["latencies"]
    for name in ("push_seconds", "fetch_seconds"):
        plain[name] = round(plain[name], 6)
    return plain | {
        "out_bytes_per_second": _rate(one.out * page_size, one.push_seconds),
        "in_bytes_per_second": _rate(one.out * page_size, one.fetch_seconds),
        "fault_ns": {f"p{q}": quantile(one.latencies, q) for q in _QUANTILES},
    }


def proof_json(report: Report, m: Measured, proof: Proof, *, active: bool) -> str:
    """The target with the proof in it."""
    made = {
        "verdict": proof.verdict,
        "reasons": [reason._asdict() for reason in proof.reasons],
        "size": m.size,
        "seconds": round(m.seconds, 3),
        "priority": m.area.priority,
        "activated": m.activated,
        "rounds": [_round(one, m.page_size) for one in m.rounds],
        "filesystems": [_tally(tally) for tally in proof.tallies],
    }
    one = {**target(report), "active": active, "proof": made}
    return dump(document(report.snapshot.host, targets=[one]))
