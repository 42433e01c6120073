"""Stacks of loop devices, images and filesystems, for tests of what lies below a swap area."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from swapctl.facts import Spans, need
from swapctl.gather import snapshot
from swapctl.linux import header, libc
from swapctl.rules import Report, judge
from swapctl.rules.engine import Severity
from swapctl.storage_facts import BackingExtents, Layer
from tests.kernel.loopfs import MIB, attach, image, mount, run, write_out

PAGE = os.sysconf("SC_PAGE_SIZE")
SIZE = 16 * MIB
IMAGE = 64 * MIB
MKFS = ("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "nodiscard,lazy_itable_init=0")
UNJOURNALLED = ("-O", "^has_journal")


def swapfile(directory: Path, size: int = SIZE) -> Path:
    """An area of which only the first page is written."""
    path = directory / "swapfile"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        libc.fallocate(fd, 0, 0, size)
    finally:
        os.close(fd)
    return signed(path, size)


def mounted(source: str, place: Path, undo: ExitStack, fstype: str = "ext4") -> Path:
    mount(source, place, fstype, "", undo)
    return place


def on_loop(file: Path, place: Path, undo: ExitStack, *options: str) -> Path:
    """A swap file in the filesystem of an image."""
    return swapfile(mounted(attach(file, undo, *options), place, undo))


def made(file: Path, size: int, undo: ExitStack, *, written: bool, journal: bool = True) -> Path:
    """An image with an ext4; without a journal it takes no transactions."""
    image(file, size, undo)
    run(*MKFS, *(() if journal else UNJOURNALLED), str(file))
    if written:
        write_out(file)
    return file


def look(path: Path | str) -> Report:
    return judge(snapshot(str(path)))


def layers(report: Report) -> tuple[Layer, ...]:
    found = need(report.snapshot.storage)
    assert found is not None
    return found


def unsafe(report: Report) -> set[str]:
    return {f.rule_id for f in report.outcome.findings if f.severity is Severity.UNSAFE}


def part(layer: Layer) -> Spans:
    assert layer.part is not None
    return layer.part


def below(layer: Layer) -> BackingExtents:
    assert layer.file is not None
    assert isinstance(layer.file.extents, BackingExtents)
    return layer.file.extents


def witness(path: Path, at: int) -> bytes:
    """Write a block that is nowhere else."""
    block = os.urandom(PAGE)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(block)
        os.fsync(file.fileno())
    return block


def position(file: Path, block: bytes) -> int:
    """Where in an image the block is."""
    run("sync", "-f", str(file))
    return file.read_bytes().find(block)


def translated(layer: Layer, offset: int) -> int:
    """Where on the layer a byte of the swap file is, its blocks being in order."""
    for span in part(layer).first:
        if offset < span.length:
            return span.offset + offset
        offset -= span.length
    raise AssertionError("not in the first pieces")


def punch(file: Path, offset: int, length: int) -> None:
    run("fallocate", "-p", "-o", str(offset), "-l", str(length), str(file))


class Volume(NamedTuple):
    """How a filesystem is made and mounted; `size` in MiB is about the least that it takes."""

    fstype: str
    mkfs: tuple[str, ...]
    size: int
    options: str = ""
    nocow: bool = False


_XFS = ("mkfs.xfs", "-q", "-f", "-K")
_BTRFS = ("mkfs.btrfs", "-q", "-f", "-K", "-d", "single", "-m", "single")
VOLUMES = {
    "ext4": Volume("ext4", (*MKFS, *UNJOURNALLED), 112),
    "ext4-journal": Volume("ext4", MKFS, 112),
    "ext4-data": Volume("ext4", MKFS, 112, "data=journal"),
    "ext4-journal-lazytime": Volume("ext4", MKFS, 112, "lazytime"),
    "xfs": Volume("xfs", _XFS, 320),
    "xfs-lazytime": Volume("xfs", _XFS, 320, "lazytime"),
    "btrfs": Volume("btrfs", _BTRFS, 160),
    "btrfs-nocow": Volume("btrfs", _BTRFS, 160, nocow=True),
}


def filled(file: Path, size: int, state: str, undo: ExitStack, mkfs: tuple[str, ...] = ()) -> Path:
    """An image in which the blocks are "written", "unwritten", "shared" with a clone beside it, or
    only those of what mkfs made: "sparse"."""
    image(file, size, undo)
    if state == "unwritten":
        run("fallocate", "-l", str(size), str(file))
    if mkfs:
        run(*mkfs, str(file))
    if state in ("written", "shared"):
        write_out(file)
    if state == "shared":
        run("cp", "--reflink=always", str(file), f"{file}.clone")
    return file


def volume_at(
    place: Path, name: str, file: Path, undo: ExitStack, *options: str, state: str = "written"
) -> Path:
    """A directory for files in a volume on a loop device over the image, mounted at the place."""
    volume = VOLUMES[name]
    filled(file, volume.size * MIB, state, undo, volume.mkfs)
    mount(attach(file, undo, *options), place, volume.fstype, volume.options, undo)
    home = place / "home"
    home.mkdir(mode=0o700)
    if volume.nocow:
        run("chattr", "+C", str(home))
    return home


def signed(area: Path, size: int) -> Path:
    """The file or device, with the header of a swap area."""
    with area.open("r+b") as file:
        file.write(header.pack(PAGE, size // PAGE, bytes(range(16)), ""))
        os.fsync(file.fileno())
    return area


def area_image(file: Path, undo: ExitStack, *, written: bool, size: int = SIZE) -> Path:
    """An image that is a swap area itself."""
    return signed(filled(file, size, "written" if written else "sparse", undo), size)
