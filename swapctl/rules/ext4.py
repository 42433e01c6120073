"""Rules of ext2, ext3 and ext4 beyond those of every filesystem with an extent map."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.subject import on, the_file
from swapctl.text import quoted


@rule("ext4-journalled-data", Severity.WARNING, when=on("ext3", "ext4"))
def ext4_journalled_data(s: Snapshot) -> Iterator[Violation]:
    """The file's data goes through the journal.

    With data journalling, what was written to the file before may still be copied from the journal
    to its place later, when pages are swapped there. Current kernels write it back before
    activation; that older ones do so everywhere has not been shown.

    Fix: clear the attribute, or mount with data=ordered.

    Source: ext4_bmap() and ext4_iomap_begin_report() in fs/ext4/inode.c; ext4(5), data=journal.
    """
    mount = need(s.mount)
    if mount and "data=journal" in mount.super_options:
        yield Violation(
            (Evidence("mount option", "data=journal", "data=journal", "mountinfo"),),
            Fix("Mount the filesystem with data=ordered, or use another one."),
        )
    elif "journal-data" in need(the_file(s).flags):
        yield Violation(
            (Evidence("inode flags", "journal-data", "journal-data (+j) set", "FS_IOC_GETFLAGS"),),
            Fix("Clear the attribute:", (f"chattr -j {quoted(s.path)}",)),
        )
