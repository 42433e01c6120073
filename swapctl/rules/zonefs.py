"""Rules of zonefs: a file is a zone of the disk."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Severity, Stage, Violation, rule
from swapctl.rules.subject import elsewhere, on, the_file

_SEQUENTIAL = "seq"


def _folder(s: Snapshot) -> str:
    """The directory that the file is in, seen from the root of the filesystem."""
    mount = need(s.mount)
    below = s.resolved.removeprefix(mount.path.rstrip("/")) if mount else s.resolved
    return f"{mount.root if mount else ''}{below}".rpartition("/")[0].strip("/")


@rule("zonefs-sequential", Severity.REFUSED, stage=Stage.MAP, when=on("zonefs"))
def zonefs_sequential(s: Snapshot) -> Iterator[Violation]:
    """The zone can only be appended to.

    Swap writes pages anywhere. Files in the directory seq are zones that take writes at one place
    only; those in cnv are ordinary.

    Fix: use a file in the directory cnv, if the disk has such zones.

    Source: zonefs_swap_activate(), fs/zonefs/file.c (super.c before Linux 6.3).
    """
    device = need(s.device)
    the_file(s)
    if _folder(s) == _SEQUENTIAL:
        yield Violation(
            (Evidence("directory", _SEQUENTIAL, "seq, of sequential zones", "path"),),
            elsewhere(s),
            errno="EINVAL",
            log=f"zonefs ({device.name}) ERROR: swap file: not a conventional zone file"
            if device
            else None,
        )
