"""Device-mapper devices: sysfs, and their tables through /dev/mapper/control (<linux/dm-ioctl.h>).

A table can hold keys. Only parameters of types that the walk has to read are kept, and the key of
dm-crypt is taken out before anything else sees it.
"""

import errno
import os
import struct

from swapctl.linux.files import under
from swapctl.linux.ioctl import call, iowr
from swapctl.linux.sysblock import SECTOR, Entry, text
from swapctl.storage_facts import Target

_NUMBERS = struct.Struct("=3IIIIiIIIQ")
_HEADER_SIZE = 312
# sector_start, length, status, next, target_type
_SPEC = struct.Struct("=QQiI16s")
_BUFFER = 65536
_VERSION = (4, 0, 0)

DM_STATUS_TABLE_FLAG = 1 << 4
DM_BUFFER_FULL_FLAG = 1 << 8
# Without it, asking for the status of a thin pool makes it write its metadata.
DM_NOFLUSH_FLAG = 1 << 11
DM_TABLE_STATUS = iowr(0xFD, 12, _HEADER_SIZE)

_READ = (
    *("linear", "striped", "multipath", "mirror"),
    *("thin", "thin-pool", "snapshot", "snapshot-origin"),
)


def uuid(one: Entry) -> str:
    """The device's UUID, whose beginning says who made it ("CRYPT-LUKS2-..."); "" for none."""
    return text(f"{one.directory}/dm/uuid", "")


def name(one: Entry) -> str:
    """The name in /dev/mapper."""
    return text(f"{one.directory}/dm/name")


def suspended(one: Entry) -> bool:
    """Does the device hold back all requests?"""
    return text(f"{one.directory}/dm/suspended") == "1"


def _without_secrets(kind: str, table: str) -> str:
    if kind == "crypt":
        cipher, _, *rest = table.split(" ")
        return " ".join((cipher, "-", *rest))
    return table if kind in _READ else ""


def _encode(number: str) -> int:
    """A dev_t as the kernel takes it (huge_decode_dev(), <linux/kdev_t.h>)."""
    major, minor = map(int, number.split(":"))
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12


def parse(buffer: bytes, start: int, count: int) -> list[tuple[int, int, str, str]]:
    """The answer's targets: first sector, sectors, type and text. Each says where the next is,
    counted from the first. Stops where the answer is torn."""
    found = []
    at = start
    for _ in range(count):
        if at < 0 or at + _SPEC.size > len(buffer):
            break
        first, length, _, following, kind = _SPEC.unpack_from(buffer, at)
        words = buffer[at + _SPEC.size :].partition(b"\0")[0].decode("utf-8", "surrogateescape")
        found.append((first, length, kind.partition(b"\0")[0].decode("ascii", "replace"), words))
        at = start + following
    return found


def _ask(fd: int, number: str, flags: int) -> list[tuple[int, int, str, str]]:
    size = _BUFFER
    while True:
        buffer = bytearray(size)
        values = (*_VERSION, size, _HEADER_SIZE, 0, 0, flags, 0, 0, _encode(number))
        _NUMBERS.pack_into(buffer, 0, *values)
        call(fd, DM_TABLE_STATUS, buffer, "DM_TABLE_STATUS")
        found = _NUMBERS.unpack_from(buffer)
        if not found[7] & DM_BUFFER_FULL_FLAG:
            return parse(bytes(buffer[: found[3]]), found[4], found[5])
        size *= 2


def targets(one: Entry, root: str = "/") -> tuple[Target, ...]:
    """The device's table with the state of each line. Raises OSError: ENOENT without the control
    node, EACCES without root."""
    fd = os.open(under(root, "dev/mapper/control"), os.O_RDWR | os.O_CLOEXEC)
    try:
        tables = _ask(fd, one.number, DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG)
        states = _ask(fd, one.number, DM_NOFLUSH_FLAG)
    finally:
        os.close(fd)
    told = {first: words for first, _, _, words in states}
    return tuple(
        Target(
            offset=first * SECTOR,
            length=length * SECTOR,
            type=kind,
            table=_without_secrets(kind, words),
            status=told.get(first, ""),
        )
        for first, length, kind, words in tables
    )


def used_and_total(status: str, word: int) -> tuple[int, int]:
    """The two numbers of "USED/TOTAL", the so many-th word of a target's state. Raises
    OSError(ENODATA) where that says something else, as that of one that has failed does."""
    words = status.split()
    used, slash, total = words[word].partition("/") if len(words) > word else ("", "", "")
    if not slash or not used.isdecimal() or not total.isdecimal():
        raise OSError(errno.ENODATA, f"its state is {status[:60]!r}")
    return int(used), int(total)
