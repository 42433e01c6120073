"""ioctl request numbers as the kernel's headers compute them, and the call itself.

Source: <asm-generic/ioctl.h> and the <asm/ioctl.h> of the architectures that differ from it. A
number packs direction, argument size, type and sequence number; only where the direction and size
bits lie, and what the directions are called, depends on the machine.
"""

import errno
import os
from fcntl import ioctl as _ioctl

# (bits of the size field, _IOC_NONE, _IOC_READ, _IOC_WRITE)
_GENERIC = (14, 0, 2, 1)
_THREE_DIRECTION_BITS = (13, 1, 2, 4)
_SWAPPED_DIRECTIONS = (14, 0, 1, 2)

# Beginnings of uname(2) machine names, so that "armv7l" or "ppc64le" need no line of their own.
_ENCODINGS = (
    (_GENERIC, ("x86", "i386", "i486", "i586", "i686", "arm", "aarch64", "riscv", "s390")),
    (_GENERIC, ("loongarch", "ia64", "m68k", "sh", "arc", "csky", "xtensa", "microblaze")),
    (_GENERIC, ("nios2", "openrisc", "or1k", "hexagon")),
    (_THREE_DIRECTION_BITS, ("ppc", "powerpc", "mips", "sparc", "alpha")),
    (_SWAPPED_DIRECTIONS, ("parisc", "hppa")),
)


def _encoding(machine: str) -> tuple[int, int, int, int]:
    for encoding, prefixes in _ENCODINGS:
        if machine.startswith(prefixes):
            return encoding
    raise OSError(errno.ENOSYS, f"ioctl numbers of machine {machine!r} are not known")


def encode(machine: str, direction: str, kind: int | str, number: int, size: int) -> int:
    """The request number on `machine` (uname -m); `direction` is "", "r", "w" or "rw".

    `kind` is the type byte, as a number or as the character the headers write; `size` the bytes of
    the argument. Raises OSError(ENOSYS) for a machine whose encoding is not known and ValueError
    for an argument larger than the size field can say.
    """
    size_bits, none, read, write = _encoding(machine)
    if not 0 <= size < 1 << size_bits:
        raise ValueError(f"argument of {size} bytes does not fit an ioctl number")
    bits = (read if "r" in direction else 0) | (write if "w" in direction else 0) or none
    letter = ord(kind) if isinstance(kind, str) else kind
    return bits << 16 + size_bits | size << 16 | letter << 8 | number


def io(kind: int | str, number: int) -> int:
    """_IO() of the running machine: a request without argument."""
    return encode(os.uname().machine, "", kind, number, 0)


def ior(kind: int | str, number: int, size: int) -> int:
    """_IOR() of the running machine: the kernel fills `size` bytes."""
    return encode(os.uname().machine, "r", kind, number, size)


def iow(kind: int | str, number: int, size: int) -> int:
    """_IOW() of the running machine: the kernel reads `size` bytes."""
    return encode(os.uname().machine, "w", kind, number, size)


def iowr(kind: int | str, number: int, size: int) -> int:
    """_IOWR() of the running machine: the kernel reads and fills `size` bytes."""
    return encode(os.uname().machine, "rw", kind, number, size)


def call(fd: int, request: int, argument: bytearray, name: str) -> None:
    """ioctl(2) on `argument`, changed in place; `name` begins the text of the OSError it raises."""
    try:
        _ioctl(fd, request, argument, True)
    except OSError as error:
        raise OSError(error.errno, f"{name}: {error.strerror}") from None
