"""How far a long operation is, on stderr when that is a terminal."""

import sys
import time
from collections.abc import Callable

_REDRAW = 0.1


def redrawn(quiet: bool, line: Callable[[int, int, float], str]) -> Callable[[int, int], None]:
    """A function to be called with how much is done, of how much; 0 where there is no end to it.

    It shows what `line` makes of these and of the seconds since now, where somebody looks.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return lambda _done, _total: None
    start, last = time.monotonic(), 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REDRAW or done == total:
            last = now
            end = "\n" if done == total else "\r"
            sys.stderr.write(f"\r\033[K{line(done, total, now - start)}{end}")
            sys.stderr.flush()

    return show
