"""What the path leads to, who may open it, and what stands in the way of opening it."""

import os
import shutil
import socket
import stat
import subprocess
from functools import partial
from pathlib import Path

from tests.kernel.conditions import (
    FS_APPEND_FL,
    FS_IMMUTABLE_FL,
    PAGE,
    PAGES,
    Place,
    add,
    condition,
    create,
    header,
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
def hard_link(place: Place) -> str:
    os.link(swapfile(place), place.path("link"))
    return place.path("link")


@condition("main")
def symlink(place: Place) -> str:
    swapfile(place)
    os.symlink("swapfile", place.path("link"))
    return place.path("link")


@condition("main")
def symlink_to_file_with_hole(place: Place) -> str:
    """The log names the file, not the link."""
    punch(swapfile(place), 8 * PAGE, 16 * PAGE)
    os.symlink("swapfile", place.path("link"))
    return place.path("link")


@condition("main")
def symlink_loop(place: Place) -> str:
    os.symlink("loop", place.path("loop"))
    return place.path("loop")


@condition("main")
def symlink_dangling(place: Place) -> str:
    os.symlink("nothing", place.path("link"))
    return place.path("link")


@condition("main,foreign,image,device")
def missing(place: Place) -> str:
    return place.path("nothing")


@condition("callers")
def missing_directory(place: Place) -> str:
    return place.path("nothing/swapfile")


@condition("callers")
def file_as_directory(place: Place) -> str:
    return swapfile(place) + "/swapfile"


@condition("callers")
def trailing_slash(place: Place) -> str:
    return swapfile(place) + "/"


@condition("callers")
def empty_path(place: Place) -> str:
    return ""


@condition("main,foreign,image")
def directory(place: Place) -> str:
    return str(place.directory)


NAMES = {
    "spaces": "a swap  file",
    "newline": "swap\nfile\ttab",
    "backslash": "swap\\040file",
    "undecodable": "swap-\udcff\udcfe",
    "non-ascii": "swap-\N{SNOWMAN}",
    "percent": "swap%s%n",
    "255-bytes": "s" * 255,
    "256-bytes": "s" * 256,
}


def named(place: Place, name: str) -> str:
    if len(name) > 255:
        return place.path(name)
    return swapfile(place, name=name)


def named_with_hole(place: Place, name: str) -> str:
    return punch(swapfile(place, name=name), 8 * PAGE, 16 * PAGE)


for key, name in NAMES.items():
    add(f"name-{key}", partial(named, name=name), "main")
    if len(name) <= 255:
        add(f"name-{key}-with-hole", partial(named_with_hole, name=name), "callers,xfs main")


@condition("callers")
def path_of_800_bytes_with_hole(place: Place) -> str:
    """Not longer: a message above 1 KiB is cut, and shown only when the next one comes."""
    folder = place.directory.joinpath(*["d" * 200] * 4)
    folder.mkdir(parents=True)
    return punch(write(create(str(folder / "swapfile"))), 8 * PAGE, 16 * PAGE)


@condition("callers")
def path_longer_than_a_path_may_be(place: Place) -> str:
    return str(place.directory) + "/." * 2100 + "/swapfile"


@condition("main")
def relative_path(place: Place) -> str:
    punch(swapfile(place), 8 * PAGE, 16 * PAGE)
    place.undo.callback(os.chdir, Path.cwd())
    os.chdir(place.directory)
    return "swapfile"


@condition("callers")
def dots_in_path(place: Place) -> str:
    swapfile(place)
    return f"{place.directory}/../{place.directory.name}/./swapfile"


def _node(place: Place, kind: int, device: int = 0) -> str:
    os.mknod(place.path("node"), kind | 0o600, device)
    return place.path("node")


add("fifo", partial(_node, kind=stat.S_IFIFO), "main,foreign")
add("socket", partial(_node, kind=stat.S_IFSOCK), "main")
add("char-device", partial(_node, kind=stat.S_IFCHR, device=os.makedev(1, 3)), "main,foreign")
for word, kind in (("char", stat.S_IFCHR), ("block", stat.S_IFBLK)):
    # Major 60 is kept free for local use (Documentation/admin-guide/devices.txt).
    make = partial(_node, kind=kind, device=os.makedev(60, 0))
    add(f"{word}-device-without-driver", make, "main")


@condition("main")
def bound_socket(place: Place) -> str:
    """Bound by a short name: an address of a socket holds 107 bytes."""
    back = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(place.directory)
        server.bind("socket")
        os.chdir(back)
    return place.path("socket")


@condition("device")
def proc_file(place: Place) -> str:
    return "/proc/sys/kernel/hostname"


@condition("device")
def proc_file_read_only(place: Place) -> str:
    return "/proc/version"


@condition("device")
def sysfs_file(place: Place) -> str:
    return "/sys/kernel/mm/swap/vma_ra_enabled"


@condition("device")
def memfd(place: Place) -> str:
    fd = os.memfd_create("swap")
    place.undo.callback(os.close, fd)
    os.pwrite(fd, header(PAGES) + bytes((PAGES - 1) * PAGE), 0)
    return f"/proc/self/fd/{fd}"


@condition("main")
def immutable(place: Place) -> str:
    return flagged(place, swapfile(place), FS_IMMUTABLE_FL)


@condition("main")
def append_only(place: Place) -> str:
    return flagged(place, swapfile(place), FS_APPEND_FL)


@condition("main")
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


@condition("main")
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


@condition("main")
def bind_mount_read_only(place: Place) -> str:
    return _bound(place, "ro")


@condition("main")
def filesystem_read_only(place: Place) -> str:
    path = swapfile(place)
    run("mount", "-o", "remount,ro", str(place.mounted.path))
    place.undo.callback(run, "mount", "-o", "remount,rw", str(place.mounted.path))
    return path
