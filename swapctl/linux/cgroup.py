"""A control group of one's own (cgroup v2), whose pages zswap does not take.

Documentation/admin-guide/cgroup-v2.rst: memory.zswap.max.
"""

import errno
import os
import time

from swapctl.linux import mounts
from swapctl.linux.files import read_text, under

_EMPTIED = 5.0
_PAUSE = 0.01


def _place(root: str) -> str:
    """The innermost group above this process that can have a child with limits of memory."""
    own = next(
        (
            line.removeprefix("0::")
            for line in read_text(under(root, "proc/self/cgroup")).splitlines()
            if line.startswith("0::")
        ),
        None,
    )
    tops = mounts.of_types(lambda fstype: fstype == "cgroup2", root)
    if own is None or not tops:
        raise OSError(errno.ENOENT, "no control groups of version 2 are mounted")
    # Groups without processes of their own, from the innermost: the root may have both.
    name = own.strip("/")
    while True:
        path = f"{tops[0].path}/{name}".rstrip("/")
        try:
            if "memory" in read_text(under(root, f"{path}/cgroup.subtree_control")).split():
                return path
        except FileNotFoundError:  # of another namespace
            pass
        if not name:
            raise OSError(errno.ENOENT, "no control group above has the memory controller")
        name = name.rpartition("/")[0]


def make_without_zswap(root: str = "/") -> str:
    """A new group beside the process' own, in which no page goes to zswap; its path. Raises
    OSError: ENOENT where there is no memory controller of version 2, or no memory.zswap.max."""
    path = f"{_place(root)}/swapctl-{os.getpid()}"
    os.mkdir(under(root, path))
    try:
        fd = os.open(under(root, f"{path}/memory.zswap.max"), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"0")
        finally:
            os.close(fd)
    except OSError:
        os.rmdir(under(root, path))
        raise
    return path


def join(path: str) -> None:
    """Move the calling process there. Raises OSError."""
    fd = os.open(f"{path}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"0")
    finally:
        os.close(fd)


def remove(path: str) -> None:
    """Remove a group; its last process may have ended only just now. Raises OSError."""
    patience = time.monotonic() + _EMPTIED
    while True:
        try:
            return os.rmdir(path)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > patience:
                raise
            time.sleep(_PAUSE)
