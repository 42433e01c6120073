"""TCP connections of this network namespace: /proc/net/tcp and tcp6 (proc_pid_net(5))."""

import os
import socket
import struct
from typing import NamedTuple

from swapctl.linux.files import read_text, under

_ESTABLISHED = "01"


class Connection(NamedTuple):
    """A socket; the ends are as the kernel prints them, "0100007F:2A39"."""

    local: str
    remote: str
    connected: bool
    inode: int


def parse(text: str) -> list[Connection]:
    """The lines of /proc/net/tcp; those of another form are left out."""
    found = []
    for line in text.split("\n")[1:]:
        words = line.split()
        if len(words) > 9 and words[9].isdecimal():
            found.append(Connection(words[1], words[2], words[3] == _ESTABLISHED, int(words[9])))
    return found


def tcp(root: str = "/") -> list[Connection]:
    """All TCP sockets."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            found += parse(read_text(under(root, f"proc/self/net/{name}")))
        except FileNotFoundError:
            continue
    return found


def far_end(one: Connection, root: str = "/") -> Connection | None:
    """The other socket of a connection, when it is in this namespace too."""
    ends = (one.remote, one.local)
    return next((c for c in tcp(root) if (c.local, c.remote) == ends), None)


def _address(end: str) -> tuple[bytes, int]:
    digits, _, port = end.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return struct.pack(f"={len(words)}I", *words), int(port, 16)


def shown(end: str) -> str:
    """An end for people: "127.0.0.1:10809"."""
    raw, port = _address(end)
    if len(raw) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, raw)}:{port}"
    return f"[{socket.inet_ntop(socket.AF_INET6, raw)}]:{port}"


def loopback(end: str) -> bool:
    """Does the end lie on the loopback interface?"""
    raw, _ = _address(end)
    mapped = raw.removeprefix(b"\0" * 10 + b"\xff\xff")
    return raw == b"\0" * 15 + b"\1" or (len(mapped) == 4 and mapped[0] == 127)


def of_process(pid: int, root: str = "/") -> set[int]:
    """The inodes of the sockets that a process has open. Raises OSError: EACCES, ENOENT."""
    directory = under(root, f"proc/{pid}/fd")
    found = set()
    for name in os.listdir(directory):
        try:
            link = os.readlink(f"{directory}/{name}")
        except FileNotFoundError:
            continue
        if link.startswith("socket:["):
            found.add(int(link[8:-1]))
    return found


def owner(inode: int, root: str = "/") -> int | None:
    """The first process that has the socket open."""
    for entry in os.listdir(under(root, "proc")):
        if entry.isdecimal():
            try:
                if inode in of_process(int(entry), root):
                    return int(entry)
            except OSError:
                continue
    return None
