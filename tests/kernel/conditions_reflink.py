"""xfs: blocks shared between files, and blocks that once were."""

import fcntl
import os
import struct
from pathlib import Path

from tests.kernel.conditions import (
    FALLOC_UNSHARE_RANGE,
    PAGE,
    PAGES,
    Place,
    condition,
    create,
    fallocate,
    header,
    preallocated,
    punch,
    put,
    swapfile,
    sync,
)

FICLONE = 0x40049409
FICLONERANGE = 0x4020940D


def clone(source: str, target: str) -> None:
    with Path(source).open("rb") as old, Path(target).open("r+b") as new:
        fcntl.ioctl(new, FICLONE, old.fileno())


def clone_range(source: str, target: str, offset: int, length: int) -> None:
    with Path(source).open("rb") as old, Path(target).open("r+b") as new:
        fcntl.ioctl(new, FICLONERANGE, struct.pack("=qQQQ", old.fileno(), offset, length, offset))


def shared(place: Place) -> str:
    path = swapfile(place)
    clone(path, create(place.path("other")))
    sync(path)
    return path


def partly_shared(place: Place, offset: int, length: int) -> str:
    path = swapfile(place)
    clone_range(path, create(place.path("other")), offset, length)
    sync(path)
    return path


@condition("reflink")
def shared_whole(place: Place) -> str:
    return shared(place)


@condition("reflink")
def copy_of_a_shared_file(place: Place) -> str:
    shared(place)
    return place.path("other")


@condition("reflink")
def shared_header_page(place: Place) -> str:
    return partly_shared(place, 0, PAGE)


@condition("reflink")
def shared_in_the_middle(place: Place) -> str:
    return partly_shared(place, 40 * PAGE, PAGE)


@condition("reflink")
def shared_behind_last_page(place: Place) -> str:
    path = shared(place)
    put(path, 0, header(PAGES // 2) + bytes((PAGES // 2 - 1) * PAGE))
    sync(path)
    return path


@condition("reflink")
def shared_and_unwritten(place: Place) -> str:
    path = preallocated(place)
    clone(path, create(place.path("other")))
    sync(path)
    return path


@condition("reflink")
def no_longer_shared(place: Place) -> str:
    path = shared(place)
    os.unlink(place.path("other"))
    os.sync()
    return path


@condition("reflink")
def just_no_longer_shared(place: Place) -> str:
    """The other owner's blocks are let go in the background."""
    path = shared(place)
    os.unlink(place.path("other"))
    return path


@condition("reflink")
def unshared(place: Place) -> str:
    path = shared(place)
    fallocate(path, FALLOC_UNSHARE_RANGE, 0, PAGES * PAGE)
    sync(path)
    return path


@condition("reflink")
def unshared_in_part(place: Place) -> str:
    path = shared(place)
    fallocate(path, FALLOC_UNSHARE_RANGE, 0, PAGES // 2 * PAGE)
    sync(path)
    return path


@condition("reflink")
def shared_and_rewritten(place: Place) -> str:
    path = shared(place)
    put(path, 0, Path(path).read_bytes())
    return path


@condition("reflink")
def shared_then_hole(place: Place) -> str:
    return punch(partly_shared(place, 8 * PAGE, 4 * PAGE), 64 * PAGE, 16 * PAGE)


@condition("reflink")
def hole_then_shared(place: Place) -> str:
    return punch(partly_shared(place, 128 * PAGE, 4 * PAGE), 64 * PAGE, 16 * PAGE)
