"""What the process does whose pages go out and come back. It runs in a child without threads.

MADV_PAGEOUT writes a page and unmaps it, but a page that is still being written stays in the swap
cache, and would come back from there without a read. Mapping it again (a minor fault) and asking
once more drops it: it is clean then. mincore(2) tells which pages are still cached.
"""

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from swapctl.linux import meminfo, swaps
from swapctl.linux.anonymous import Memory
from swapctl.linux.files import read_text
from swapctl.linux.pagemap import PageState
from swapctl.proof_record import Order, Round, Traffic, WrongPage
from swapctl.prove.pages import content, described

BATCH = 256
_SETTLING = 1024  # pages; the kernel gives each CPU a cluster of 512 and keeps it until it is full
_TRIES = 8
_NOT_A_ROUND = 1 << 32
_PATIENCE = 20.0
_PAUSE, _LONGEST_PAUSE = 0.005, 0.2
_SHOWN_WRONG = 3
_OOM_SCORE = "/proc/self/oom_score_adj"
_COUNTERS = ("pswpout", "pswpin", "zswpout")

Tick = Callable[[], None]


class Plan(NamedTuple):
    """`area` is the path that /proc/swaps shows. Rounds go on until `seconds` have passed, and
    there is one of each order at least. `group` is a control group to join."""

    area: str
    pages: int
    seconds: float
    seed: bytes
    group: str | None


class NotThere(Exception):
    """Pages do not go to the area."""


def enter(plan: Plan) -> None:
    """Be the first to go when memory is short, stay on one CPU, and out of zswap."""
    with open(_OOM_SCORE, "w") as file:
        file.write("1000")
    # Each CPU writes to the cluster that it was given last, perhaps of another area.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if plan.group is not None:
        from swapctl.linux import cgroup

        cgroup.join(plan.group)


def used(path: str) -> int:
    """The bytes in use of an area, 0 when it is not active."""
    areas = swaps.parse_swaps(read_text("/proc/swaps"))
    return next((a.used for a in areas if a.path == path), 0)


def traffic() -> Traffic:
    """The counters of the machine."""
    found = meminfo.vmstat_counters(read_text("/proc/vmstat"), _COUNTERS)
    return Traffic(*(found.get(name, 0) for name in _COUNTERS))


def _since(before: Traffic) -> Traffic:
    return Traffic(*(b - a for a, b in zip(before, traffic(), strict=True)))


def _out(state: PageState) -> bool:
    return state.area is not None and not state.cached


def _drain(memory: Memory, page: int) -> None:
    """Pages whose write has ended wait in batches of the CPU that saw it end, out of reach, on an
    idle machine for seconds. MADV_PAGEOUT empties those of the CPU that it runs on, so run it on
    each; the page has its place in the area by now."""
    here = os.sched_getaffinity(0)
    for cpu in range(os.cpu_count() or 1):
        with suppress(OSError):  # one that this process may not use
            os.sched_setaffinity(0, {cpu})
            memory.push_out(page, 1)
    os.sched_setaffinity(0, here)


def push(memory: Memory, tick: Tick) -> list[PageState]:
    """Push all pages out and see that they leave memory too; where they are then."""
    for first in range(0, memory.pages, BATCH):
        memory.push_out(first, min(BATCH, memory.pages - first))
        tick()
    pause, left, patience = _PAUSE, memory.pages + 1, time.monotonic() + _PATIENCE
    while True:
        states = memory.states()
        staying = [page for page, state in enumerate(states) if not _out(state)]
        if not staying or time.monotonic() > patience:
            return states
        if len(staying) < left:
            left, patience = len(staying), time.monotonic() + _PATIENCE
        _drain(memory, staying[0])
        for page in staying:
            memory.touch(page)
        for first in sorted({page // BATCH for page in staying}):
            memory.push_out(first * BATCH, min(BATCH, memory.pages - first * BATCH))
        tick()
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def settle(plan: Plan, tick: Tick) -> int:
    """Push pages that do not count until all go to one area, and that is ours: the number under
    which the kernel holds it. Raises NotThere when they do not."""
    pages = min(_SETTLING, plan.pages)
    for number in range(_NOT_A_ROUND, _NOT_A_ROUND + _TRIES):
        with Memory(pages) as memory:
            before = used(plan.area)
            for page in range(pages):
                memory.write(page, content(plan.seed, number, page, memory.page_size))
            seen = Counter(state.area for state in push(memory, tick))
            grown = used(plan.area) - before
        if stay := seen.pop(None, 0):
            raise NotThere(
                f"{stay} of {pages} stay in memory; a control group may allow no more swap"
            )
        if len(seen) == 1 and grown >= pages * memory.page_size // 2:
            return next(area for area in seen if area is not None)
    raise NotThere("others take them")


def _fetch(
    memory: Memory, order: Order, plan: Plan, number: int, tick: Tick
) -> tuple[bytearray, Counter[int], list[WrongPage]]:
    """Bring all back and compare: pages that are right, how long major faults took, wrong ones."""
    pages = list(range(memory.pages))
    if order == "random":
        random.Random(plan.seed).shuffle(pages)
    right, wrong, took = bytearray(memory.pages), list[WrongPage](), Counter[int]()
    clock, usage, me = time.perf_counter_ns, resource.getrusage, resource.RUSAGE_SELF
    faults = usage(me).ru_majflt
    for count, page in enumerate(pages, 1):
        start = clock()
        memory.touch(page)
        end = clock()
        now = usage(me).ru_majflt
        if now != faults:
            faults, nanoseconds = now, end - start
            shift = max(0, nanoseconds.bit_length() - 6)
            took[nanoseconds >> shift << shift] += 1
        data = memory.read(page)
        if data == content(plan.seed, number, page, memory.page_size):
            right[page] = 1
        else:
            wrong.append(WrongPage(page, described(data, plan.seed, number, page)))
        if count % BATCH == 0:
            tick()
    return right, took, wrong


def _round(plan: Plan, area: int, number: int, order: Order, tick: Tick) -> Round:
    """New memory each time, so that the kernel chooses other places in the area."""
    with Memory(plan.pages) as memory:
        for page in range(plan.pages):
            memory.write(page, content(plan.seed, number, page, memory.page_size))
        counters, start = traffic(), time.monotonic()
        states = push(memory, tick)
        push_seconds, pushed, holds = time.monotonic() - start, _since(counters), used(plan.area)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
        counters, start = traffic(), time.monotonic()
        right, took, wrong = _fetch(memory, order, plan, number, tick)
        fetch_seconds, fetched = time.monotonic() - start, _since(counters)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt - faults
    out = [state.area == area and not state.cached for state in states]
    return Round(
        order=order,
        pages=plan.pages,
        out=sum(out),
        elsewhere=sum(s.area not in (None, area) for s in states),
        stayed=sum(s.area is None or (s.area == area and s.cached) for s in states),
        used=holds,
        back=sum(was and good for was, good in zip(out, right, strict=True)),
        wrong=len(wrong),
        first_wrong=tuple(wrong[:_SHOWN_WRONG]),
        faults=faults,
        latencies=tuple(sorted(took.items())),
        push_seconds=push_seconds,
        fetch_seconds=fetch_seconds,
        pushed=pushed,
        fetched=fetched,
    )


def rounds(plan: Plan, area: int, tick: Tick) -> tuple[Round, ...]:
    """Sequential and random in turn. Wrong bytes end it."""
    start, done = time.monotonic(), list[Round]()
    while len(done) < 2 or time.monotonic() - start < plan.seconds:
        order: Order = "random" if len(done) % 2 else "sequential"
        done.append(_round(plan, area, len(done), order, tick))
        if done[-1].wrong:
            break
    return tuple(done)
