"""From system calls that may fail to facts that may be unknown."""

import os
import stat
from collections.abc import Callable
from typing import TypeVar

from swapctl.facts import Unknown

T = TypeVar("T")
_MOST_BYTES = 2**20


def attempt(what: str, read: Callable[[], T]) -> T | Unknown:
    """The fact that `read` returns, or why it could not be read."""
    try:
        return read()
    except OSError as error:
        reason = str(error.strerror or error)
        return Unknown(what, reason if error.filename is None else f"{error.filename}: {reason}")


def device_number(number: int) -> str:
    """A dev_t as sysfs writes it, "8:1"."""
    return f"{os.major(number)}:{os.minor(number)}"


def small_file(path: str) -> str | None:
    """The text of a file of settings; None where there is none. Raises OSError, also for what is no
    file or too large for one of settings."""
    if "\0" in path:
        raise OSError(None, "no name of a file", path)
    try:
        # Without waiting for somebody at the other end of a pipe.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(None, "no file", path)
        chunks: list[bytes] = []
        while chunk := os.read(fd, _MOST_BYTES + 1 - sum(map(len, chunks))):
            chunks.append(chunk)
        if sum(map(len, chunks)) > _MOST_BYTES:
            raise OSError(None, "larger than a file of settings", path)
    finally:
        os.close(fd)
    return b"".join(chunks).decode("utf-8", "surrogateescape")
