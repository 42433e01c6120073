"""The way to a file, component by component: path_resolution(7), done by hand.

Each component is opened in the one before it, so that nobody can put another thing in its place
between two looks at it; what the kernel would do in one go cannot tell who had a say in it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from swapctl.facts import Ancestor, Unknown
from swapctl.linux import inode

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANYTHING = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h
_DELETED = " (deleted)"
_PROC_MAGIC = 0x9FA0


class Way(NamedTuple):
    """Where the way ends: `fd` is the last directory, open with O_PATH, `path` its path without
    links; `name` is what is to be looked up in it, "" for the directory itself. `steps` are the
    directories and links that were met, in their order; a directory can come again."""

    fd: int
    path: str
    name: str
    steps: tuple[Ancestor, ...]


def _acl(fd: int, path: str) -> tuple[str, ...] | Unknown:
    try:
        # The descriptor itself cannot be asked, for it was opened with O_PATH.
        return inode.acl_entries(f"/proc/self/fd/{fd}")
    except OSError as error:
        return Unknown("access control list", f"{path}: {error.strerror}")


def _step(fd: int, path: str) -> Ancestor:
    status = os.fstat(fd)
    link = stat.S_ISLNK(status.st_mode)
    acl = () if link else _acl(fd, path)
    return Ancestor(path, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, acl, link)


def _in_proc(link: int) -> bool:
    """Is it a link of /proc? Some of these lead to an open file, not to the path that they say."""
    # Only here, since there are few links.
    from swapctl.linux import libc

    return libc.statfs(link).magic == _PROC_MAGIC


class _Walk:
    """The state of a way that is being gone; `todo` are the components to come, the next last."""

    def __init__(self, path: str) -> None:
        self.fd = os.open("/", _DIRECTORY)
        self.todo: list[str] = []
        self.steps = [_step(self.fd, "/")]
        self.links = 0
        self.path = "/"
        self.follow(os.path.join(os.getcwd(), path))

    def follow(self, text: str) -> None:
        """Go on with the components of a path or of a link's text."""
        if text.startswith("/"):
            self.enter(os.open("/", _DIRECTORY), "/")
        self.todo += [part for part in reversed(text.split("/")) if part not in ("", ".")]

    def enter(self, fd: int, path: str) -> None:
        """The directory that is open at `fd` is the one to go on from."""
        os.close(self.fd)
        self.fd, self.path = fd, path
        step = _step(fd, path)
        if self.steps[-1] != step:
            self.steps.append(step)

    def take(self, name: str) -> bool:
        """One component; False where it is neither a directory nor a link."""
        if name == "..":
            self.enter(os.open("..", _DIRECTORY, dir_fd=self.fd), os.path.dirname(self.path))
            return True
        path = os.path.join(self.path, name)
        try:
            # It makes the kernel mount what is to be mounted there, as a look would not.
            self.enter(os.open(name, _DIRECTORY, dir_fd=self.fd), path)
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise OSError(error.errno, error.strerror, path) from None
        link = os.open(name, _ANYTHING, dir_fd=self.fd)
        try:
            kind = stat.S_IFMT(os.fstat(link).st_mode)
            if kind == stat.S_IFDIR:  # it was a link a moment ago
                self.enter(os.dup(link), path)
            if kind != stat.S_IFLNK:
                return kind == stat.S_IFDIR
            self.links += 1
            if self.links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            self.steps.append(_step(link, path))
            text = os.readlink("", dir_fd=link)
            if text.startswith("/") and _in_proc(link):
                # The file may have no name any more; its directory still has.
                text = text.removesuffix(_DELETED)
            self.follow(text)
            return True
        finally:
            os.close(link)


@contextmanager
def way(path: str, *, missing: bool = False) -> Iterator[Way]:
    """Go the whole way to what is at `path`, links included; the descriptor lasts as long as the
    context.

    Raises OSError with the component's path. With `missing` the last component need not exist.
    """
    walk = _Walk(path)
    try:
        name = ""
        while walk.todo:
            part = walk.todo.pop()
            try:
                on = walk.take(part)
            except FileNotFoundError:
                if walk.todo or not missing:
                    raise
                on = False
            if not on:
                if walk.todo:
                    at = os.path.join(walk.path, part)
                    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), at)
                name = part
        yield Way(walk.fd, walk.path, name, tuple(walk.steps))
    finally:
        os.close(walk.fd)


def open_plain(path: str, *, top: str = "/", make: int = 0) -> int:
    """Open the directory at an absolute path in which no component may be a link, for reading.

    `top`, which is believed, is a beginning of the path. Directories below it that are missing are
    made with the mode `make`, if that is given. Raises OSError with the path of the component.
    """
    at, fd = top, os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.path.relpath(path, top).split("/"):
            at = os.path.join(at, name)
            try:
                below = _open_below(fd, name, make)
            except OSError as error:
                raise OSError(error.errno, error.strerror, at) from None
            os.close(fd)
            fd = below
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    finally:
        os.close(fd)


def _open_below(fd: int, name: str, make: int) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, make, dir_fd=fd)
    return os.open(name, _DIRECTORY, dir_fd=fd)
