"""Reading small kernel files (/proc, /sys) without the cost of Python's buffered text layer."""

import os

_CHUNK = 65536


def under(root: str, name: str) -> str:
    """`name` ("proc/swaps" or "/proc/swaps") below `root`, which is "/" but in tests."""
    return f"{root.rstrip('/')}/{name.lstrip('/')}"


def read_bytes(path: str) -> bytes:
    """The whole file. Raises OSError with the path, also when the failure is in read(2)."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(fd, _CHUNK):
            chunks.append(chunk)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(fd)
    return b"".join(chunks)


def read_text(path: str) -> str:
    """The whole file as text; bytes that are not UTF-8 become surrogates and round-trip."""
    return read_bytes(path).decode("utf-8", "surrogateescape")
