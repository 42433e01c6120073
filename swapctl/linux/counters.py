"""What filesystems count of their transactions, as /proc and /sys show it; reading changes nothing.

Sources: fs/jbd2/journal.c, jbd2_seq_info_show(); fs/xfs/xfs_stats.c, xfs_stats_format();
fs/btrfs/sysfs.c; fs/f2fs/sysfs.c. Names of devices are the kernel's, "dm-0".
"""

import errno
import os
import re
from typing import NamedTuple

from swapctl.linux.files import under
from swapctl.linux.sysblock import names, text


class XfsStatistics(NamedTuple):
    """Of one filesystem, since it was mounted. `synchronous` transactions are those that wait for
    the log, `empty` ones changed nothing."""

    synchronous: int
    asynchronous: int
    empty: int
    extents_allocated: int


def in_sys(device: str) -> str:
    """The device's name as sysfs and proc write it: /dev/cciss/c0d0 is cciss!c0d0."""
    return device.replace("/", "!")


def journal(device: str, root: str = "/") -> str:
    """The statistics file of the journal of a filesystem on that device, of its own or another.

    Raises OSError: ENOENT where there is none to be seen.
    """
    directory = under(root, "proc/fs/jbd2")
    found = names(directory)
    own = re.compile(rf"{re.escape(in_sys(device))}-\d+")
    one = next((name for name in found if own.fullmatch(name)), None)
    if one is None:
        # A journal on a device of its own is named by that; its thread has the same name.
        task = text(under(root, f"sys/fs/ext4/{in_sys(device)}/journal_task"))
        thread = text(under(root, f"proc/{task}/comm")).removeprefix("jbd2/")
        one = next((name for name in found if name == thread), None)
    if one is None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), directory)
    return f"{directory}/{one}/info"


def parse_journal(info: str) -> int:
    """The transactions that a journal has committed. Raises OSError(ENODATA) for other texts."""
    found = re.match(r"(\d+) transactions ", info)
    if found is None:
        raise OSError(errno.ENODATA, "jbd2 shows no number of transactions")
    return int(found[1])


def parse_xfs(stats: str) -> XfsStatistics:
    """The text of /sys/fs/xfs/DEVICE/stats/stats. Raises OSError(ENODATA) for other texts."""
    rows = {line.split()[0]: line.split()[1:] for line in stats.splitlines() if line.strip()}
    try:
        synchronous, asynchronous, empty = map(int, rows["trans"][:3])
        extents = int(rows["extent_alloc"][0])
    except (KeyError, IndexError, ValueError):
        raise OSError(errno.ENODATA, "xfs shows no number of transactions") from None
    return XfsStatistics(synchronous, asynchronous, empty, extents)


def xfs_file(device: str, root: str = "/") -> str:
    """The statistics file of an xfs."""
    return under(root, f"sys/fs/xfs/{in_sys(device)}/stats/stats")


def parse_btrfs_commits(stats: str) -> int:
    """The commits in the text of /sys/fs/btrfs/UUID/commit_stats. Raises OSError(ENODATA)."""
    for line in stats.splitlines():
        name, _, value = line.partition(" ")
        if name == "commits" and value.isdecimal():
            return int(value)
    raise OSError(errno.ENODATA, "btrfs shows no number of commits")
