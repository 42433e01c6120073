"""Network interfaces as /proc and /sys show them: what rtnetlink does not tell."""

import os

from swapctl.linux.files import read_text, under

_TUN = "/dev/net/tun"
_RADIO = ("DEVTYPE=wlan", "DEVTYPE=wwan")


def _tun_name(fdinfo: str) -> str | None:
    for line in fdinfo.split("\n"):
        if line.startswith("iff:"):
            return line[4:].strip()
    return None


def _holds(process: str, name: str) -> bool:
    for fd in os.listdir(f"{process}/fd"):
        try:
            if os.readlink(f"{process}/fd/{fd}") == _TUN and name == _tun_name(
                read_text(f"{process}/fdinfo/{fd}")
            ):
                return True
        except FileNotFoundError:
            continue
    return False


def tun_owners(name: str, root: str = "/") -> tuple[str, ...]:
    """The processes that have the tun or tap device open, as "openvpn (1234)".

    fdinfo of an open /dev/net/tun names the device (drivers/net/tun.c). Raises PermissionError when
    a process cannot be looked into and none was found.
    """
    found = []
    denied: OSError | None = None
    for pid in os.listdir(under(root, "proc")):
        if not pid.isdecimal():
            continue
        process = under(root, f"proc/{pid}")
        try:
            if _holds(process, name):
                command = read_text(f"{process}/comm").removesuffix("\n")
                found.append(f"{command} ({pid})")
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError as error:
            # One that is just ending answers so too.
            if os.path.exists(process):
                denied = error
    if denied and not found:
        raise denied
    return tuple(found)


def wireless(name: str, root: str = "/") -> bool:
    """Is it a radio: Wi-Fi or mobile broadband?"""
    directory = under(root, f"sys/class/net/{name}")
    if os.path.exists(f"{directory}/phy80211"):
        return True
    try:
        lines = read_text(f"{directory}/uevent").split("\n")
    except FileNotFoundError:
        return False
    return any(line in _RADIO for line in lines)


def queues(root: str = "/") -> tuple[int, ...]:
    """The netfilter queues that some process reads packets from, by number.

    The file has one line for each bound queue (net/netfilter/nfnetlink_queue.c) and is missing
    where the kernel cannot queue or has not loaded the code for it. Raises OSError.
    """
    try:
        text = read_text(under(root, "proc/net/netfilter/nfnetlink_queue"))
    except FileNotFoundError:
        # An unreadable directory must not look like an absent file.
        os.listdir(under(root, "proc/net"))
        return ()
    return tuple(int(line.split()[0]) for line in text.split("\n") if line.strip())
