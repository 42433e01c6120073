"""ext4 with encrypted directories (fscrypt)."""

import fcntl
import os
import struct

from tests.kernel.conditions import (
    PAGE,
    PAGES,
    Place,
    condition,
    create,
    header,
    preallocated,
    punch,
    put,
    swapfile,
)

# linux/fscrypt.h: _IOWR('f', 23, 80 bytes) and _IOR('f', 19, 12 bytes)
FS_IOC_ADD_ENCRYPTION_KEY = 0xC0506617
FS_IOC_SET_ENCRYPTION_POLICY = 0x800C6613
KEY_SPEC_IDENTIFIER = 2
AES_256_XTS, AES_256_CTS = 1, 4
WHY = "some kernels refuse every encrypted file, and no version number tells which"


def _locked_up(place: Place) -> Place:
    """The same place, in an encrypted directory."""
    key = bytes(range(64))
    argument = bytearray(struct.pack("=II32sII32x", KEY_SPEC_IDENTIFIER, 0, b"", len(key), 0) + key)
    folder = place.directory / "encrypted"
    folder.mkdir()
    fd = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, argument)
    identifier = bytes(argument[8:24])
    policy = struct.pack("=BBBB4x16s", 2, AES_256_XTS, AES_256_CTS, 0, identifier)
    fcntl.ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, policy)
    os.close(fd)
    return place._replace(directory=folder)


@condition("encrypt", undecided_because=WHY)
def encrypted(place: Place) -> str:
    return swapfile(_locked_up(place))


@condition("encrypt", undecided_because=WHY)
def encrypted_and_fallocated(place: Place) -> str:
    return preallocated(_locked_up(place))


@condition("encrypt", undecided_because=WHY)
def encrypted_with_hole(place: Place) -> str:
    return punch(swapfile(_locked_up(place)), 64 * PAGE, 16 * PAGE)


@condition("encrypt", undecided_because=WHY)
def encrypted_sparse(place: Place) -> str:
    path = create(_locked_up(place).path())
    put(path, 0, header(PAGES))
    os.truncate(path, PAGES * PAGE)
    return path


@condition("encrypt", undecided_because=WHY)
def encrypted_without_header(place: Place) -> str:
    return swapfile(_locked_up(place), head=bytes(PAGE))
