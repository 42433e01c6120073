"""Work that can be given up: system calls on a server that is gone never return.

The kernel lets go of such a call only when its process is killed, so a thread would keep the
program from ending. The work is done in a fork, which hands over what came of it through a pipe.
"""

import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from swapctl.linux import libc

T = TypeVar("T")

_TICK = b"."  # no pickle begins with it
_CHUNK = 65536
_REAPED = 0.2
_PAUSE = 0.001


def _serve(work: Callable[[Callable[[], None]], Any], writer: int) -> None:
    """The life of the child."""
    libc.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What cannot even be killed must not keep the readers of the program's output waiting.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)

    def tick() -> None:
        os.write(writer, _TICK)

    try:
        answer: tuple[bool, Any] = (True, work(tick))
    except Exception as error:
        answer = (False, error)
    view = memoryview(pickle.dumps(answer))
    while view:
        view = view[os.write(writer, view) :]


class Died(OSError):
    """The child ended without an answer. `by` is the number of the signal, 0 if there was none."""

    def __init__(self, by: int) -> None:
        super().__init__(None, "the process that looked at it died")
        self.by = by


def _nothing(_: int) -> None:
    return None


class Child(Generic[T]):
    """A process that does the work, started at once; to be closed. `pid` is its number.

    `work` gets a function that it may call to show that it gets on.
    """

    def __init__(self, work: Callable[[Callable[[], None]], T]) -> None:
        self._alive = time.monotonic()
        self._reader, writer = os.pipe()
        self._ended = False
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _serve(work, writer)
            finally:
                os._exit(0)
        os.close(writer)

    def answer(self, seconds: float, gets_on: Callable[[int], None] = _nothing) -> T:
        """What the work returned or raised. Raises TimeoutError when there was no sign of life for
        so long, and Died. `gets_on` is called with the number of such signs."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        data = b""
        while True:
            left = self._alive + seconds - time.monotonic()
            if not poll.poll(max(0.0, left) * 1000):
                raise TimeoutError
            piece = os.read(self._reader, _CHUNK)
            if not piece:
                break
            self._alive = time.monotonic()
            received = data + piece
            data = received.lstrip(_TICK)
            gets_on(len(received) - len(data))
        if not data:
            status, self._ended = os.waitpid(self.pid, 0)[1], True
            raise Died(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
        # Made by this very program, of its own records.
        well, value = pickle.loads(data)
        if well:
            found: T = value
            return found
        raise value

    def close(self, patience: float = _REAPED) -> bool:
        """End the process if it still works; whether it has ended within so many seconds. One that
        even SIGKILL does not end, since its request has reached something that does not answer, is
        left to the kernel."""
        os.close(self._reader)
        if self._ended:
            return True
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + patience
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE)
        return True
