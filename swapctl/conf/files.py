"""Which files make up the configuration, in which order, and who may have written them. Pure."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import Ancestor, NotKnown, Unknown, need
from swapctl.trust import described, weak, writable

# The earlier wins: the administrator's, this boot's, the machine's own software, the distribution.
DIRECTORIES = ("/etc", "/run", "/usr/local/lib", "/usr/lib")
NAME = "swapctl.conf"
DROP_INS = f"{NAME}.d"


class Entry(NamedTuple):
    """A name in one of the directories, by its full path; `masked` where it leads to /dev/null."""

    path: str
    masked: bool


def select(mains: Iterable[Entry], drop_ins: Iterable[Entry]) -> Iterator[str]:
    """The files to read, those that win later; both lists have the winning directories first.

    As systemd does: of the main files the first, then the drop-ins of all directories by file
    name, of the same name the first. What leads to /dev/null takes its name out.
    """
    for main in mains:
        if not main.masked:
            yield main.path
        break
    by_name: dict[bytes, Entry] = {}
    for entry in drop_ins:
        by_name.setdefault(os.path.basename(os.fsencode(entry.path)), entry)
    for _, entry in sorted(by_name.items()):
        if not entry.masked:
            yield entry.path


class Owned(NamedTuple):
    """A file as it was opened: owner, mode and the named entries of its access list, and the steps
    from the root to it."""

    path: str
    mode: int
    uid: int
    gid: int
    acl: tuple[str, ...] | Unknown
    ancestors: tuple[Ancestor, ...]


def refuse_foreign(file: Owned, caller: int) -> None:
    """Raises SwapctlError where somebody other than root and the caller could have written it.

    It says where root writes and how much, so a writable directory is as bad; a sticky one will do
    above what is not theirs.
    """
    try:
        found = _weakest(file, (0, caller))
    except NotKnown as lack:
        raise SwapctlError(
            f"cannot tell who can write the configuration: {lack}",
            code=ExitCode.UNDECIDED,
            path=file.path,
        ) from None
    if found is not None:
        raise SwapctlError(
            f"others can write the configuration: {described(found)}",
            hint="It has to belong to root, and nobody else may write it or its directories.",
            code=ExitCode.FINDINGS,
            path=file.path,
        )


def _weakest(file: Owned, ours: tuple[int, int]) -> Ancestor | None:
    """The first directory, or the file, that others can write."""
    for directory in weak(file.ancestors, file.uid, ours):
        return directory
    last = Ancestor(file.path, file.mode, file.uid, file.gid, file.acl, False)
    if file.uid not in ours or writable(last):
        return last
    need(file.acl)
    return None
