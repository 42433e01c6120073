"""Runs the processes whose pages move. Signals come through only where their end is waited for, so
that nothing is left half done."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from swapctl.linux.child import Child, Died
from swapctl.proof_record import Ended
from swapctl.prove import exercise
from swapctl.prove.exercise import NotThere, Plan

T = TypeVar("T")

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STALLED = 60.0
_ENDING_SECONDS = 10.0


@contextmanager
def held_back() -> Iterator[None]:
    """Signals that end the program wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def let_through() -> Iterator[None]:
    """Here they may come."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


class Stuck(Exception):
    """A process cannot be ended: it waits in the kernel for the storage."""


class Runner:
    """Runs work in a child, one after the other; `pids` are those that there were."""

    def __init__(self, gets_on: Callable[[int], None]) -> None:
        self.pids: list[int] = []
        self._gets_on = gets_on

    def run(self, plan: Plan, work: Callable[[Callable[[], None]], T]) -> T | Ended:
        """What the work returned, or why it did not."""

        def enter_and_work(tick: Callable[[], None]) -> T:
            exercise.enter(plan)
            return work(tick)

        child = Child(enter_and_work)
        self.pids.append(child.pid)
        try:
            try:
                with let_through():
                    return child.answer(_STALLED, self._gets_on)
            except TimeoutError:
                return Ended(False, f"no page moved for {_STALLED:.0f} seconds")
            except Died as died:
                if died.by == signal.SIGBUS:
                    return Ended(True, "a page could not be read back")
                if died.by == signal.SIGKILL:
                    return Ended(False, "the process with the pages was killed: memory is short")
                return Ended(False, f"the process with the pages ended by signal {died.by}")
            except NotThere as error:
                return Ended(False, f"pages do not go to the area: {error}")
            except (OSError, MemoryError) as error:
                return Ended(False, f"the kernel cannot do it: {error}")
        finally:
            if not child.close(_ENDING_SECONDS):
                raise Stuck
