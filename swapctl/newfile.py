"""The file that is being made, which nobody takes for a swapfile before it is complete.

Where the filesystem can, it has no name: whatever ends the process, the kernel frees it when its
last descriptor closes. Elsewhere (NFS, vfat, jfs and others know no O_TMPFILE) it has a name
of its own, ".NAME.swapctl-" and random digits, in the same directory. That name goes on every
failure and interruption; SIGKILL and the end of the machine leave it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from swapctl.errors import SwapctlError, errno_name
from swapctl.linux import libc
from swapctl.text import quoted

# What kernels answer where the filesystem has no unnamed files; EISDIR before Linux 3.11.
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR)
# Where it cannot rename without replacing (NFS), or the C library does not know how.
_NO_RENAME = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class NewFile(NamedTuple):
    """A file, open for writing, that is still to get its name in an open directory.

    `own_name` is the one that it has until then, "" for an unnamed file.
    """

    fd: int
    directory: int
    own_name: str

    def publish(self, name: str) -> None:
        """Give it its name and write that to the disk; never over another one.

        Raises OSError: EEXIST where the name is taken; then it has none but its own, as before.
        """
        if self.own_name:
            self._rename(name)
        else:
            self._link(name)
        try:
            os.fsync(self.directory)
        except OSError:
            os.unlink(name, dir_fd=self.directory)
            raise

    def _rename(self, name: str) -> None:
        """The kernel renames without replacing, or a link does not replace and the old name goes
        with the rest: vfat has no links, NFS no such renaming."""
        try:
            libc.rename_noreplace(self.directory, self.own_name, name)
        except OSError as error:
            if error.errno not in _NO_RENAME:
                raise
            self._link_again(name)
            return
        if not self._has(name):
            raise OSError(errno.ESTALE, "something else was put in its place meanwhile")

    def _has(self, name: str) -> bool:
        """Is that a name of this very file?"""
        theirs = os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        return os.path.samestat(theirs, os.fstat(self.fd))

    def _link(self, name: str) -> None:
        """The file that is open, not what has its own name by now. CPython uses linkat(2),
        following the link of /proc, with dst_dir_fd."""
        source = f"/proc/self/fd/{self.fd}"
        os.link(source, name, dst_dir_fd=self.directory, follow_symlinks=True)

    def _link_again(self, name: str) -> None:
        """An answer that was lost on the way makes the client ask again, and then the name is there
        (link(2), BUGS)."""
        try:
            self._link(name)
        except FileExistsError:
            if not self._has(name):
                raise


def _remove(directory: int, own_name: str) -> None:
    """Remove the name unless it is gone. Raises SwapctlError when it stays."""
    try:
        # Asked first: where the directory cannot be written to, nothing was made.
        os.stat(own_name, dir_fd=directory, follow_symlinks=False)
        os.unlink(own_name, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), own_name)
        raise SwapctlError(
            f"cannot remove the file under the name that it had meanwhile: {error.strerror}",
            hint=f"It was left behind; remove it: rm {quoted(path)}",
            path=path,
            errno=errno_name(error.errno),
        ) from error


@contextmanager
def _named(directory: int, name: str) -> Iterator[NewFile]:
    # Names have at most 255 bytes, on most filesystems.
    start = os.fsdecode(os.fsencode(name)[:200])
    own_name = f".{start}.swapctl-{os.urandom(8).hex()}"
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR | os.O_CLOEXEC
    fd = -1
    try:
        # A signal may come before the number is known: the name is removed all the same.
        fd = os.open(own_name, flags, 0o600, dir_fd=directory)
        yield NewFile(fd, directory, own_name)
    finally:
        try:
            if fd >= 0:
                # Before its name goes: NFS renames what is removed while it is open.
                os.close(fd)
        finally:
            _remove(directory, own_name)


@contextmanager
def create(directory: int, name: str) -> Iterator[NewFile]:
    """An empty file of mode 0600 that is to be called `name`; without publish() it is gone at the
    end.

    Raises OSError of open(2), and SwapctlError when the file could not be removed.
    """
    flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
    try:
        fd = os.open(f"/proc/self/fd/{directory}", flags, 0o600)
    except OSError as error:
        if error.errno not in _NO_UNNAMED:
            raise
        fd = -1
    if fd < 0:
        with _named(directory, name) as file:
            yield file
        return
    try:
        yield NewFile(fd, directory, "")
    finally:
        os.close(fd)
