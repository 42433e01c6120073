"""Loop devices: LOOP_GET_STATUS64 (<linux/loop.h>, loop(4)) and their directory in sysfs."""

import errno
import os
import stat
import struct
from typing import NamedTuple

from swapctl.linux.files import under
from swapctl.linux.ioctl import call
from swapctl.linux.sysblock import Entry, number, text

# Like all of loop's, the number is from before the time of _IOR().
LOOP_GET_STATUS64 = 0x4C05

# lo_device, lo_inode; the rest is in sysfs as well
_STATUS = struct.Struct("=QQ216x")


class Setup(NamedTuple):
    """What sysfs says of a loop device in use."""

    backing: str
    offset: int
    size_limit: int
    direct_io: bool


class Identity(NamedTuple):
    """The backing file as the kernel holds it, whatever its path leads to by now."""

    device: str
    inode: int


def _device(encoded: int) -> str:
    """A dev_t as the kernel hands it out (huge_encode_dev(), <linux/kdev_t.h>)."""
    major = encoded >> 8 & 0xFFF
    minor = encoded & 0xFF | encoded >> 12 & 0xFFF00
    return f"{major}:{minor}"


def setup(one: Entry) -> Setup:
    """The device's setup. Raises OSError: ENOENT where it has no backing file."""
    directory = f"{one.directory}/loop"
    return Setup(
        backing=text(f"{directory}/backing_file"),
        offset=number(f"{directory}/offset"),
        size_limit=number(f"{directory}/sizelimit"),
        direct_io=text(f"{directory}/dio", "0") == "1",
    )


def identity(one: Entry, root: str = "/") -> Identity:
    """The backing file's device and inode number. Raises OSError: EACCES without the right to open
    the device, ENXIO when it is not set up."""
    path = under(root, f"dev/{one.name}")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        found = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if not stat.S_ISBLK(status.st_mode) or found != one.number:
            raise OSError(errno.ENODEV, "is not the device of that name", path)
        buffer = bytearray(_STATUS.size)
        call(fd, LOOP_GET_STATUS64, buffer, "LOOP_GET_STATUS64")
    finally:
        os.close(fd)
    device, inode = _STATUS.unpack(buffer)
    return Identity(_device(device), inode)
