"""Who owns the file, what is set on it, and what stands in the way of opening it."""

import os
import shutil
import subprocess

from tests.kernel.conditions import (
    FS_APPEND_FL,
    FS_IMMUTABLE_FL,
    PAGE,
    Place,
    add,
    condition,
    punch,
    set_flags,
    swapfile,
    write,
)
from tests.kernel.loopfs import run


def flagged(place: Place, path: str, flag: int) -> str:
    """Set an attribute that must be cleared again before the file can be removed."""
    fd = os.open(path, os.O_RDONLY)
    place.undo.callback(os.close, fd)
    set_flags(fd, flag)
    place.undo.callback(set_flags, fd, off=flag)
    return path


@condition("main")
def mode_0644(place: Place) -> str:
    path = swapfile(place)
    os.chmod(path, 0o644)
    return path


@condition("main")
def mode_0000(place: Place) -> str:
    path = swapfile(place)
    os.chmod(path, 0)
    return path


@condition("main")
def owner_1000(place: Place) -> str:
    path = swapfile(place)
    os.chown(path, 1000, 1000)
    return path


@condition("main")
def immutable(place: Place) -> str:
    return flagged(place, swapfile(place), FS_IMMUTABLE_FL)


@condition("main")
def append_only(place: Place) -> str:
    return flagged(place, swapfile(place), FS_APPEND_FL)


@condition("main,foreign")
def being_executed(place: Place) -> str:
    program = shutil.copy("/bin/sleep", place.path("sleep"))
    os.chmod(program, 0o700)
    child = subprocess.Popen([program, "600"])
    place.undo.callback(child.wait)
    place.undo.callback(child.kill)
    return program


@condition("main")
def open_for_writing(place: Place) -> str:
    path = swapfile(place)
    place.undo.callback(os.close, os.open(path, os.O_RDWR))
    return path


@condition("main,foreign")
def unlinked(place: Place) -> str:
    path = swapfile(place)
    fd = os.open(path, os.O_RDWR)
    place.undo.callback(os.close, fd)
    os.unlink(path)
    return f"/proc/self/fd/{fd}"


@condition("main")
def unlinked_with_another_link(place: Place) -> str:
    """The name that was opened is gone, the file is not."""
    path = swapfile(place)
    fd = os.open(path, os.O_RDWR)
    place.undo.callback(os.close, fd)
    os.link(path, place.path("link"))
    os.unlink(path)
    return f"/proc/self/fd/{fd}"


@condition("main")
def linked_and_opened(place: Place) -> str:
    fd = os.open(swapfile(place), os.O_RDONLY)
    place.undo.callback(os.close, fd)
    return f"/proc/self/fd/{fd}"


@condition("main")
def never_named(place: Place) -> str:
    fd = os.open(place.directory, os.O_TMPFILE | os.O_RDWR, 0o600)
    place.undo.callback(os.close, fd)
    return write(f"/proc/self/fd/{fd}")


def _bound(place: Place, *options: str) -> str:
    swapfile(place)
    there = place.mounted.scratch / f"bind-{place.directory.name}"
    there.mkdir()
    run("mount", "--bind", str(place.directory), str(there))
    place.undo.callback(run, "umount", str(there))
    if options:
        run("mount", "-o", ",".join(("remount", "bind", *options)), str(there))
    return str(there / "swapfile")


add("bind-mount", _bound, "main")


@condition("main")
def bind_mount_with_hole(place: Place) -> str:
    return punch(_bound(place), 8 * PAGE, 16 * PAGE)


@condition("main,foreign")
def bind_mount_read_only(place: Place) -> str:
    return _bound(place, "ro")


@condition("main")
def filesystem_read_only(place: Place) -> str:
    path = swapfile(place)
    run("mount", "-o", "remount,ro", str(place.mounted.path))
    place.undo.callback(run, "mount", "-o", "remount,rw", str(place.mounted.path))
    return path
