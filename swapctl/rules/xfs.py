"""Rules of xfs beyond those of every filesystem with an extent map."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.rules.engine import Severity, Stage, Violation, rule
from swapctl.rules.subject import on, the_file


@rule("xfs-realtime", Severity.REFUSED, stage=Stage.MAP, when=on("xfs"))
def xfs_realtime(s: Snapshot) -> Iterator[Violation]:
    """The file lies on the realtime device.

    Files on a zoned realtime device are refused without a log line, those on an ordinary one are
    accepted; which it is cannot be told from the file, so the rule stays undecided.

    Fix: make the file in a directory without the realtime attribute.

    Source: xfs_iomap_swapfile_activate() in fs/xfs/xfs_aops.c; FS_XFLAG_REALTIME in
    ioctl_xfs_fsgetxattr(2).
    """
    if "realtime" in need(the_file(s).xflags):
        need(Unknown("kind of the realtime device", "it may be zoned"))
    yield from ()
