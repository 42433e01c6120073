"""What follows from the measurements: proven, disproved or inconclusive. Pure.

Wrong bytes, a page that is lost, a map that changed, or a transaction that the pages caused
disprove. What could not be seen, or not be told apart from what others did, makes a proof that
would hold inconclusive.
"""

from collections.abc import Iterator

from swapctl.proof_changes import grown
from swapctl.proof_facts import Change, Event, FileChange, Kind, Role
from swapctl.proof_record import Count, Measured, Proof, Reason, Round, Tally, Verdict
from swapctl.units import format_bytes
from swapctl.unknown import Unknown

# Our own processes are to blame for what they do, whatever others do meanwhile. These do the work
# of others too.
_DIRECT: tuple[Role, ...] = ("ours", "reclaim")
_SHARED: tuple[Role, ...] = ("kswapd", "loop", "writeback", "completion")
# So many times as much as in the control interval is not somebody else's.
_CLEARLY = 3
_EVERYBODYS = Unknown("cause", "a commit is for everybody's changes")
# What these warn of does not show in what filesystems do.
_NOT_ABOUT_PAGES = ("file-", "directory-")


def _excess(proof: int, control: int) -> int | Unknown:
    """How many of those in the rounds are not somebody else's."""
    if not proof or not control:
        return proof
    if proof > _CLEARLY * control:
        return proof - control
    return Unknown("cause", f"background activity: {control} without, {proof} with swapping")


def _traced(change: Change, kind: Kind, roles: tuple[Role, ...] | None) -> list[Event]:
    if isinstance(change.trace, Unknown):
        return []
    events = change.trace.events
    return [e for e in events if e.kind == kind and (roles is None or e.role in roles)]


def _total(events: list[Event]) -> int:
    return sum(event.times for event in events)


def _seen(change: Change, kind: Kind) -> int | Unknown:
    """How many, by the counters or by the events; there may be none for a kind, of either."""
    counted = grown(change, kind)
    traced = _total(_traced(change, kind, None))
    return max(counted, traced) if isinstance(counted, int) else counted


def _by_counters(change: Change, control: Change, kind: Kind, traced: int = 0) -> int | Unknown:
    """But for those that events have shown."""
    proof, before = grown(change, kind), grown(control, kind)
    if isinstance(proof, Unknown):
        return 0 if traced else proof
    proof = max(0, proof - traced)
    if isinstance(before, Unknown):
        return before if proof else 0
    return _excess(proof, before)


def _added(one: int | Unknown, other: int | Unknown) -> int | Unknown:
    """What is known of one is not less for what is not known of the other."""
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        known = [part for part in (one, other) if not isinstance(part, Unknown) and part]
        return known[0] if known else (one if isinstance(one, Unknown) else other)
    return one + other


def _by_events(change: Change, control: Change, kind: Kind) -> int | Unknown:
    direct = _total(_traced(change, kind, _DIRECT))
    shared = _excess(
        _total(_traced(change, kind, _SHARED)), _total(_traced(control, kind, _SHARED))
    )
    return direct or shared if isinstance(shared, Unknown) else direct + shared


def _caused(change: Change, control: Change, kind: Kind) -> int | Unknown:
    """Counters tell how many, events also whose. What is counted beyond the events is believed
    where the kernel does not show all of the kind: what was begun before is counted when it
    ends."""
    trace, before = change.trace, control.trace
    if isinstance(trace, Unknown) or isinstance(before, Unknown):
        return _by_counters(change, control, kind)
    if not trace.lost and not before.lost:
        whose = _by_events(change, control, kind)
        if (change.filesystem.fstype, kind) in trace.complete:
            return whose
        return _added(
            whose, _by_counters(change, control, kind, _total(_traced(change, kind, None)))
        )
    if any(one.kind == kind for one in change.growth):
        return _by_counters(change, control, kind)
    # What was lost may have been ours, or what others do all the time.
    lost = trace.lost + before.lost
    return _total(_traced(change, kind, _DIRECT)) or Unknown("cause", f"{lost} events were lost")


def _count(change: Change, control: Change, kind: Kind) -> Count:
    return Count(_seen(change, kind), _seen(control, kind), _caused(change, control, kind))


def _first(change: Change, counts: tuple[Count, ...]) -> Event | None:
    if not any(isinstance(c.caused, int) and c.caused for c in counts):
        return None
    events = () if isinstance(change.trace, Unknown) else change.trace.events
    kinds, roles = ("transaction", "allocation"), _DIRECT + _SHARED
    return next((e for e in events if e.kind in kinds and e.role in roles), None)


def tally(change: Change, control: Change) -> Tally:
    """What one filesystem did in the rounds, held against the control interval."""
    transactions = _count(change, control, "transaction")
    allocations = _count(change, control, "allocation")
    return Tally(
        change.filesystem,
        transactions,
        allocations,
        Count(_seen(change, "commit"), _seen(control, "commit"), _EVERYBODYS),
        change.files,
        _first(change, (transactions, allocations)),
    )


def _filesystem(found: Tally, control: Change) -> Iterator[Reason]:
    place = found.filesystem.place
    for count, word in ((found.transactions, "transaction"), (found.allocations, "allocation")):
        nothing = word == "transaction" and found.filesystem.transactions == "none"
        if isinstance(count.caused, Unknown):
            if not nothing:
                yield Reason("inconclusive", place, f"{word}s: {count.caused.reason}")
        elif count.caused:
            many = "" if count.caused == 1 else "s"
            yield Reason("disproved", place, f"{count.caused} {word}{many} while pages moved")
    if isinstance(found.filesystem.transactions, Unknown):
        lacking = found.filesystem.transactions
        yield Reason("inconclusive", place, f"{lacking.what}: {lacking.reason}")
    for now, before in zip(found.files, control.files, strict=True):
        yield from _map(place, now, before)


def _map(place: str, now: FileChange, before: FileChange) -> Iterator[Reason]:
    if isinstance(now.map, Unknown):
        yield Reason("inconclusive", place, f"{now.map.what}: {now.map.reason}")
    elif now.map:
        parts = ", ".join(
            f"{c.parts.pieces} {c.became} ({format_bytes(c.parts.bytes)})" for c in now.map
        )
        text = f"the map of {now.file.path} changed: {parts}"
        if before.map:
            yield Reason("inconclusive", place, f"{text}, without swapping too")
        else:
            yield Reason("disproved", place, text)


def _content(rounds: tuple[Round, ...]) -> Iterator[Reason]:
    wrong = sum(r.wrong for r in rounds)
    if wrong:
        first = next(r.first_wrong[0] for r in rounds if r.first_wrong)
        yield Reason(
            "disproved",
            "",
            f"{wrong} pages came back with other bytes than were written: memory that is swapped "
            f"to this area is corrupted. The first: page {first.page}, {first.found}",
        )


def _amounts(m: Measured) -> Iterator[Reason]:
    pages = sum(r.pages for r in m.rounds)
    out = sum(r.out for r in m.rounds)
    orders = {r.order for r in m.rounds}
    wrong = any(r.wrong for r in m.rounds)
    if m.ended is None and not wrong and orders != {"sequential", "random"}:
        yield Reason("inconclusive", "", "not every order was tried")
    written = sum(r.pushed.written for r in m.rounds)
    compressed = sum(r.pushed.compressed for r in m.rounds)
    read = sum(r.fetched.read for r in m.rounds)
    if out < pages:
        elsewhere, stayed = sum(r.elsewhere for r in m.rounds), sum(r.stayed for r in m.rounds)
        yield Reason(
            "inconclusive",
            "",
            f"{out} of {pages} pages went out to the area: {elsewhere} went elsewhere, "
            f"{stayed} stayed in memory",
        )
    # Out of its reach, it took those of others; else nobody knows whose.
    if compressed and (written < out or m.shelter is not None):
        text = f"zswap took {compressed} pages, {written} were written"
        why = f" ({m.shelter.reason})" if m.shelter else ""
        yield Reason("inconclusive", "", text + why)
    elif written < out or read < out:
        yield Reason(
            "inconclusive", "", f"of {out} pages {written} were written and {read} were read"
        )
    for one in m.rounds:
        if one.used < one.out * m.page_size:
            used = format_bytes(one.used)
            yield Reason("inconclusive", "", f"/proc/swaps shows {used} in use, which is too few")


def conclude(m: Measured) -> Proof:
    """The verdict with its reasons: disproved over inconclusive over proven."""
    pairs = list(zip(m.filesystems, m.control, strict=True))
    tallies = tuple(tally(change, control) for change, control in pairs)
    reasons = list(_content(m.rounds))
    if m.ended is not None:
        reasons.append(Reason("disproved" if m.ended.lost else "inconclusive", "", m.ended.text))
    for found, (_, control) in zip(tallies, pairs, strict=True):
        reasons += _filesystem(found, control)
    reasons += _amounts(m)
    reasons += [Reason("inconclusive", "", f"{u.what}: {u.reason}") for u in m.lacks]
    standing = [rule for rule in m.unsafe if not rule.startswith(_NOT_ABOUT_PAGES)]
    verdicts = {reason.verdict for reason in reasons}
    if standing and "disproved" not in verdicts:
        names = ", ".join(standing)
        reasons.append(
            Reason("inconclusive", "", f"nothing was seen of what check warns of: {names}")
        )
        verdicts.add("inconclusive")
    order: tuple[Verdict, ...] = ("disproved", "inconclusive")
    verdict: Verdict = next((one for one in order if one in verdicts), "proven")
    return Proof(verdict, tuple(sorted(reasons, key=lambda r: r.verdict != verdict)), tallies)
