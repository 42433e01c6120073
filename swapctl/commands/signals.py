"""Signals that end the program while something has to be undone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the work like SIGINT does, so that what was made is removed.

    What the caller ignores, as nohup(1) does, stays ignored.
    """

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    ends = (signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.getsignal(one) for one in ends}
    try:
        for one in ends:
            if before[one] is not signal.SIG_IGN:
                signal.signal(one, stop)
        yield
    finally:
        for one in ends:
            signal.signal(one, before[one])
