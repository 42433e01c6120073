"""The server of a network filesystem and the way to it."""

import errno
import os
import re
from collections.abc import Callable
from typing import TypeVar

from swapctl.facts import File, Mount, Unknown
from swapctl.gather import network_path
from swapctl.gather.reading import attempt
from swapctl.linux import config, interfaces, namespaces, nfs
from swapctl.linux.files import read_text
from swapctl.network_facts import NetworkFacts, NetworkPath, NfsMount

T = TypeVar("T")
R = TypeVar("R")

NFS = ("nfs", "nfs4")
_SYMBOL = " rpc_clnt_swap_activate\t"
_OPTION = "CONFIG_SUNRPC_SWAP"


def _then(what: str, fact: T | Unknown, read: Callable[[T], R]) -> R | Unknown:
    """A fact that needs another one."""
    return fact if isinstance(fact, Unknown) else attempt(what, lambda: read(fact))


def _swap_supported() -> bool:
    """Was the kernel built to swap over NFS? Its configuration tells, else the list of symbols:
    without the option there is no function of that name but an inline one."""
    release = os.uname().release
    try:
        return config.read(release).get(_OPTION) == "y"
    except FileNotFoundError:
        text = read_text("/proc/kallsyms")
        if " rpc_create\t" not in text:
            raise
        return _SYMBOL in text


def _first_hole(reader: int, size: int) -> int | None:
    """The first hole that the server reports inside the file."""
    try:
        hole = os.lseek(reader, 0, os.SEEK_HOLE)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EINVAL, errno.EOPNOTSUPP):
            return None
        raise
    return hole if hole < size else None


def _nfs(
    mount: Mount, terms: nfs.Terms, reader: int | Unknown | None, file: File | None
) -> NfsMount:
    statistics = attempt("mount statistics", lambda: nfs.statistics(mount.path))
    return NfsMount(
        version=terms.version,
        recovery=terms.recovery,
        softreval=terms.softreval,
        proto=terms.proto,
        security=terms.security,
        transport_security=terms.transport_security,
        connections=terms.connections,
        transports=_then("transports", statistics, lambda known: known.transports),
        layout=_then("layout", statistics, lambda known: known.layout),
        localio=attempt("LOCALIO", lambda: nfs.localio(mount.device)),
        swap_supported=attempt("kernel configuration", _swap_supported),
        first_hole=_then("holes", reader, lambda fd: _first_hole(fd, file.size))
        if terms.version == "4.2" and file is not None and reader is not None
        else None,
    )


def _server(mount: Mount) -> str:
    """The server as the mount names it."""
    if mount.source.startswith("//"):
        return mount.source[2:].partition("/")[0]
    host, separator, _ = mount.source.rpartition(":/")
    return host if separator else mount.source


def _plain_addresses(mount: Mount) -> tuple[str, ...]:
    """Those that the options of cifs and ceph give. Raises OSError when there are none."""
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    given = options.get("addr") or options.get("ip") or options.get("mon_addr") or _server(mount)
    found = []
    for one in re.split(r"[,/]", given):
        bracketed = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?", one)
        numeric = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+)(?::\d+)?|([0-9a-fA-F]*:[0-9a-fA-F:.]+)", one)
        match = bracketed or numeric
        if match:
            found.append(next(group for group in match.groups() if group))
    if not found:
        raise OSError(None, f"the options of {mount.path} do not name an address")
    return tuple(found)


def _way(mount: Mount, addresses: tuple[str, ...]) -> tuple[NetworkPath, ...]:
    """The ways to the server. Raises OSError when they cannot be seen from here."""
    if mount.fstype in NFS and not nfs.in_own_namespace(mount.device):
        raise OSError(None, "the filesystem was mounted from another network namespace")
    # The address of a transport over a local socket is a path.
    return network_path.paths(tuple(a for a in addresses if not a.startswith("/")))


def look(mount: Mount, reader: int | Unknown | None, file: File | None) -> NetworkFacts:
    """What is known of the network below a file on one of the types that filesystems.SERVED names.

    `reader` is a descriptor of the file, open for reading. Both are None while there is no file.
    """
    details: NfsMount | Unknown | None = None
    if mount.fstype in NFS:
        terms = attempt("mount options", lambda: nfs.terms(mount))
        details = _then("mount options", terms, lambda t: _nfs(mount, t, reader, file))
        addresses = _then("server address", terms, lambda t: nfs.addresses(mount.device, t.address))
    else:
        addresses = attempt("server address", lambda: _plain_addresses(mount))
    return NetworkFacts(
        server=_server(mount),
        addresses=addresses,
        nfs=details,
        paths=_then("network path", addresses, lambda to: _way(mount, to)),
        namespaces=_then("network namespaces", addresses, namespaces.holding),
        queues=attempt("netfilter queues", interfaces.queues),
        initial_namespace=attempt("network namespace", namespaces.is_initial),
    )
