"""The SELinux type of a swapfile, where SELinux is in use (mkswap(8) sets the same)."""

import os

from swapctl.errors import errno_name

XATTR = "security.selinux"
SWAPFILE_TYPE = "swapfile_t"


def swapfile_context(context: str) -> str | None:
    """The context with the type of swapfiles; None when it has it or is no context."""
    fields = context.rstrip("\0").split(":")
    if len(fields) < 3 or fields[2] == SWAPFILE_TYPE:
        return None
    return ":".join([*fields[:2], SWAPFILE_TYPE, *fields[3:]])


def label_swapfile(fd: int) -> None:
    """Give the open file the swapfile type; nothing where the kernel keeps no contexts.

    Raises OSError when the policy does not allow it.
    """
    try:
        context = os.fsdecode(os.getxattr(fd, XATTR))
    except OSError as error:
        if errno_name(error.errno) in ("ENODATA", "EOPNOTSUPP"):
            return
        raise
    wanted = swapfile_context(context)
    if wanted is not None:
        os.setxattr(fd, XATTR, os.fsencode(f"{wanted}\0"))
