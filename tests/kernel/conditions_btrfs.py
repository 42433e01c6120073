"""btrfs: copy-on-write, compression, snapshots and clones."""

import contextlib
import os
from pathlib import Path

from tests.kernel.conditions import (
    FS_COMPR_FL,
    FS_NOCOW_FL,
    PAGE,
    PAGES,
    Place,
    condition,
    create,
    fallocate,
    header,
    punch,
    put,
    set_flags,
    swapfile,
    sync,
    write,
)
from tests.kernel.conditions_reflink import clone, clone_range
from tests.kernel.loopfs import run

WHY = "some kernels look at the last committed state, and which do is not shown"
TEXT = b"swap out, swap in, " * 512


def _set(path: str, on: int = 0, off: int = 0) -> str:
    fd = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):
        set_flags(fd, on, off)
    os.close(fd)
    return path


@condition("btrfs")
def copy_on_write(place: Place) -> str:
    return write(create(place.path(), cow=True))


@condition("btrfs")
def copy_on_write_sparse(place: Place) -> str:
    path = create(place.path(), cow=True)
    put(path, 0, header(PAGES))
    os.truncate(path, PAGES * PAGE)
    return path


@condition("btrfs")
def nocow_set_too_late(place: Place) -> str:
    """The flag is for empty files; what chattr does here, the kernel does not do."""
    return _set(write(create(place.path(), cow=True)), on=FS_NOCOW_FL)


@condition("btrfs")
def nocow_from_directory(place: Place) -> str:
    folder = place.directory / "nocow"
    folder.mkdir()
    _set(str(folder), on=FS_NOCOW_FL)
    return write(create(str(folder / "swapfile"), cow=True))


def _compressed(place: Place) -> str:
    path = _set(create(place.path(), cow=True), on=FS_COMPR_FL)
    put(path, 0, (TEXT * (PAGES * PAGE // len(TEXT) + 1))[: PAGES * PAGE])
    return path


@condition("btrfs")
def compressed(place: Place) -> str:
    path = _compressed(place)
    put(path, 0, header(PAGES))
    sync(path)
    return path


@condition("btrfs")
def compressed_with_hole(place: Place) -> str:
    return punch(compressed(place), 64 * PAGE, 64 * PAGE)


@condition("btrfs")
def compressed_data_without_flag(place: Place) -> str:
    return _set(compressed(place), off=FS_COMPR_FL)


@condition("btrfs main")
def compression_property(place: Place) -> str:
    path = create(place.path(), cow=True)
    run("btrfs", "property", "set", path, "compression", "zstd")
    return write(path)


def _subvolume(place: Place) -> Path:
    run("btrfs", "subvolume", "create", place.path("volume"))
    return place.directory / "volume"


def _snapshot(place: Place, *options: str) -> str:
    """A file whose subvolume has a snapshot."""
    volume = _subvolume(place)
    path = write(create(str(volume / "swapfile")))
    run("btrfs", "subvolume", "snapshot", *options, str(volume), place.path("snapshot"))
    sync(path)
    return path


@condition("btrfs main")
def own_subvolume(place: Place) -> str:
    return write(create(str(_subvolume(place) / "swapfile")))


@condition("btrfs")
def snapshotted(place: Place) -> str:
    return _snapshot(place)


@condition("btrfs main")
def in_the_snapshot(place: Place) -> str:
    _snapshot(place)
    return place.path("snapshot/swapfile")


@condition("btrfs main")
def in_a_read_only_snapshot(place: Place) -> str:
    _snapshot(place, "-r")
    return place.path("snapshot/swapfile")


@condition("btrfs main")
def in_a_read_only_subvolume(place: Place) -> str:
    volume = _subvolume(place)
    path = write(create(str(volume / "swapfile")))
    run("btrfs", "property", "set", str(volume), "ro", "true")
    return path


def _snapshot_deleted(place: Place) -> str:
    """The cleaner has run; what it did may not be on the disk yet."""
    path = _snapshot(place)
    run("btrfs", "subvolume", "delete", "-c", place.path("snapshot"))
    run("btrfs", "subvolume", "sync", str(place.directory))
    return path


@condition("btrfs main")
def snapshot_deleted(place: Place) -> str:
    path = _snapshot_deleted(place)
    run("btrfs", "filesystem", "sync", str(place.directory))
    return path


@condition("btrfs main", undecided_because=WHY)
def snapshot_deleted_and_not_committed(place: Place) -> str:
    return _snapshot_deleted(place)


@condition("btrfs main")
def snapshotted_and_rewritten(place: Place) -> str:
    path = _snapshot(place)
    put(path, 0, header(PAGES) + bytes((PAGES - 1) * PAGE))
    sync(path)
    return path


@condition("btrfs main")
def snapshotted_and_rewritten_in_part(place: Place) -> str:
    path = _snapshot(place)
    put(path, 0, header(PAGES) + bytes(PAGES // 2 * PAGE))
    sync(path)
    return path


@condition("btrfs main")
def snapshotted_with_hole_before(place: Place) -> str:
    return punch(_snapshot(place), PAGE, PAGE)


@condition("btrfs main")
def snapshotted_with_hole_behind(place: Place) -> str:
    return punch(_snapshot(place), 128 * PAGE, 16 * PAGE)


@condition("btrfs main")
def cloned(place: Place) -> str:
    path = swapfile(place)
    clone(path, create(place.path("other")))
    sync(path)
    return path


@condition("btrfs main")
def cloned_in_part(place: Place) -> str:
    path = swapfile(place)
    clone_range(path, create(place.path("other")), 40 * PAGE, 4 * PAGE)
    sync(path)
    return path


@condition("btrfs main")
def clone_deleted(place: Place) -> str:
    path = cloned(place)
    os.unlink(place.path("other"))
    run("btrfs", "filesystem", "sync", str(place.directory))
    return path


@condition("btrfs main")
def many_fallocated_pieces(place: Place) -> str:
    path = create(place.path())
    for page in range(PAGES - 1, -1, -1):
        fallocate(path, 0, page * PAGE, PAGE)
    put(path, 0, header(PAGES))
    sync(path)
    return path
