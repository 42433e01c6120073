"""What the driver of ext4, which drives ext3 and mostly ext2 too, says of a mounted filesystem."""

import os

from swapctl.linux import sysblock
from swapctl.linux.files import under

_NO_JOURNAL = "<none>"


def journal(number: str, fstype: str, root: str = "/") -> bool:
    """Does the filesystem on the device ("8:1") have a journal? The older driver of ext2 knows
    none. Raises OSError where sysfs does not tell.

    Source: /sys/fs/ext4/DEVICE/journal_task, the process that commits; fs/ext4/sysfs.c.
    """
    name = os.path.basename(sysblock.entry(number, root).directory)
    directory = under(root, f"sys/fs/ext4/{name}")
    if fstype == "ext2" and not os.path.isdir(directory):
        return False
    return sysblock.text(f"{directory}/journal_task") != _NO_JOURNAL
