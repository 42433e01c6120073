"""The loop of `monitor`: a reading every interval, and an event the moment an area comes or goes.

The kernel's files stay open and are read anew from their beginning, which costs a third of opening
them each time. /proc/swaps becomes exceptional for poll(2) when an area was added or removed
(swaps_poll() in the kernel's mm/swapfile.c), so the wait between samples ends at once then.
"""

import os
import select
import time
from collections.abc import Generator
from contextlib import ExitStack

from swapctl.linux.meminfo import parse_pressure, vmstat_counters
from swapctl.linux.processes import swap_by_process
from swapctl.linux.swaps import parse_swaps
from swapctl.samples import Event, Holder, Memory, Reading, Sample, Stall, delta, events

# Looking at every process costs about 10 us for each.
SCAN_SECONDS = 10
HOLDERS = 5
# So many wake-ups in a row that tell nothing, and they are not listened to before the next sample.
_FUTILE = 2
_CHUNK = 65536
_COUNTERS = ("pswpin", "pswpout", "pgmajfault")


class Source:
    """A kernel file that is kept open; one that is missing stays missing."""

    def __init__(self, path: str, undo: ExitStack) -> None:
        self.fd: int | None = None
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        undo.callback(os.close, self.fd)

    def text(self) -> str | None:
        """Its contents now, None when they cannot be read."""
        if self.fd is None:
            return None
        # The kernel hands out a page at a time, however much is asked for.
        chunks, offset = [], 0
        try:
            while chunk := os.pread(self.fd, _CHUNK, offset):
                chunks.append(chunk)
                offset += len(chunk)
        except OSError:
            return None
        return b"".join(chunks).decode("utf-8", "surrogateescape")


class Sampler:
    """Takes samples; close `undo` to close its files."""

    def __init__(self, undo: ExitStack, root: str = "/proc") -> None:
        self.swaps = Source(f"{root}/swaps", undo)
        self._vmstat = Source(f"{root}/vmstat", undo)
        self._pressure = Source(f"{root}/pressure/memory", undo)
        # The counters are in pages of this size; psutil takes them for 4 KiB.
        self._page_size = os.sysconf("SC_PAGE_SIZE")
        self._scanned = -float(SCAN_SECONDS)
        self._holders: tuple[Holder, ...] = ()

    def sample(self) -> Sample:
        """Everything but the processes, now."""
        counters = vmstat_counters(self._vmstat.text() or "", _COUNTERS)
        pages_in, pages_out = counters.get("pswpin"), counters.get("pswpout")
        pressure = self._pressure.text()
        return Sample(
            clock=time.time(),
            moment=time.monotonic(),
            areas=tuple(parse_swaps(self.swaps.text() or "")),
            bytes_in=None if pages_in is None else pages_in * self._page_size,
            bytes_out=None if pages_out is None else pages_out * self._page_size,
            major_faults=counters.get("pgmajfault"),
            memory=_memory(),
            stall=Stall(*parse_pressure(pressure)) if pressure else None,
        )

    def holders(self, sample: Sample) -> tuple[Holder, ...]:
        """The processes that hold most swap, looked up when there is some, every 10 s at most."""
        if not any(area.used for area in sample.areas):
            return ()
        if sample.moment - self._scanned >= SCAN_SECONDS:
            self._scanned = sample.moment
            self._holders = largest_holders()
        return self._holders


def _memory() -> Memory | None:
    import psutil

    try:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    except (OSError, KeyError, ValueError):
        return None
    return Memory(memory.total, memory.available, swap.total, swap.used)


def largest_holders() -> tuple[Holder, ...]:
    """The few processes with most memory in swap; those that have ended by now are left out."""
    import psutil

    found: list[Holder] = []
    try:
        for pid, swap in swap_by_process():
            if len(found) == HOLDERS:
                break
            try:
                found.append(Holder(pid, psutil.Process(pid).name(), swap))
            except psutil.Error:
                continue
    except OSError:
        return ()
    return tuple(found)


class _Wait:
    """Waits in poll(2) for the next sample, for /proc/swaps, and for the reader to go away."""

    def __init__(self, swaps: int | None, reader: int | None) -> None:
        self._swaps = swaps
        self._reader = reader
        self._poll = select.poll()
        if reader is not None:
            # No bits: a pipe without a reader is reported as an error, nothing else is.
            self._poll.register(reader, 0)
        self.watch_swaps(True)

    def watch_swaps(self, wanted: bool) -> None:
        """Turn the wake-up by /proc/swaps on or off."""
        if self._swaps is None:
            return
        if wanted:
            self._poll.register(self._swaps, select.POLLPRI | select.POLLERR)
        else:
            self._poll.unregister(self._swaps)

    def until(self, due: float) -> tuple[bool, bool]:
        """Wait; whether the areas may have changed, whether the reader is gone."""
        ready = self._poll.poll(max(0.0, due - time.monotonic()) * 1000)
        woken_by = {fd for fd, _ in ready}
        return self._swaps in woken_by, self._reader in woken_by


def watch(
    interval: float, count: int | None, reader: int | None
) -> Generator[Reading | Event, None, None]:
    """Readings, `count` of them or for ever, `interval` seconds apart, with events between them.

    Ends when `reader`, a descriptor that is written to, has nobody at its other end.
    """
    with ExitStack() as undo:
        sampler = Sampler(undo)
        wait = _Wait(sampler.swaps.fd, reader)
        last = sampler.sample()
        yield Reading(last, delta(None, last), sampler.holders(last))
        areas, due, taken = last.areas, last.moment, 1
        while taken != count:
            due = max(due + interval, time.monotonic())
            idle = 0
            while time.monotonic() < due:
                changed, gone = wait.until(due)
                if gone:
                    return
                if not changed:
                    continue
                now = tuple(parse_swaps(sampler.swaps.text() or ""))
                found = events(time.time(), areas, now)
                yield from found
                areas = now
                # What a sample has told wakes once more. But a /proc that is no real one (lxcfs)
                # may be exceptional all the time.
                idle = 0 if found else idle + 1
                if idle == _FUTILE:
                    wait.watch_swaps(False)
            if idle >= _FUTILE:
                wait.watch_swaps(True)
            sample = sampler.sample()
            # What a wake-up did not tell, where there is none.
            yield from events(sample.clock, areas, sample.areas)
            yield Reading(sample, delta(last, sample), sampler.holders(sample))
            areas, last = sample.areas, sample
            taken += 1
