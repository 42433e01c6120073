"""Several defects in one file: which of them the kernel meets first."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial

from tests.kernel.conditions import (
    FS_IMMUTABLE_FL,
    PAGE,
    PAGES,
    Place,
    add,
    condition,
    create,
    header,
    punch,
    put,
    swapfile,
    sync,
    write,
)
from tests.kernel.conditions_open import flagged
from tests.kernel.conditions_reflink import partly_shared


def _hole(place: Place, path: str) -> str:
    return punch(path, 64 * PAGE, 16 * PAGE)


def _head(place: Place, path: str, head: bytes) -> str:
    put(path, 0, head)
    sync(path)
    return path


def _open_mode(place: Place, path: str) -> str:
    os.chmod(path, 0o644)
    return path


def _owner(place: Place, path: str) -> str:
    os.chown(path, 1000, 1000)
    return path


def _frozen(place: Place, path: str) -> str:
    return flagged(place, path, FS_IMMUTABLE_FL)


def _nameless(place: Place, path: str) -> str:
    fd = os.open(path, os.O_RDWR)
    place.undo.callback(os.close, fd)
    os.unlink(path)
    return f"/proc/self/fd/{fd}"


def _cut(place: Place, path: str) -> str:
    os.truncate(path, PAGES // 2 * PAGE)
    return path


DEFECTS: dict[str, Callable[[Place, str], str]] = {
    "hole": _hole,
    "bad-signature": partial(_head, head=bytes(PAGE)),
    "version-2": partial(_head, head=header(PAGES, version=2)),
    "bad-page": partial(_head, head=header(PAGES, bad=(3,))),
    "truncated": _cut,
    "mode-0644": _open_mode,
    "owner-1000": _owner,
    "immutable": _frozen,
    "unlinked": _nameless,
}

MIXTURES = (
    ("hole", "bad-signature"),
    ("hole", "version-2"),
    ("hole", "bad-page"),
    ("hole", "truncated"),
    ("hole", "mode-0644"),
    ("hole", "mode-0644", "owner-1000"),
    ("hole", "immutable"),
    ("hole", "unlinked"),
    ("bad-signature", "immutable"),
    ("bad-signature", "unlinked"),
    ("truncated", "bad-page"),
    ("truncated", "version-2"),
    ("hole", "bad-signature", "immutable"),
    ("hole", "truncated", "mode-0644"),
    ("hole", "version-2", "unlinked"),
)


def _mixed(place: Place, defects: tuple[str, ...]) -> str:
    path = swapfile(place)
    for name in defects:
        path = DEFECTS[name](place, path)
    return path


for defects in MIXTURES:
    add("+".join(defects), partial(_mixed, defects=defects), "main")


@condition("reflink")
def shared_and_bad_signature(place: Place) -> str:
    return _head(place, partly_shared(place, 8 * PAGE, 4 * PAGE), bytes(PAGE))


@condition("reflink")
def shared_and_immutable(place: Place) -> str:
    return _frozen(place, partly_shared(place, 8 * PAGE, 4 * PAGE))


@condition("btrfs")
def copy_on_write_and_bad_signature(place: Place) -> str:
    return write(create(place.path(), cow=True), head=bytes(PAGE))


@condition("btrfs")
def copy_on_write_and_hole(place: Place) -> str:
    return _hole(place, write(create(place.path(), cow=True)))


@condition("main")
def executed_and_immutable(place: Place) -> str:
    program = shutil.copy("/bin/sleep", place.path("sleep"))
    os.chmod(program, 0o700)
    child = subprocess.Popen([program, "600"])
    place.undo.callback(child.wait)
    place.undo.callback(child.kill)
    return _frozen(place, program)


@condition("large")
def large_blocks_and_hole(place: Place) -> str:
    return _hole(place, swapfile(place))


@condition("large")
def large_blocks_and_bad_signature(place: Place) -> str:
    return swapfile(place, head=bytes(PAGE))


@condition("large")
def large_blocks_and_unlinked(place: Place) -> str:
    return _nameless(place, swapfile(place))


@condition("large")
def large_blocks_and_immutable(place: Place) -> str:
    return _frozen(place, swapfile(place))
