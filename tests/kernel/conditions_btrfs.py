"""btrfs: copy-on-write, compression, snapshots, profiles, several devices, running operations."""

import contextlib
import os
import subprocess
import time
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
from tests.kernel.loopfs import MIB, run

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


@condition("btrfs main")
def snapshot_deleted(place: Place) -> str:
    path = _snapshot(place)
    run("btrfs", "subvolume", "delete", "-c", place.path("snapshot"))
    run("btrfs", "subvolume", "sync", str(place.directory))
    return path


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


def _large(place: Place, size: int) -> str:
    """Fallocated, over several block groups; removed at once, for the space."""
    path = create(place.path())
    place.undo.callback(os.unlink, path)
    fallocate(path, 0, 0, size)
    put(path, 0, header(size // PAGE))
    sync(path)
    return path


@condition("btrfs main,pair")
def over_several_block_groups(place: Place) -> str:
    """With two devices the block groups alternate between them."""
    return _large(place, 160 * MIB)


@condition("pair")
def over_several_block_groups_with_short_header(place: Place) -> str:
    path = _large(place, 160 * MIB)
    put(path, 0, header(PAGES))
    sync(path)
    return path


@condition("pair")
def over_several_block_groups_with_hole(place: Place) -> str:
    return punch(_large(place, 160 * MIB), 158 * MIB, MIB)


@condition("pair")
def hole_over_several_block_groups(place: Place) -> str:
    return punch(_large(place, 160 * MIB), PAGE, PAGE)


def _balance(place: Place, *filters: str) -> None:
    run("btrfs", "balance", "start", "-f", *filters, str(place.mounted.path))


@condition("pair")
def converted_to_raid1(place: Place) -> str:
    path = swapfile(place)
    _balance(place, "-dconvert=raid1")
    place.undo.callback(_balance, place, "-dconvert=single")
    return path


@condition("pair")
def converted_and_back(place: Place) -> str:
    path = swapfile(place)
    _balance(place, "-dconvert=raid1")
    _balance(place, "-dconvert=single")
    return path


@condition("redundant")
def copy_on_write_with_redundant_data(place: Place) -> str:
    return punch(write(create(place.path(), cow=True)), 64 * PAGE, 16 * PAGE)


@condition("redundant")
def hole_before_redundant_data(place: Place) -> str:
    return punch(swapfile(place), PAGE, PAGE)


@condition("redundant")
def converted_to_single(place: Place) -> str:
    """What a balance rewrites lies in the new profile, what comes later too."""
    path = swapfile(place)
    profile = place.filesystem.name.removeprefix("btrfs-")
    _balance(place, "-dconvert=single")
    place.undo.callback(_balance, place, f"-dconvert={profile}")
    return path


def _operation(place: Place) -> str:
    uuid = run("findmnt", "-n", "-o", "UUID", str(place.mounted.path)).strip()
    return Path(f"/sys/fs/btrfs/{uuid}/exclusive_operation").read_text().strip()


def _cancel(where: str) -> None:
    """It may have come to its end by itself."""
    with contextlib.suppress(OSError):
        run("btrfs", "balance", "cancel", where)


def _balancing(place: Place) -> str:
    """A balance that has work for a while."""
    path = swapfile(place)
    ballast = create(place.path("ballast"))
    place.undo.callback(os.unlink, ballast)
    put(ballast, 0, os.urandom(100 * MIB))
    sync(ballast)
    where = str(place.mounted.path)
    command = ["btrfs", "balance", "start", "--full-balance", where]
    job = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place.undo.callback(job.wait)
    place.undo.callback(_cancel, where)
    deadline = time.monotonic() + 10
    while _operation(place) != "balance" and time.monotonic() < deadline:
        time.sleep(0.001)
    return path


@condition("btrfs main", "tool findmnt")
def balance_running(place: Place) -> str:
    return _balancing(place)


@condition("btrfs main", "tool findmnt")
def balance_paused(place: Place) -> str:
    path = _balancing(place)
    run("btrfs", "balance", "pause", str(place.mounted.path))
    return path


@condition("btrfs main", "tool findmnt")
def balance_paused_and_copy_on_write(place: Place) -> str:
    _balancing(place)
    run("btrfs", "balance", "pause", str(place.mounted.path))
    return write(create(place.path("other"), cow=True))


@condition("btrfs main", "tool findmnt")
def balance_paused_and_hole(place: Place) -> str:
    path = _balancing(place)
    run("btrfs", "balance", "pause", str(place.mounted.path))
    return punch(path, 64 * PAGE, 16 * PAGE)
