"""Read the files of the configuration, below a root."""

import os
import stat
from collections.abc import Iterator

from swapctl.conf.files import DIRECTORIES, DROP_INS, NAME, Entry, Owned, refuse_foreign, select
from swapctl.conf.settings import Source
from swapctl.errors import SwapctlError, from_oserror
from swapctl.gather.reading import attempt
from swapctl.gather.units import refuse_outside
from swapctl.linux import directories, inode
from swapctl.linux.files import under

_MOST_BYTES = 2**20


def _entry(path: str) -> Entry | None:
    """What is at a path; None for nothing. A mask is a link, also below another root."""
    if not os.path.lexists(path):
        return None
    return Entry(path, os.path.islink(path) and os.readlink(path) == os.devnull)


def _drop_ins(root: str) -> Iterator[Entry]:
    for directory in DIRECTORIES:
        folder = os.path.join(under(root, directory), DROP_INS)
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in sorted(names):
            entry = _entry(os.path.join(folder, name))
            if name.endswith(".conf") and not name.startswith(".") and entry is not None:
                yield entry


def _read(root: str, path: str) -> Source:
    top = os.path.realpath(root)
    with directories.way(path) as found:
        real = os.path.join(found.path, found.name)
        refuse_outside(root, top, real, path)
        # Without waiting for somebody at the other end of a pipe.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(found.name or ".", flags, dir_fd=found.fd)
        # Everything above the root is believed, and so is the way to it.
        paths = [step.path for step in found.steps]
        steps = found.steps[paths.index(top) if top in paths else 0 :]
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise SwapctlError("no file, or too large for one of the configuration", path=path)
        mode = stat.S_IMODE(status.st_mode)
        acl = attempt("access control list", lambda: inode.acl_entries(fd))
        owned = Owned(path, mode, status.st_uid, status.st_gid, acl, steps)
        refuse_foreign(owned, os.geteuid())
        data = os.read(fd, _MOST_BYTES)
    finally:
        os.close(fd)
    return Source(path, data.decode("utf-8", "surrogateescape"))


def sources(root: str) -> list[Source]:
    """The files that count, those that win last.

    Raises SwapctlError for what cannot be read, what others can write, and what leads out of the
    root.
    """
    at = root
    try:
        mains = [_entry(os.path.join(under(root, directory), NAME)) for directory in DIRECTORIES]
        chosen = list(select([m for m in mains if m], _drop_ins(root)))
        found = []
        for at in chosen:
            found.append(_read(root, at))
    except OSError as error:
        raise from_oserror("cannot read the configuration", error, path=at) from None
    return found
