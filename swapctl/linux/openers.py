"""Who has files open: /proc/PID/fd, /proc/PID/fdinfo, /proc/PID/maps (proc(5)).

Nothing that a process has open is followed before its inode number has matched: a look at a file on
a server that does not answer would not come back.
"""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from swapctl.facts import Opener
from swapctl.linux.files import read_bytes, read_text, under

Identity = tuple[int, int]

_DENIED = (errno.EACCES, errno.EPERM)
_ACCESS = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "write"}


class Found(NamedTuple):
    """The openers with the device and inode number of what they have open. `hidden` is the number
    of processes, of others than root, that the caller may not look at."""

    openers: tuple[tuple[Identity, Opener], ...]
    hidden: int


def parse_uid(status: str) -> int:
    """From the text of /proc/PID/status: 0 where the real, effective, saved and filesystem uid are,
    else the first that is not."""
    for line in status.split("\n"):
        if line.startswith("Uid:"):
            return next((int(word) for word in line.split()[1:] if word != "0"), 0)
    raise OSError(errno.ENODATA, "/proc/PID/status has no Uid")


def parse_fdinfo(text: str) -> tuple[int, int | None]:
    """The open flags and the inode number, None before Linux 5.14."""
    fields = dict(line.partition(":")[::2] for line in text.splitlines())
    number = fields.get("ino")
    return int(fields.get("flags", "0"), 8), None if number is None else int(number)


def _identity(path: str) -> Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _descriptors(process: str, wanted: frozenset[Identity]) -> Iterator[tuple[Identity, str]]:
    """Which of the files it has a descriptor of, and for what."""
    numbers = {inode for _, inode in wanted}
    for name in os.listdir(f"{process}/fd"):
        try:
            # Sockets, pipes and the like have no path.
            if not os.readlink(f"{process}/fd/{name}").startswith("/"):
                continue
            flags, inode = parse_fdinfo(read_text(f"{process}/fdinfo/{name}"))
            # O_PATH alone lets nobody read; to open it again the file is asked.
            if flags & os.O_PATH or (inode is not None and inode not in numbers):
                continue
            identity = _identity(f"{process}/fd/{name}")
        except FileNotFoundError:  # closed meanwhile
            continue
        if identity in wanted:
            yield identity, _ACCESS.get(flags & os.O_ACCMODE, "read")


def _mappings(process: str, wanted: frozenset[Identity]) -> Iterator[tuple[Identity, str]]:
    """Which of the files it has mapped, with or without a descriptor."""
    text = read_bytes(f"{process}/maps")
    numbers = {b" %d " % inode for _, inode in wanted}
    if not any(number in text for number in numbers):
        return
    for line in text.splitlines():
        place, _, _, device, inode, *_ = line.split(None, 5)
        if b" %s " % inode not in numbers:
            continue
        try:
            identity = _identity(f"{process}/map_files/{os.fsdecode(place)}")
        except OSError as error:
            if error.errno not in _DENIED:
                continue  # unmapped meanwhile
            # On btrfs the number here is not that of stat(2); then it stays unseen.
            major, minor = (int(part, 16) for part in device.split(b":"))
            identity = os.makedev(major, minor), int(inode)
        if identity in wanted:
            yield identity, "map"


def _uid(process: str) -> int:
    """Who runs it. One read of the file's beginning, for there may be thousands of processes."""
    fd = os.open(f"{process}/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return parse_uid(os.read(fd, 4096).decode("ascii", "replace"))
    finally:
        os.close(fd)


def _openings(process: str, wanted: frozenset[Identity]) -> dict[Identity, str]:
    """What it has open, each by the most that it can do with it."""
    found: dict[Identity, str] = {}
    for look in (_mappings, _descriptors):
        for identity, access in look(process, wanted):
            if found.get(identity) != "write":
                found[identity] = access
    return found


def read(wanted: frozenset[Identity], root: str = "/") -> Found:
    """The processes of others than root that have one of the files open or mapped, but for this
    one. Raises OSError without /proc."""
    proc = under(root, "proc")
    found: list[tuple[Identity, Opener]] = []
    hidden = 0
    for name in os.listdir(proc):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        process = f"{proc}/{name}"
        try:
            uid = _uid(process)
            if uid == 0:
                continue
            mine = _openings(process, wanted)
            called = read_text(f"{process}/comm").rstrip("\n") if mine else ""
        except PermissionError:
            # One that is just ending answers so too.
            hidden += os.path.exists(process)
            continue
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        found += ((one, Opener(int(name), called, uid, access)) for one, access in mine.items())
    return Found(tuple(sorted(found)), hidden)
