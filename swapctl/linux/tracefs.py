"""The kernel's trace events, in an instance of our own: Documentation/trace/ftrace.rst.

The filesystem is mounted apart, so that no namespace sees it. An instance has buffers and switches
of its own; nothing of the machine's own tracing is touched.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator

from swapctl.linux import libc
from swapctl.linux.files import read_text

PREFIX = "swapctl-"
# In KiB. The first events are kept: what comes when the buffers are full is lost, and counted.
BUFFERS = 16384
_LEAST = 256
_CHUNK = 1 << 16
_PATIENCE = 2.0
_PAUSE = 0.02


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(fd)


def _mine() -> str:
    """What the names of instances begin with that this PID namespace has made."""
    return f"{PREFIX}{os.stat('/proc/self/ns/pid').st_ino}-"


def abandoned(names: Iterable[str], mine: str, proc: str = "/proc") -> list[str]:
    """The instances whose makers have died; `mine` is what names begin with that can be told."""
    return [
        name
        for name in names
        if name.startswith(mine) and not os.path.exists(f"{proc}/{name.removeprefix(mine)}")
    ]


class Instance:
    """A trace instance; to be closed. `buffers` are the KiB that all processors share. Raises
    OSError where there is no tracing."""

    def __init__(self, buffers: int = BUFFERS) -> None:
        self._mount = libc.mount_apart(b"tracefs")
        self._directory = ""
        try:
            instances = f"/proc/self/fd/{self._mount}/instances"
            mine = _mine()
            for name in abandoned(os.listdir(instances), mine):
                with contextlib.suppress(OSError):
                    os.rmdir(f"{instances}/{name}")
            directory = f"{instances}/{mine}{os.getpid()}"
            os.mkdir(directory)
            self._directory = directory
            each = max(_LEAST, buffers // (os.cpu_count() or 1))
            _write(f"{directory}/buffer_size_kb", str(each))
            _write(f"{directory}/options/overwrite", "0")
            _write(f"{directory}/options/stacktrace", "1")
        except BaseException:
            self.close()
            raise

    def enable(self, event: str, condition: str) -> None:
        """Trace an event ("jbd2/jbd2_handle_start") where the condition holds, "" for all.

        Raises OSError: ENOENT where the kernel has no such event, EINVAL for the condition.
        """
        directory = f"{self._directory}/events/{event}"
        if condition:
            _write(f"{directory}/filter", condition)
        _write(f"{directory}/enable", "1")

    def lines(self) -> Iterator[str]:
        """What was traced since the last time, as text. Raises OSError while iterating."""
        # Not kept open: a child that had it too would keep the instance from being removed.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        pipe = os.open(f"{self._directory}/trace_pipe", flags)
        rest = b""
        try:
            while piece := os.read(pipe, _CHUNK):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in whole)
        except BlockingIOError:
            pass
        finally:
            os.close(pipe)

    def lost(self) -> int:
        """How many events did not fit the buffers until now. Raises OSError."""
        folder = f"{self._directory}/per_cpu"
        texts = (read_text(f"{folder}/{cpu}/stats") for cpu in os.listdir(folder))
        # With each event its stack is lost, which is an entry of its own.
        return sum(-(-dropped(text) // 2) for text in texts)

    def close(self) -> None:
        """Remove the instance; again and again while somebody looks at it."""
        if self._directory:
            directory, self._directory = self._directory, ""
            with contextlib.suppress(OSError):
                _write(f"{directory}/events/enable", "0")
            deadline = time.monotonic() + _PATIENCE
            while not _removed(directory) and time.monotonic() < deadline:
                time.sleep(_PAUSE)
        if self._mount >= 0:
            os.close(self._mount)
            self._mount = -1


def _removed(directory: str) -> bool:
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def dropped(stats: str) -> int:
    """The entries that were lost, from the text of per_cpu/cpuN/stats."""
    words = (line.partition(":") for line in stats.splitlines())
    return sum(int(number) for name, _, number in words if name in ("dropped events", "overrun"))
