"""monitor: print readings and events as they come."""

import os
import sys
from collections import deque
from contextlib import closing
from typing import Protocol

from swapctl.errors import ExitCode
from swapctl.monitor import watch
from swapctl.output import emit
from swapctl.render.monitor import (
    event_line,
    frame,
    holders_line,
    json_line,
    live_lines,
    plain_header,
    plain_line,
)
from swapctl.samples import Event, Holder, Reading

_RECENT_EVENTS = 5


class Show(Protocol):
    """Prints a reading or an event; False when nobody reads any more."""

    def __call__(self, item: Reading | Event) -> bool: ...


def show_json(item: Reading | Event) -> bool:
    """An object a line."""
    return emit(json_line(item))


class ShowLines:
    """A line for each reading, further ones for events and for each look at the processes."""

    def __init__(self) -> None:
        self._started = False
        self._holders: tuple[Holder, ...] = ()

    def __call__(self, item: Reading | Event) -> bool:
        if isinstance(item, Event):
            return emit(event_line(item))
        lines = [] if self._started else [plain_header()]
        lines.append(plain_line(item))
        # The same tuple comes again until the next look.
        if item.holders and item.holders is not self._holders:
            lines.append(holders_line(item.holders))
        self._started, self._holders = True, item.holders
        return emit("\n".join(lines))


class ShowLive:
    """A screen that is drawn anew for each reading and each event."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._events = deque[Event](maxlen=_RECENT_EVENTS)

    def __call__(self, item: Reading | Event) -> bool:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        # A terminal that does not tell its size says 0.
        columns, rows = columns or 80, rows or 24
        if self._reading is None:
            # What was on the screen moves up instead of being drawn over.
            emit("\n" * (rows - 1))
        if isinstance(item, Event):
            self._events.append(item)
        else:
            self._reading = item
        if self._reading is None:
            return True
        return emit(frame(live_lines(self._reading, self._events), columns, rows))


def _is_screen() -> bool:
    terminal = os.environ.get("TERM") not in (None, "", "dumb")
    return terminal and sys.stdout is not None and sys.stdout.isatty()


def run(*, interval: float, count: int | None, output_format: str) -> int:
    """Watch until `count` samples were printed, nobody reads any more, or a signal ends it."""
    show: Show = (
        show_json if output_format == "json" else ShowLive() if _is_screen() else ShowLines()
    )
    reader = None if sys.stdout is None else sys.stdout.fileno()
    with closing(watch(interval, count, reader)) as items:
        for item in items:
            if not show(item):
                break
    return ExitCode.OK
