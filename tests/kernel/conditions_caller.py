"""Who asks, and how many areas the kernel holds already."""

import ctypes
import errno
import os
import struct
from functools import partial
from pathlib import Path

from tests.kernel.conditions import (
    LIBC,
    PAGE,
    Become,
    Make,
    Place,
    add,
    condition,
    header,
    punch,
    swapfile,
)
from tests.kernel.oracle import swapoff, swapon

CAP_SYS_ADMIN = 21
CLONE_NEWUSER = 0x10000000
CAPABILITY_VERSION_3 = 0x20080522


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def without_sys_admin() -> None:
    """uid 0 that lacks the one capability (capset(2), 64 bits as two words)."""
    head = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    data = ctypes.create_string_buffer(24)
    _checked(LIBC.capget(head, data))
    words = list(struct.unpack("=6I", data.raw))
    words[0] &= ~(1 << CAP_SYS_ADMIN)
    words[1] &= ~(1 << CAP_SYS_ADMIN)
    _checked(LIBC.capset(head, struct.pack("=6I", *words)))


def in_user_namespace() -> None:
    """root of a namespace of its own: every capability, none of them where it counts."""
    _checked(LIBC.unshare(CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("0 0 1")
    Path("/proc/self/gid_map").write_text("0 0 1")


def ordinary_user() -> None:
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)


def good(place: Place) -> str:
    return swapfile(place)


def holed(place: Place) -> str:
    return punch(swapfile(place), 8 * PAGE, 16 * PAGE)


def nothing(place: Place) -> str:
    return place.path("nothing")


# The kernel says EPERM to every ordinary user, whatever the file; an operator who forgot sudo asks
# about the file, so the product leaves the answer open (exit 3) rather than call the file refused.
OPEN_QUESTION = "an ordinary user's question is about the file, as root would activate it"
CALLERS: dict[str, Become] = {
    "without-sys-admin": without_sys_admin,
    "in-user-namespace": in_user_namespace,
    "ordinary-user": ordinary_user,
}
THINGS: dict[str, Make] = {"written": good, "hole": holed, "missing": nothing}

for caller, become in CALLERS.items():
    for thing, make in THINGS.items():
        because = OPEN_QUESTION if caller == "ordinary-user" else None
        add(f"{caller}-{thing}", make, "callers", become=become, undecided_because=because)


def at_the_limit(place: Place, then: Make) -> str:
    """As many areas as the kernel takes; held only while this one case runs."""
    for number in range(64):
        path = swapfile(place, 2, header(2), name=f"area{number}")
        try:
            swapon(path)
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
            return then(place)
        place.undo.callback(swapoff, path)
    raise AssertionError("no limit met at 64 areas")


for thing, make in THINGS.items():
    add(f"too-many-areas-{thing}", partial(at_the_limit, then=make), "callers")


@condition("callers")
def another_area_active(place: Place) -> str:
    other = swapfile(place, 10, name="other")
    swapon(other)
    place.undo.callback(swapoff, other)
    return swapfile(place)
