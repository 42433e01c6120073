"""The kernel log from one moment on: /dev/kmsg (Documentation/ABI/testing/dev-kmsg)."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DEVICE = "/dev/kmsg"
# A read takes one whole record or fails with EINVAL; the kernel's records end below this.
_RECORD_SIZE = 16384


def position() -> int:
    """A descriptor of the log that stands behind its last record; the caller closes it.

    Raises OSError of open(2): EPERM where kernel.dmesg_restrict forbids it.
    """
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.lseek(fd, 0, os.SEEK_END)
    except OSError as error:
        os.close(fd)
        raise OSError(error.errno, error.strerror, DEVICE) from None
    return fd


def _unescape(text: bytes) -> bytes:
    # The kernel writes every backslash as \x5c, so each "\x" begins an escape.
    first, *rest = text.split(b"\\x")
    parts = [first]
    for piece in rest:
        try:
            parts.append(int(piece[:2], 16).to_bytes(1, "big") + piece[2:])
        except (ValueError, OverflowError):
            parts.append(b"\\x" + piece)
    return b"".join(parts)


def parse_record(record: bytes) -> str | None:
    """The message of a record `priority,sequence,time,flags;message`, None if it has no message.

    The lines after the first (" KEY=value") describe the device and are dropped.
    """
    _, separator, rest = record.partition(b";")
    if not separator:
        return None
    return _unescape(rest.partition(b"\n")[0]).decode("utf-8", "surrogateescape")


def lines(fd: int) -> list[str]:
    """The messages since `position` or the last call, oldest first.

    Messages that the kernel dropped meanwhile because its buffer is full are missing without a
    sign. Raises OSError of read(2) other than EAGAIN (the end) and EPIPE (such a gap).
    """
    messages: list[str] = []
    while True:
        try:
            record = os.read(fd, _RECORD_SIZE)
        except BlockingIOError:
            return messages
        except BrokenPipeError:
            continue
        if not record:
            return messages
        message = parse_record(record)
        if message is not None:
            messages.append(message)


@contextmanager
def since_now() -> Iterator[Callable[[], list[str]]]:
    """Yields a function that returns the messages since it was last called; closes at the end."""
    fd = position()
    try:
        yield lambda: lines(fd)
    finally:
        os.close(fd)
