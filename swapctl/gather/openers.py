"""Which processes have the candidates open."""

import os
from collections.abc import Sequence

from swapctl.facts import File, Snapshot, Unknown
from swapctl.gather.reading import attempt
from swapctl.linux import openers

_WHAT = "processes that have the file open"


def _identity(file: File) -> openers.Identity:
    major, _, minor = file.device.partition(":")
    return os.makedev(int(major), int(minor)), file.inode


def look(seen: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots with that, read once for all of them; nothing is read without regular files."""
    files = {
        n: _identity(s.file)
        for n, s in enumerate(seen)
        if isinstance(s.file, File) and s.file.kind == "regular"
    }
    result = list(seen)
    if not files:
        return result
    found = attempt(_WHAT, lambda: openers.read(frozenset(files.values())))
    for n, identity in files.items():
        if isinstance(found, Unknown):
            result[n] = seen[n]._replace(openers=found)
            continue
        mine = tuple(opener for one, opener in found.openers if one == identity)
        hidden = found.hidden and not mine
        why = f"{found.hidden} processes of other users may not be looked at"
        result[n] = seen[n]._replace(openers=Unknown(_WHAT, why) if hidden else mine)
    return result
