"""What follows from the measurements of a proof: every reason, and that it is absent otherwise."""

import json
from typing import Literal

import pytest

from swapctl.facts import SwapArea
from swapctl.proof import conclude
from swapctl.proof_facts import (
    Change,
    Event,
    FileChange,
    Filesystem,
    Growth,
    Kind,
    MapChange,
    Role,
    Trace,
    WatchedFile,
)
from swapctl.proof_record import Ended, Measured, Proof, Round, Traffic, WrongPage
from swapctl.render.proof import proof_json, proof_text, quantile
from swapctl.storage_facts import Span, Spans
from swapctl.unknown import Unknown
from tests.golden.regenerate import report

PAGE = 4096
UNKNOWN = Unknown("trace events", "not here")
FILE = WatchedFile("/mnt/image", 2)
AREA = SwapArea("/mnt/swap", "file", 64 << 20, 0, 1, False, "7:0", 12)
APPEARED = MapChange("appeared", Spans(2, 8192, (Span(0, 4096),)), (None, ()), (4096, ()))


def filesystem(transactions: Unknown | Literal["counted", "none"] = "counted") -> Filesystem:
    return Filesystem("/mnt", "xfs", "7:1", False, (FILE,), transactions)


def event(kind: Kind, role: Role, times: int = 1) -> Event:
    return Event("7:1", f"xfs_{kind}", kind, 9, "kworker/0:1", role, ("f", "g"), times)


def change(
    transactions: int | Unknown = 0,
    allocations: int | Unknown = 0,
    *events: Event,
    where: Filesystem | None = None,
    map_: tuple[MapChange, ...] | Unknown = (),
    trace: Unknown | None = None,
    lost: int = 0,
) -> Change:
    return Change(
        where or filesystem(),
        (
            Growth("trans", "transaction", transactions, "stats"),
            Growth("extents", "allocation", allocations, "stats"),
            Growth("commits", "commit", 1, "stats"),
        ),
        (FileChange(FILE, map_),),
        trace or Trace(events, lost),
    )


def counted(transactions: int | Unknown, allocations: int | Unknown = 0) -> Change:
    """What counters alone say."""
    return change(transactions, allocations, trace=UNKNOWN)


ROUND = Round(
    order="sequential",
    pages=100,
    out=100,
    elsewhere=0,
    stayed=0,
    used=100 * PAGE,
    back=100,
    wrong=0,
    first_wrong=(),
    faults=13,
    latencies=((1000, 5), (20000, 8)),
    push_seconds=0.5,
    fetch_seconds=1.0,
    pushed=Traffic(100, 0, 0),
    fetched=Traffic(0, 100, 0),
)
ROUNDS = (ROUND, ROUND._replace(order="random"))
CLEAN = Measured(
    page_size=PAGE,
    size=100 * PAGE,
    area=AREA,
    activated=True,
    kept=False,
    rounds=ROUNDS,
    seconds=3.0,
    filesystems=(change(),),
    control=(change(),),
    lacks=(),
    shelter=None,
    ended=None,
    unsafe=(),
)


def with_round(**different: object) -> Measured:
    """One of the two rounds went another way."""
    return CLEAN._replace(rounds=(ROUND._replace(**different), ROUNDS[1]))  # type: ignore[arg-type]


def watched(proof: Change, control: Change) -> Measured:
    return CLEAN._replace(filesystems=(proof,), control=(control,))


def texts(proof: Proof) -> str:
    return "\n".join(reason.text for reason in proof.reasons)


def test_a_clean_measurement_is_proven() -> None:
    assert conclude(CLEAN)[:2] == ("proven", ())


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (
            with_round(wrong=1, first_wrong=(WrongPage(7, "all zeros"),), back=99),
            "corrupted. The first: page 7, all zeros",
        ),
        (CLEAN._replace(rounds=(), ended=Ended(True, "a page was lost")), "a page was lost"),
        (watched(change(map_=(APPEARED,)), change()), "2 appeared (8.0 KiB)"),
        (watched(counted(26), counted(0)), "26 transactions while"),
        (watched(counted(0, 1), counted(0)), "1 allocation while"),
        (watched(counted(26), counted(3)), "23 transactions"),
        (watched(change(5, 0, event("transaction", "loop", 5)), change()), "5 transactions"),
        (
            watched(
                change(50, 0, event("transaction", "ours"), event("transaction", "other", 49)),
                change(50, 0, event("transaction", "other", 50)),
            ),
            "1 transaction while",
        ),
        (
            watched(
                change(9, 0, event("transaction", "reclaim", 2), event("transaction", "loop", 3)),
                change(9, 0, event("transaction", "loop", 3)),
            ),
            "2 transactions while",
        ),
    ],
)
def test_disproved(measured: Measured, says: str) -> None:
    proof = conclude(measured)
    assert proof.verdict == "disproved"
    assert proof.reasons[0].verdict == "disproved"
    assert says in texts(proof)


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (CLEAN._replace(rounds=ROUNDS[:1]), "not every order"),
        (CLEAN._replace(rounds=(), ended=Ended(False, "it was killed")), "it was killed"),
        (with_round(out=90, elsewhere=10, back=90), "10 went elsewhere, 0 stayed"),
        (with_round(out=90, stayed=10, back=90), "0 went elsewhere, 10 stayed"),
        (with_round(pushed=Traffic(3, 0, 97)), "zswap took 97 pages, 103 were"),
        (
            with_round(pushed=Traffic(100, 0, 9))._replace(shelter=UNKNOWN),
            "zswap took 9 pages, 200 were written (not here)",
        ),
        (with_round(pushed=Traffic(99, 0, 0)), "199 were written and 200 were read"),
        (with_round(fetched=Traffic(0, 99, 0)), "200 were written and 199 were read"),
        (with_round(used=PAGE), "4.0 KiB in use"),
        (watched(counted(5), counted(4)), "background activity: 4 without, 5 with"),
        (
            watched(
                change(5, 0, event("transaction", "loop", 5)),
                change(4, 0, event("transaction", "loop", 4)),
            ),
            "background activity: 4 without, 5 with",
        ),
        (watched(counted(UNKNOWN), counted(0)), "transactions: not here"),
        (watched(counted(3), counted(UNKNOWN)), "transactions: not here"),
        (watched(change(0, UNKNOWN), change()), "allocations: not here"),
        (watched(change(map_=(APPEARED,)), change(map_=(APPEARED,))), "without swapping too"),
        (watched(change(map_=UNKNOWN), change()), "trace events: not here"),
        (
            watched(change(where=filesystem(UNKNOWN)), change(where=filesystem(UNKNOWN))),
            "trace events: not here",
        ),
        (CLEAN._replace(lacks=(Unknown("nfs on /mnt", "a server"),)), "nfs on /mnt: a server"),
        (CLEAN._replace(unsafe=("storage-thin", "file-mode")), "warns of: storage-thin"),
        (
            watched(change(5, 0, event("transaction", "other", 5), lost=1), change(5)),
            "background activity",
        ),
    ],
)
def test_inconclusive(measured: Measured, says: str) -> None:
    proof = conclude(measured)
    assert proof.verdict == "inconclusive"
    assert says in texts(proof)


@pytest.mark.parametrize(
    "measured",
    [
        watched(counted(0), counted(9)),
        watched(change(9, 0, event("transaction", "other", 9)), change()),
        watched(change(9, 0, event("transaction", "housekeeping", 9)), change()),
        watched(
            change(UNKNOWN, 0, where=filesystem("none"), trace=UNKNOWN),
            change(UNKNOWN, 0, where=filesystem("none"), trace=UNKNOWN),
        ),
        watched(change(), change(map_=(APPEARED,))),
        CLEAN._replace(unsafe=("file-mode", "directory-untrusted")),
        CLEAN._replace(filesystems=(), control=()),
        CLEAN._replace(shelter=UNKNOWN),
        with_round(pushed=Traffic(500, 0, 0)),
        with_round(pushed=Traffic(100, 0, 9)),
    ],
)
def test_what_does_not_matter(measured: Measured) -> None:
    assert conclude(measured)[:2] == ("proven", ())


def test_what_only_events_show_is_counted() -> None:
    proof = conclude(watched(change(0, 0, event("allocation", "loop", 10)), change()))
    assert proof.tallies[0].allocations == (10, 0, 10)
    assert "10 allocations while" in texts(proof)


def test_what_began_before_is_only_counted() -> None:
    whole = change(1)._replace(trace=Trace((), 0, frozenset({("xfs", "transaction")})))
    assert conclude(watched(whole, change())).verdict == "proven"
    assert conclude(watched(change(1), change())).verdict == "disproved"
    loop = Trace((event("transaction", "loop"),), 0, frozenset({("xfs", "transaction")}))
    assert conclude(watched(whole._replace(trace=loop), change())).verdict == "disproved"
    assert conclude(watched(change(0, 1)._replace(trace=whole.trace), change())).reasons


def test_what_is_counted_beyond_the_events_is_believed() -> None:
    """An event of somebody else's does not excuse what shows nowhere."""
    cleaner = event("transaction", "housekeeping")
    assert "2 transactions" in texts(conclude(watched(change(3, 0, cleaner), change())))
    mine = change(4, 0, cleaner, event("transaction", "loop", 2))
    assert "3 transactions" in texts(conclude(watched(mine, change())))
    assert "background" in texts(conclude(watched(change(3, 0, cleaner), change(2))))
    unknown = change(UNKNOWN, 0, cleaner)
    assert conclude(watched(unknown, change())).tallies[0].transactions.caused == 0


def uncounted(*events: Event, lost: int = 0) -> Change:
    """On a filesystem that has no counters."""
    return change(0, 0, *events, lost=lost)._replace(growth=())


def test_lost_events_of_what_has_no_counter() -> None:
    loop, ours = event("allocation", "loop", 5), event("allocation", "ours", 2)
    other = event("allocation", "other", 5)
    for seen in (uncounted(loop, lost=3), uncounted(other, lost=3), uncounted(lost=3)):
        proof = conclude(watched(seen, uncounted()))
        assert proof.verdict == "inconclusive"
        assert "allocations: 3 events were lost" in texts(proof)
    assert conclude(watched(uncounted(), uncounted(lost=4))).verdict == "inconclusive"
    assert conclude(watched(uncounted(ours, lost=3), uncounted())).verdict == "disproved"
    assert conclude(watched(uncounted(other), uncounted())).verdict == "proven"


def test_lost_events_of_what_is_counted_do_not_matter() -> None:
    other = event("transaction", "other", 5)
    assert conclude(watched(change(0, 0, other, lost=3), change())).verdict == "proven"
    assert conclude(watched(change(5, 0, other, lost=3), change())).verdict == "disproved"


def test_the_first_event_is_one_that_counts() -> None:
    mine = event("allocation", "loop", 2)
    proof = conclude(
        watched(
            change(9, 2, event("commit", "ours"), event("transaction", "other"), mine), change()
        )
    )
    assert proof.tallies[0].first == mine
    assert conclude(CLEAN).tallies[0].first is None


def test_disproved_keeps_the_other_reasons_behind() -> None:
    proof = conclude(with_round(out=90, stayed=10, wrong=1, first_wrong=(WrongPage(7, "x"),)))
    assert [reason.verdict for reason in proof.reasons] == ["disproved", "inconclusive"]


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 2), (75, 2), (76, 30), (95, 30), (99, 30), (1, 1)]
)
def test_quantiles(percent: int, expected: int) -> None:
    assert quantile([(1, 25), (2, 50), (30, 25)], percent) == expected
    assert quantile([], percent) is None


def test_reports() -> None:
    judged = report("xfs-ready")
    measured = watched(
        change(9, UNKNOWN, event("transaction", "loop", 9), map_=(APPEARED,)), change()
    )
    proof = conclude(measured)
    text = proof_text(judged, measured, proof, active=False, color=False)
    assert f"{judged.snapshot.path}: disproved\n" in text
    assert "first: xfs_transaction by kworker/0:1 (loop)" in text
    assert "200 of 200 pages out" in text
    made = json.loads(proof_json(judged, measured, proof, active=False))
    (target,) = made["targets"]
    found = target["proof"]["filesystems"][0]
    assert (target["proof"]["verdict"], target["active"]) == ("disproved", False)
    assert found["transactions"] == {"proof": 9, "control": 0, "caused": 9}
    assert found["allocations"]["proof"] == {"unknown": UNKNOWN._asdict()}
    assert found["first"]["stack"] == ["f", "g"]
    assert found["files"][0]["map"][0]["bytes"] == 8192
    assert target["proof"]["rounds"][0]["fault_ns"] == {"p50": 20000, "p95": 20000, "p99": 20000}


def test_a_report_without_rounds() -> None:
    measured = CLEAN._replace(
        rounds=(), filesystems=(), control=(), ended=Ended(False, "it was killed")
    )
    judged = report("xfs-ready")
    text = proof_text(judged, measured, conclude(measured), active=True, color=False)
    assert "inconclusive" in text
    assert "it was killed" in text
