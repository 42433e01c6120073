"""btrfs: where block groups lie, their profiles, and operations that run on the filesystem."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.kernel.conditions import (
    PAGE,
    PAGES,
    Place,
    condition,
    create,
    fallocate,
    header,
    punch,
    put,
    swapfile,
    sync,
    write,
)
from tests.kernel.loopfs import MIB, run

STARTS = 10


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
    """Its end is committed too: older kernels look at the state on the disk."""
    run("btrfs", "balance", "start", "-f", *filters, str(place.mounted.path))
    run("btrfs", "filesystem", "sync", str(place.mounted.path))


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


def _state(place: Place) -> Callable[[], str]:
    """What tells the operation that the filesystem is busy with."""
    uuid = run("findmnt", "-n", "-o", "UUID", str(place.mounted.path)).strip()
    file = Path(f"/sys/fs/btrfs/{uuid}/exclusive_operation")
    return lambda: file.read_text().strip()


def _cancel(where: str) -> None:
    """It may have come to its end by itself."""
    with contextlib.suppress(OSError):
        run("btrfs", "balance", "cancel", where)


def _balancing(place: Place, pause: bool) -> str:
    """A balance that has work for a while, running or paused; one that has come to its end before
    that could be seen is started again."""
    path = swapfile(place)
    ballast = create(place.path("ballast"))
    place.undo.callback(os.unlink, ballast)
    put(ballast, 0, os.urandom(100 * MIB))
    sync(ballast)
    where, state = str(place.mounted.path), _state(place)
    wanted = "balance paused" if pause else "balance"
    place.premises.append(lambda: state() == wanted)
    command = ["btrfs", "balance", "start", "--full-balance", where]
    for _ in range(STARTS):
        job = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        place.undo.callback(job.wait)
        place.undo.callback(_cancel, where)
        deadline = time.monotonic() + 60
        while state() != "balance" and job.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        if pause:
            with contextlib.suppress(OSError):
                run("btrfs", "balance", "pause", where)
        if state() == wanted:
            return path
    raise AssertionError(f"never seen: {wanted}")


@condition("btrfs main", "tool findmnt")
def balance_running(place: Place) -> str:
    return _balancing(place, pause=False)


@condition("btrfs main", "tool findmnt")
def balance_paused(place: Place) -> str:
    return _balancing(place, pause=True)


@condition("btrfs main", "tool findmnt")
def balance_paused_and_copy_on_write(place: Place) -> str:
    _balancing(place, pause=True)
    return write(create(place.path("other"), cow=True))


@condition("btrfs main", "tool findmnt")
def balance_paused_and_hole(place: Place) -> str:
    return punch(_balancing(place, pause=True), 64 * PAGE, 16 * PAGE)
