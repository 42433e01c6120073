"""What the NFS client tells of its mounts: mountinfo's options, /proc/self/mountstats, sysfs.

The transports and the layout driver of mountstats are those in use, whatever was asked for
(fs/nfs/super.c, nfs_show_stats(); net/sunrpc/xprtsock.c, xs_*_print_stats()).
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from swapctl.facts import Mount
from swapctl.linux.files import read_text, under
from swapctl.linux.mounts import unescape

_ALWAYS = ("vers", "proto", "sec")
_NO_LAYOUT = ("not configured", "")


class Terms(NamedTuple):
    """The mount options that matter, in the words of nfs(5); `address` is "" for a local socket."""

    version: str
    recovery: str
    softreval: bool
    proto: str
    security: str
    transport_security: str
    connections: int
    address: str


class Statistics(NamedTuple):
    """One filesystem of /proc/self/mountstats: a transport for each connection, the layout driver
    that is in use (None without pNFS)."""

    path: str
    transports: tuple[str, ...]
    layout: str | None


def _values(options: Iterable[str]) -> dict[str, str]:
    return dict(option.partition("=")[::2] for option in options)


def terms(mount: Mount) -> Terms:
    """What the options of an NFS mount say; the kernel shows the effective ones.

    Raises OSError when they do not have the documented form.
    """
    values = _values(mount.super_options)
    missing = [name for name in _ALWAYS if not values.get(name)]
    if missing:
        raise OSError(None, f"the options of {mount.path} lack {missing[0]}=")
    connections = values.get("nconnect", "1")
    if not connections.isdecimal():
        raise OSError(None, f"nconnect={connections}")
    soft = [word for word in ("softerr", "soft") if word in values]
    return Terms(
        version=values["vers"],
        recovery=soft[0] if soft else "hard",
        softreval="softreval" in values,
        proto=values["proto"],
        security=values["sec"],
        transport_security=values.get("xprtsec", "none"),
        connections=int(connections),
        address=values.get("addr", ""),
    )


def _blocks(text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.split("\n"):
        if line.startswith(("device ", "no device ")):
            if block:
                yield block
            block = []
        block.append(line)
    if block:
        yield block


def _layout(lines: Iterable[str]) -> str | None:
    for line in lines:
        if line.startswith("\tnfsv4:"):
            # No option but this one has a blank in its value.
            _, found, rest = line.partition("pnfs=")
            name = rest.partition(",")[0]
            return name if found and name not in _NO_LAYOUT else None
    return None


def parse_mountstats(text: str) -> list[Statistics]:
    """The NFS filesystems in the kernel's order; others have no statistics."""
    found = []
    for block in _blocks(text):
        words = block[0].split(" ")
        # device SOURCE mounted on PATH with fstype nfs4 statvers=1.1
        if len(words) < 8 or words[7] not in ("nfs", "nfs4"):
            continue
        transports = [line.split() for line in block if line.startswith("\txprt:")]
        carried = tuple(one[1] for one in transports if len(one) > 1)
        found.append(Statistics(unescape(words[4]), carried, _layout(block)))
    return found


def statistics(path: str, root: str = "/") -> Statistics:
    """Those of the filesystem mounted at `path`. Raises OSError, also when it is not listed."""
    listed = parse_mountstats(read_text(under(root, "proc/self/mountstats")))
    # Of several at one path the last hides the others.
    at_path = [one for one in listed if one.path == path]
    if not at_path:
        raise OSError(None, f"/proc/self/mountstats does not list {path}")
    return at_path[-1]


def in_own_namespace(device: str, root: str = "/") -> bool:
    """Does the filesystem use the network of this process? `device` is mountinfo's "0:53".

    /proc/fs/nfsfs lists the volumes of the reader's network namespace (fs/nfs/client.c). Raises
    OSError when it cannot be read.
    """
    lines = read_text(under(root, "proc/fs/nfsfs/volumes")).split("\n")
    return any(device in line.split() for line in lines[1:])


def _text(path: str) -> str:
    # sysfs files of sunrpc end in a zero byte behind the line.
    return read_text(path).strip("\0\n ")


def _destinations(switch: str) -> list[str]:
    names = sorted(name for name in os.listdir(switch) if name.startswith("xprt-"))
    return [address for name in names if (address := _text(f"{switch}/{name}/dstaddr"))]


def addresses(device: str, address: str, root: str = "/") -> tuple[str, ...]:
    """Where the requests of a filesystem go, each address once.

    The kernel links a filesystem to its RPC client in /sys/fs/nfs since 6.5 ("NFS: add sysfs links
    to sunrpc clients for nfs_clients"); without that, the transports that share one with the
    mount's own `address` are taken. Raises OSError when sysfs cannot be read.
    """
    own = under(root, f"sys/fs/nfs/{device}/nfs_client/switch")
    found = [address] if address else []
    try:
        found += _destinations(own)
    except FileNotFoundError:
        switches = under(root, "sys/kernel/sunrpc/xprt-switches")
        for name in sorted(os.listdir(switches)):
            destinations = _destinations(f"{switches}/{name}")
            if address in destinations:
                found += destinations
    return tuple(dict.fromkeys(found))


def localio(device: str, root: str = "/") -> bool:
    """Does the client bypass the network because the server is this kernel (LOCALIO)?

    The parameter of the module is there where it was built in, the attribute of the filesystem
    since "NFS: add localio to sysfs". Raises OSError where only the first is there.
    """
    try:
        enabled = _text(under(root, "sys/module/nfs/parameters/localio_enabled"))
    except FileNotFoundError:
        return False
    return enabled != "N" and _text(under(root, f"sys/fs/nfs/{device}/localio")) == "1"
