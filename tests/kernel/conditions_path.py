"""What the path is and what it leads to: links, odd names, directories, devices, sockets."""

import os
import socket
import stat
from functools import partial
from pathlib import Path

from tests.kernel.conditions import (
    PAGE,
    PAGES,
    Place,
    add,
    condition,
    create,
    header,
    punch,
    swapfile,
    write,
)


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
