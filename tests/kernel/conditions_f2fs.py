"""f2fs: whole sections and what is none, pinning, compression, several devices.

Sections are those of the image, so that the cases are the same with large ones.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import struct
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from tests.kernel.conditions import (
    FS_COMPR_FL,
    PAGE,
    Make,
    Place,
    condition,
    create,
    fallocate,
    header,
    preallocated,
    punch,
    put,
    set_flags,
    swapfile,
    sync,
    write,
)
from tests.kernel.loopfs import run
from tests.kernel.oracle import swapoff, swapon

F2FS_IOC_SET_PIN_FILE = 0x4004F50D
SOME = 16


def case(further: str = "", why: str | None = None) -> Callable[[Make], Make]:
    """Enter a condition whose files are removed afterwards, and their sections freed by a
    checkpoint: whole sections fill the image soon. `why` is its `undecided_because`."""

    def enter(make: Make) -> Make:
        @wraps(make)
        def made(place: Place) -> str:
            place.undo.callback(run, "sync", "-f", str(place.mounted.path))
            place.undo.callback(shutil.rmtree, place.directory)
            return make(place)

        return condition(f"f2fs {further}", undecided_because=why)(made)

    return enter


def section(place: Place) -> int:
    """The pages of a section, as the tool says that made the filesystem."""
    text = run("dump.f2fs", "-d", "1", place.mounted.devices[0])
    (segments,) = re.findall(r"segs_per_sec\s+\[0x\s*[0-9a-f]+ : (\d+)\]", text)
    return int(segments) * 512


def pin(path: str) -> str:
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(fd, F2FS_IOC_SET_PIN_FILE, struct.pack("=I", 1))
    finally:
        os.close(fd)
    return path


def _pinned(place: Place, pages: int, name: str = "swapfile") -> str:
    path = pin(create(place.path(name)))
    try:
        fallocate(path, 0, 0, pages * PAGE)
    except OSError as error:
        # Once, after a part of a section was moved, where sections have several segments.
        if error.errno != errno.ENOSPC:
            raise
        os.truncate(path, 0)
        fallocate(path, 0, 0, pages * PAGE)
    put(path, 0, header(pages))
    sync(path)
    return path


@case()
def pinned_section(place: Place) -> str:
    return _pinned(place, section(place))


@case()
def pinned_three_sections_written(place: Place) -> str:
    pages = 3 * section(place)
    return write(_pinned(place, pages), pages)


@case()
def pinned_and_a_half_section(place: Place) -> str:
    return _pinned(place, section(place) * 3 // 2)


@case()
def pinned_half_section(place: Place) -> str:
    return _pinned(place, section(place) // 2)


@case()
def pinned_and_grown_by_truncate(place: Place) -> str:
    path = _pinned(place, section(place))
    os.truncate(path, 2 * section(place) * PAGE)
    sync(path)
    return path


@case()
def pinned_header_for_half(place: Place) -> str:
    path = _pinned(place, 2 * section(place))
    put(path, 0, header(section(place)))
    sync(path)
    return path


@case()
def pinned_header_within_a_section(place: Place) -> str:
    path = _pinned(place, 2 * section(place))
    put(path, 0, header(section(place) + SOME))
    sync(path)
    return path


@case()
def pinned_too_late(place: Place) -> str:
    """Newer kernels say that it is too late; the file is as it was either way."""
    path = swapfile(place, section(place))
    with contextlib.suppress(OSError):
        pin(path)
    return path


@case()
def written_section(place: Place) -> str:
    return swapfile(place, section(place))


@case()
def written_two_sections_and_a_bit(place: Place) -> str:
    return swapfile(place, 2 * section(place) + SOME)


@case()
def fallocated_two_sections(place: Place) -> str:
    return preallocated(place, 2 * section(place))


@case()
def fallocated_two_sections_and_a_bit(place: Place) -> str:
    return preallocated(place, 2 * section(place) + SOME)


def interleaved(place: Place, pages: int, step: int = 3) -> str:
    """Written in turn with another file, so that no piece is long."""
    path, other = create(place.path()), create(place.path("other"))
    for at in range(0, pages, step):
        put(path, at * PAGE, bytes(min(step, pages - at) * PAGE), os.O_SYNC)
        put(other, at * PAGE, bytes(PAGE), os.O_SYNC)
    put(path, 0, header(pages))
    sync(path)
    return path


@case()
def fragmented(place: Place) -> str:
    return interleaved(place, 2 * section(place), section(place) // 7)


@case()
def fragmented_and_a_bit(place: Place) -> str:
    return interleaved(place, 2 * section(place) + SOME, section(place) // 7)


@case()
def fragmented_tail_only(place: Place) -> str:
    return interleaved(place, section(place) // 2, section(place) // 9)


@case()
def sparse_two_sections(place: Place) -> str:
    path = create(place.path())
    put(path, 0, header(2 * section(place)))
    os.truncate(path, 2 * section(place) * PAGE)
    sync(path)
    return path


@case("punch")
def hole_in_the_first_section(place: Place) -> str:
    return punch(swapfile(place, 2 * section(place)), SOME * PAGE, PAGE)


@case("punch")
def hole_of_a_whole_section(place: Place) -> str:
    """The walk comes upon it between sections."""
    pages = section(place)
    return punch(_pinned(place, 3 * pages), pages * PAGE, pages * PAGE)


@case("punch")
def hole_in_the_last_section(place: Place) -> str:
    pages = 2 * section(place)
    return punch(_pinned(place, pages), (pages - SOME) * PAGE, SOME * PAGE)


@case("punch")
def hole_in_the_tail(place: Place) -> str:
    pages = section(place) + 4 * SOME
    return punch(swapfile(place, pages), (pages - SOME) * PAGE, SOME * PAGE)


@case("punch")
def hole_behind_the_header(place: Place) -> str:
    pages = 2 * section(place)
    path = swapfile(place, pages, header(section(place)))
    return punch(path, (pages - SOME) * PAGE, SOME * PAGE)


@case("punch")
def hole_behind_the_header_in_its_section(place: Place) -> str:
    pages = section(place)
    path = swapfile(place, pages, header(pages // 2))
    return punch(path, (pages - SOME) * PAGE, SOME * PAGE)


@case()
def used_once(place: Place) -> str:
    """The kernel has moved its blocks before."""
    path = swapfile(place, section(place) + SOME)
    if "lfs" not in place.filesystem.name:
        swapon(path)
        swapoff(path)
    return path


@case()
def unsynced_two_sections(place: Place) -> str:
    pages = 2 * section(place)
    path = create(place.path())
    put(path, 0, header(pages) + bytes((pages - 1) * PAGE))
    return path


def _compress(path: str, on: int = 0, off: int = 0) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        set_flags(fd, on, off)
    finally:
        os.close(fd)
    return path


def _compressed(place: Place) -> str:
    return write(_compress(create(place.path()), on=FS_COMPR_FL), section(place))


@case("compression")
def compressed_file(place: Place) -> str:
    return _compressed(place)


@case("compression")
def compressed_with_hole(place: Place) -> str:
    path = _compressed(place)
    os.truncate(path, 2 * section(place) * PAGE)
    sync(path)
    return path


@case("compression")
def compressed_by_its_name(place: Place) -> str:
    return swapfile(place, section(place), name="swapfile.txt")


@case("compression")
def compressed_directory_and_pinned(place: Place) -> str:
    """Pinning an empty file takes the attribute away."""
    folder = place.directory / "compressed"
    folder.mkdir()
    _compress(str(folder), on=FS_COMPR_FL)
    return _pinned(place, section(place), "compressed/swapfile")


@case(why="how many sections cleaning frees shows only when it is done")
def nearly_full(place: Place) -> str:
    """No free section is left for moving the file."""
    path = interleaved(place, section(place), section(place) // 5)
    filler = Path(place.path("filler"))
    place.undo.callback(filler.unlink)
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as new:
        while True:
            new.write(bytes(1 << 20))
            os.fsync(new.fileno())
    return path
