"""What the calling process may do: capabilities(7), user_namespaces(7)."""

import errno
import os
import time

from swapctl.facts import Caller
from swapctl.linux.files import read_text, under

CAP_SYS_ADMIN = 21
_START_TIME = 19  # proc_pid_stat(5), starttime, counted behind the name
_WHOLE_RANGE = ["0", "0", "4294967295"]


def capabilities(status_text: str) -> int:
    """The effective capability set, bit by bit, from the text of /proc/PID/status.

    Raises OSError(ENODATA) when the text has no such line.
    """
    for line in status_text.split("\n"):
        if line.startswith("CapEff:"):
            return int(line.removeprefix("CapEff:"), 16)
    raise OSError(errno.ENODATA, "/proc/self/status has no CapEff")


def in_initial_namespace(uid_map: str) -> bool:
    """Whether /proc/PID/uid_map maps all ids to themselves, as in the first user namespace."""
    return [line.split() for line in uid_map.strip().split("\n")] == [_WHOLE_RANGE]


def caller(root: str = "/") -> Caller:
    """Who asks. Raises OSError of open(2) and read(2).

    A kernel built without user namespaces has no uid_map: there the first one is the only one.
    """
    effective = capabilities(read_text(under(root, "proc/self/status")))
    try:
        initial = in_initial_namespace(read_text(under(root, "proc/self/uid_map")))
    except FileNotFoundError:
        initial = True
    return Caller(os.geteuid(), bool(effective >> CAP_SYS_ADMIN & 1), initial)


def parse_character_drivers(text: str) -> frozenset[int]:
    """The major numbers under "Character devices:" of /proc/devices (proc_devices(5))."""
    section = text.partition("Character devices:")[2].partition("Block devices:")[0]
    fields = (line.split() for line in section.splitlines())
    return frozenset(int(f[0]) for f in fields if len(f) == 2 and f[0].isdecimal())


def character_drivers(root: str = "/") -> frozenset[int]:
    """The major numbers of character devices that have a driver. Raises OSError."""
    return parse_character_drivers(read_text(under(root, "proc/devices")))


def age(root: str = "/") -> float:
    """Seconds since this process was forked, whatever it has loaded or become since. Raises
    OSError."""
    # The name of the program stands in brackets and can contain everything.
    fields = read_text(under(root, "proc/self/stat")).rpartition(")")[2].split()
    started = int(fields[_START_TIME]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
