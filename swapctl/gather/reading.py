"""From system calls that may fail to facts that may be unknown."""

import os
from collections.abc import Callable
from typing import TypeVar

from swapctl.facts import Unknown

T = TypeVar("T")


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
