"""Entries for systemd's journal, in its own protocol: JOURNAL_NATIVE_PROTOCOL of systemd.

Each entry is a datagram. One that is larger than the socket takes would have to be handed over as a
sealed memory file; the socket's buffer holds 208 KiB by default, and no entry of ours has a tenth.
"""

import os
import socket
import struct
from collections.abc import Iterable, Mapping

from swapctl.linux.files import under

SOCKET = "run/systemd/journal/socket"
# A journal that is stopped, or whose disk hangs, stops reading its socket.
PATIENCE = 5.0


def _field(name: str, value: bytes) -> bytes:
    """A line; a value with line feeds has its length before it, in 8 bytes, little endian."""
    if b"\n" in value:
        return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(value)), value)
    return b"%s=%s\n" % (name.encode(), value)


def encode(entry: Mapping[str, str]) -> bytes:
    """An entry as the journal reads it; values keep bytes that are no UTF-8."""
    return b"".join(_field(name, os.fsencode(value)) for name, value in entry.items())


def send(entries: Iterable[Mapping[str, str]], root: str = "/") -> None:
    """Log the entries. Raises OSError: ENOENT and ECONNREFUSED where no journal runs, TimeoutError
    where it does not read."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as journal:
        journal.settimeout(PATIENCE)
        journal.connect(under(root, SOCKET))
        for entry in entries:
            journal.send(encode(entry))
