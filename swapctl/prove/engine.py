"""The proof from activation to undo."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from swapctl.activate import activate, deactivate
from swapctl.errors import ExitCode, SwapctlError, from_oserror
from swapctl.facts import SwapArea, Unknown
from swapctl.gather.areas import zswap
from swapctl.gather.reading import attempt
from swapctl.gather.witness import Witness
from swapctl.linux import cgroup, libc, meminfo
from swapctl.proof import conclude
from swapctl.proof_changes import changes
from swapctl.proof_record import Ended, Measured, Proof
from swapctl.prove import exercise
from swapctl.prove.bounds import amount
from swapctl.prove.exercise import Plan
from swapctl.prove.pages import SEED_SIZE
from swapctl.prove.runner import Runner, Stuck, held_back, let_through
from swapctl.rules import Report, in_the_way
from swapctl.rules.subject import active_area
from swapctl.text import shown


class Request(NamedTuple):
    """What was asked for: bytes to move in a round, None for the default; rounds for at least so
    many seconds; whether an area that was activated stays active."""

    size: int | None
    seconds: float
    keep: bool


def _inconclusive(text: str, path: str, hint: str = "") -> SwapctlError:
    return SwapctlError(f"inconclusive: {text}", hint=hint, code=ExitCode.UNDECIDED, path=path)


def _priority(area: SwapArea | None, others: Sequence[SwapArea], path: str) -> int:
    """The priority that puts the area before all others. Raises SwapctlError where none does."""
    highest = max(others, key=lambda one: one.priority, default=None)
    if area is not None:
        if highest is None or highest.priority < area.priority:
            return area.priority
        raise _inconclusive(
            f"it is active with priority {area.priority}, and {shown(highest.path)} with "
            f"{highest.priority}: pages would go there too",
            path,
            "Deactivate it first; prove activates it before all others.",
        )
    if highest is not None and highest.priority >= libc.SWAP_FLAG_PRIO_MASK:
        raise _inconclusive(f"{shown(highest.path)} has the highest priority that there is", path)
    return 0 if highest is None else max(0, highest.priority + 1)


@contextmanager
def _sheltered(page_size: int) -> Iterator[tuple[str | None, Unknown | None]]:
    """A control group that zswap leaves alone where zswap is on; or why there is none."""
    state = zswap(page_size)
    if state is None or state.enabled is False:
        yield None, None
        return
    group = attempt("control group without zswap", cgroup.make_without_zswap)
    if isinstance(group, Unknown):
        yield None, group
        return
    try:
        yield group, None
    except BaseException:
        with suppress(OSError):
            cgroup.remove(group)
        raise
    try:
        cgroup.remove(group)
    except OSError as error:
        raise from_oserror("cannot remove the control group", error, path=group) from None


def _planned(report: Report, known: Sequence[SwapArea]) -> SwapArea:
    """The area: as it is, or as it will be when it is activated. Raises SwapctlError."""
    path = report.snapshot.path
    area = active_area(report.snapshot) if report.active else None
    if area is not None:
        _priority(area, [one for one in known if one != area], path)
        return area
    size = report.swapon.usable_bytes
    if size is None:
        raise _inconclusive("it is not known how large the area would be", path)
    return SwapArea(path, "", size, 0, _priority(None, known, path), False, None, None)


def prove(
    report: Report, request: Request, gets_on: Callable[[int], None]
) -> tuple[Measured, Proof]:
    """Do it, say what follows, and undo it. `gets_on` is called with the bytes that have moved.

    Raises SwapctlError where it cannot be begun or undone, KeyboardInterrupt after the undoing.
    """
    page_size = report.snapshot.host.page_size
    known = report.snapshot.areas
    if isinstance(known, Unknown):
        raise _inconclusive(f"{known.what}: {known.reason}", report.snapshot.path)
    area = _planned(report, known)
    size = amount(request.size, area, known, meminfo.read()["MemAvailable"], page_size)
    runner = Runner(lambda ticks: gets_on(ticks * exercise.BATCH * page_size))
    with held_back(), ExitStack() as undo:
        if inactive := area not in known:
            area = activate(report, area.priority, None)
            undo.callback(deactivate, area.path)
        try:
            measured = _measured(report, request, area, size, inactive, runner)
        except Stuck:
            undo.pop_all()
            raise SwapctlError(
                "the storage does not answer: a process cannot be ended that reads from it",
                hint="The area is active: swapoff(2) would wait in the same way.",
                path=area.path,
            ) from None
        proof = conclude(measured)
        if request.keep and proof.verdict != "disproved":
            undo.pop_all()
            measured = measured._replace(kept=inactive)
    return measured, proof


def _measured(
    report: Report, request: Request, area: SwapArea, size: int, activated: bool, runner: Runner
) -> Measured:
    """With an active area: see that pages go there, then the rounds."""
    page_size = report.snapshot.host.page_size
    with _sheltered(page_size) as (group, unsheltered):
        plan = Plan(area.path, size // page_size, request.seconds, os.urandom(SEED_SIZE), group)
        base = Measured(
            page_size=page_size,
            size=size,
            area=area,
            activated=activated,
            kept=False,
            rounds=(),
            seconds=0.0,
            filesystems=(),
            control=(),
            lacks=(),
            shelter=unsheltered,
            ended=None,
            unsafe=tuple(finding.rule_id for finding in in_the_way(report.outcome, ())),
        )
        number = runner.run(plan, lambda tick: exercise.settle(plan, tick))
        if isinstance(number, Ended):
            return base._replace(ended=number)
        return _watched(report, plan, number, runner, base)


def _watched(report: Report, plan: Plan, number: int, runner: Runner, base: Measured) -> Measured:
    """The rounds, then as long nothing, both under the eyes of the witness."""
    with Witness(report.snapshot) as witness:
        with let_through():
            witness.settle()
            before = witness.observe(runner.pids)
        start = time.monotonic()
        rounds = runner.run(plan, lambda tick: exercise.rounds(plan, number, tick))
        if isinstance(rounds, Ended):
            return base._replace(ended=rounds)
        seconds = time.monotonic() - start
        if any(one.wrong for one in rounds):
            # No number of transactions makes that better or worse.
            return base._replace(rounds=rounds, seconds=seconds)
        with let_through():
            after = witness.observe(runner.pids)
            time.sleep(seconds)
            later = witness.observe(runner.pids)
        return base._replace(
            rounds=rounds,
            seconds=seconds,
            filesystems=changes(before, after),
            control=changes(after, later),
            lacks=witness.lacks,
        )
