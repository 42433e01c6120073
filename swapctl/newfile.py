"""The file that is being made. It has no name until it is complete: whatever ends the process
before that leaves nothing behind, because the kernel frees an unnamed file when its last descriptor
closes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class NewFile(NamedTuple):
    """A file, open for writing, that is still to get its name in an open directory."""

    fd: int
    directory: int

    def publish(self, name: str) -> None:
        """Give it its name and write that to the disk; never over another one.

        Raises OSError: EEXIST where the name is taken; then it has none, as before. linkat(2) never
        replaces; CPython uses it, following the link of /proc, with dst_dir_fd.
        """
        source = f"/proc/self/fd/{self.fd}"
        os.link(source, name, dst_dir_fd=self.directory, follow_symlinks=True)
        try:
            os.fsync(self.directory)
        except OSError:
            os.unlink(name, dir_fd=self.directory)
            raise


@contextmanager
def create(directory: int) -> Iterator[NewFile]:
    """An empty file of mode 0600; without publish() it is gone at the end.

    Raises OSError of open(2), O_TMPFILE.
    """
    flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
    fd = os.open(f"/proc/self/fd/{directory}", flags, 0o600)
    try:
        yield NewFile(fd, directory)
    finally:
        os.close(fd)
