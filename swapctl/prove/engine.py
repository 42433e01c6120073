"""The proof from activation to undo. Signals come through only where it waits, so that nothing is
left half done."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple, TypeVar

from swapctl.activate import activate, deactivate
from swapctl.errors import ExitCode, SwapctlError, from_oserror
from swapctl.facts import SwapArea, Unknown
from swapctl.gather import machine
from swapctl.gather.areas import zswap
from swapctl.gather.reading import attempt
from swapctl.gather.witness import Witness
from swapctl.linux import cgroup, meminfo
from swapctl.linux.child import Child, Died
from swapctl.proof import conclude
from swapctl.proof_changes import changes
from swapctl.proof_record import Ended, Measured, Proof, Round
from swapctl.prove import exercise
from swapctl.prove.bounds import amount
from swapctl.prove.exercise import NotThere, Plan
from swapctl.prove.pages import SEED_SIZE
from swapctl.rules import Report, in_the_way
from swapctl.rules.subject import active_area

T = TypeVar("T")

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HIGHEST = 32767
_STALLED = 60.0


class Request(NamedTuple):
    """What was asked for: bytes to move in a round, None for the default; rounds for at least so
    many seconds; whether an area that was activated stays active."""

    size: int | None
    seconds: float
    keep: bool


@contextmanager
def _held_back() -> Iterator[None]:
    """Signals that end the program wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _let_through() -> Iterator[None]:
    """Here they may come."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _inconclusive(text: str, path: str, hint: str = "") -> SwapctlError:
    return SwapctlError(f"inconclusive: {text}", hint=hint, code=ExitCode.UNDECIDED, path=path)


def _priority(area: SwapArea | None, others: Sequence[SwapArea], path: str) -> int:
    """The priority that puts the area before all others. Raises SwapctlError where none does."""
    highest = max(others, key=lambda one: one.priority, default=None)
    if area is not None:
        if highest is None or highest.priority < area.priority:
            return area.priority
        raise _inconclusive(
            f"it is active with priority {area.priority}, and {highest.path} with "
            f"{highest.priority}: pages would go there too",
            path,
            "Deactivate it first; prove activates it before all others.",
        )
    if highest is not None and highest.priority >= _HIGHEST:
        raise _inconclusive(f"{highest.path} has the highest priority that there is", path)
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
    finally:
        try:
            cgroup.remove(group)
        except OSError as error:
            raise from_oserror("cannot remove the control group", error, path=group) from None


class _Runner:
    """Runs work in a child, one after the other; `pids` are those that there were."""

    def __init__(self, gets_on: Callable[[int], None]) -> None:
        self.pids = [os.getpid()]
        self._gets_on = gets_on

    def run(self, plan: Plan, work: Callable[[Callable[[], None]], T]) -> T | Ended:
        """What the work returned, or why it did not."""

        def enter_and_work(tick: Callable[[], None]) -> T:
            exercise.enter(plan)
            return work(tick)

        with closing(Child(enter_and_work)) as child:
            self.pids.append(child.pid)
            try:
                with _let_through():
                    return child.answer(_STALLED, self._gets_on)
            except TimeoutError:
                return Ended(False, f"no page moved for {_STALLED:.0f} seconds")
            except Died as died:
                if died.by == signal.SIGBUS:
                    return Ended(True, "a page could not be read back")
                return Ended(False, "the process with the pages was killed: memory is short")
            except NotThere as error:
                return Ended(False, f"pages do not go to the area: {error}")
            except OSError as error:
                return Ended(False, f"the kernel cannot do it: {error}")


def _planned(report: Report, known: Sequence[SwapArea]) -> SwapArea:
    """The area: as it is, or as it will be when it is activated. Raises SwapctlError."""
    path, snapshot = report.snapshot.path, report.snapshot
    area = active_area(snapshot._replace(areas=tuple(known))) if report.active else None
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
    areas = machine.areas()
    known = () if isinstance(areas, Unknown) else areas
    area = _planned(report, known)
    size = amount(request.size, area, known, meminfo.read()["MemAvailable"], page_size)
    runner = _Runner(lambda ticks: gets_on(ticks * exercise.BATCH * page_size))
    with _held_back(), ExitStack() as undo:
        if inactive := area not in known:
            area = activate(report, area.priority, None)
            undo.callback(deactivate, area.path)
        with _sheltered(page_size) as (group, unsheltered):
            plan = Plan(area.path, size // page_size, request.seconds, os.urandom(SEED_SIZE), group)
            measured = Measured(
                page_size=page_size,
                size=size,
                area=area,
                activated=inactive,
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
                measured = measured._replace(ended=number)
            else:
                measured = _watched(report, plan, number, runner, measured)
        proof = conclude(measured)
        if request.keep and proof.verdict != "disproved":
            undo.pop_all()
            measured = measured._replace(kept=inactive)
    return measured, proof


def _watched(report: Report, plan: Plan, number: int, runner: _Runner, base: Measured) -> Measured:
    """The rounds, then as long nothing, both under the eyes of the witness."""
    with Witness(report.snapshot) as witness:
        before = witness.observe(runner.pids)
        start = time.monotonic()
        rounds = runner.run(plan, lambda tick: exercise.rounds(plan, number, tick))
        seconds = time.monotonic() - start
        after = witness.observe(runner.pids)
        with _let_through():
            time.sleep(seconds)
        later = witness.observe(runner.pids)
        ended = rounds if isinstance(rounds, Ended) else None
        done: tuple[Round, ...] = () if isinstance(rounds, Ended) else rounds
        return base._replace(
            rounds=done,
            seconds=seconds,
            filesystems=changes(before, after),
            control=changes(after, later),
            lacks=witness.lacks,
            ended=ended,
        )
