"""The server of a network filesystem and the way to it."""

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

from swapctl.facts import Mount, Unknown
from swapctl.filesystems import NFS
from swapctl.gather import network_path
from swapctl.gather.reading import attempt
from swapctl.linux import config, interfaces, namespaces, nfs
from swapctl.linux.files import read_text
from swapctl.network_facts import NetworkFacts, NetworkPath, NfsMount

T = TypeVar("T")
R = TypeVar("R")

_SYMBOL = " rpc_clnt_swap_activate\t"
# With a port or not.
_BRACKETED = re.compile(r"\[(.*)\](?::[0-9]+)?")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+")
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


def _nfs(mount: Mount, terms: nfs.Terms, hole: int | Unknown | None) -> NfsMount:
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
        first_hole=hole if terms.version == "4.2" else None,
    )


def server(mount: Mount) -> str:
    """The server as the mount names it; the path behind it may contain the separator again."""
    if mount.source.startswith("//"):
        return mount.source[2:].partition("/")[0]
    return mount.source.partition(":/")[0]


def plain_addresses(mount: Mount) -> tuple[str, ...]:
    """Those that the options of cifs and ceph give. Raises OSError when there are none."""
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    given = options.get("addr") or options.get("ip") or options.get("mon_addr") or server(mount)
    found = []
    for one in re.split(r"[,/]", given):
        match = _BRACKETED.fullmatch(one) or _WITH_PORT.fullmatch(one)
        address = match.group(1) if match else one
        if numeric(address):
            found.append(address)
    if not found:
        raise OSError(None, f"the options of {mount.path} do not name an address")
    return tuple(found)


def numeric(address: str) -> bool:
    """Is it an address, and not a name or something else?"""
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def _nfs_addresses(mount: Mount, address: str) -> tuple[str, ...]:
    """Where requests go; that of a transport over a local socket is a path. Raises OSError."""
    found = nfs.addresses(mount.device, address)
    odd = [one for one in found if not one.startswith("/") and not numeric(one)]
    if odd or not found:
        what = f"{odd[0]!a} is none" if odd else "the mount names none"
        raise OSError(None, f"no address of the server: {what}")
    return found


def _way(mount: Mount, addresses: tuple[str, ...]) -> tuple[NetworkPath, ...]:
    """The ways to the server. Raises OSError when they cannot be seen from here."""
    if mount.fstype in NFS and not nfs.in_own_namespace(mount.device):
        raise OSError(None, "the filesystem was mounted from another network namespace")
    # The address of a transport over a local socket is a path.
    return network_path.paths(tuple(a for a in addresses if not a.startswith("/")))


def look(mount: Mount, hole: int | Unknown | None) -> NetworkFacts:
    """What is known of the network below a file on one of the types that filesystems.SERVED names.

    `hole` is the first one that the server reports, None also while there is no file; no version of
    NFS before 4.2 can tell. The server is not asked for anything here.
    """
    details: NfsMount | Unknown | None = None
    if mount.fstype in NFS:
        terms = attempt("mount options", lambda: nfs.terms(mount))
        details = _then("mount options", terms, lambda t: _nfs(mount, t, hole))
        addresses = _then("server address", terms, lambda t: _nfs_addresses(mount, t.address))
    else:
        addresses = attempt("server address", lambda: plain_addresses(mount))
    return NetworkFacts(
        server=server(mount),
        addresses=addresses,
        nfs=details,
        paths=_then("network path", addresses, lambda to: _way(mount, to)),
        namespaces=_then("network namespaces", addresses, namespaces.holding),
        queues=attempt("netfilter queues", interfaces.queues),
        initial_namespace=attempt("network namespace", namespaces.is_initial),
    )
