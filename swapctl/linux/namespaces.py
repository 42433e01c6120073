"""The network namespaces of this machine, and the addresses that are local in them."""

import ctypes
import os
import threading
from collections.abc import Callable

from swapctl.linux.files import read_text, under

_CLONE_NEWNET = 0x40000000
_NAMED = "/run/netns"


def _number(path: str) -> int:
    return os.stat(path).st_ino


def is_initial() -> bool:
    """Is the own network namespace that of process 1? Raises OSError when that cannot be told."""
    return _number("/proc/self/ns/net") == _number("/proc/1/ns/net")


def others(root: str = "/") -> dict[str, str]:
    """A name for each other namespace: of a process in it, "sshd (123)", or its name in
    /run/netns; with the path to enter it by. Namespaces that cannot be looked at are left out."""
    found: dict[int, tuple[str, str]] = {}
    own = _number("/proc/self/ns/net")
    names = sorted(os.listdir(_NAMED)) if os.path.isdir(_NAMED) else []
    candidates = [(name, f"{_NAMED}/{name}") for name in names]
    for pid in os.listdir(under(root, "proc")):
        if pid.isdecimal():
            candidates.append((pid, f"/proc/{pid}/ns/net"))
    for name, path in candidates:
        try:
            number = _number(path)
        except OSError:
            continue
        if number != own and number not in found:
            if name.isdecimal() and path.startswith("/proc"):
                try:
                    name = f"{read_text(f'/proc/{name}/comm').strip()} ({name})"
                except OSError:
                    continue
            found[number] = (name, path)
    return dict(found.values())


def parse_fib_trie(text: str) -> set[str]:
    """The local IPv4 addresses of a /proc/net/fib_trie."""
    found = set()
    address = ""
    for line in text.split("\n"):
        words = line.split()
        if len(words) == 2 and words[0] == "|--":
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.add(address)
    return found


def parse_if_inet6(text: str) -> set[str]:
    """The IPv6 addresses of a /proc/net/if_inet6, without those that every link has of its own."""
    from ipaddress import IPv6Address

    addresses = (IPv6Address(int(line.split()[0], 16)) for line in text.split("\n") if line)
    return {str(one) for one in addresses if not one.is_link_local and not one.is_loopback}


def _local_here() -> set[str]:
    found = set()
    for name, parse in (("fib_trie", parse_fib_trie), ("if_inet6", parse_if_inet6)):
        try:
            found |= parse(read_text(f"/proc/thread-self/net/{name}"))
        except FileNotFoundError:
            continue
    return found


def _within(path: str, look: Callable[[], set[str]]) -> set[str]:
    """What `look` finds in the namespace: in a thread, which alone changes over and then ends."""
    found: list[set[str]] = []
    failed: list[OSError] = []

    def run() -> None:
        fd = -1
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
            found.append(look())
        except OSError as error:
            failed.append(error)
        finally:
            if fd >= 0:
                os.close(fd)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def holding(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The other namespaces in which one of the addresses is local, by name. Loopback addresses are
    in every one and do not count. Raises PermissionError without CAP_SYS_ADMIN."""
    wanted = {a for a in addresses if not a.startswith("127.") and a != "::1"}
    if not wanted:
        return ()
    found = []
    for name, path in others().items():
        try:
            if wanted & _within(path, _local_here):
                found.append(name)
        except FileNotFoundError:
            continue  # its last process ended
        except PermissionError:
            # A process that is just ending answers so too.
            if os.path.lexists(path):
                raise
    return tuple(found)
