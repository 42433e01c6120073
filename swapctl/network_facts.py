"""The vocabulary of filesystems on a server: the mount's own terms, and the way to the server.

Immutable records like those of facts.py, of which they are a part: Snapshot.network. Addresses are
text as inet_ntop(3) writes it, an IPv6 link-local one with its interface ("fe80::1%eth0"), or with
that one's number.
"""

from typing import NamedTuple

from swapctl.unknown import Unknown


class NfsMount(NamedTuple):
    """How an NFS filesystem is mounted; the words are those of nfs(5).

    `recovery` is hard, soft or softerr, `proto` the transport of the mount options and `transports`
    those that carry requests, one for each connection. `layout` is the pNFS layout driver, None
    where the server offers none. `localio` says that the client writes to the server's files by
    itself, without a request. `first_hole` is the first offset below the file's size at which
    SEEK_HOLE reports a hole: only what it finds proves anything, None does not prove that there is
    none; it is asked on NFS 4.2 alone.
    """

    version: str
    recovery: str
    softreval: bool
    proto: str
    security: str
    transport_security: str
    connections: int
    transports: tuple[str, ...] | Unknown
    layout: str | Unknown | None
    localio: bool | Unknown
    swap_supported: bool | Unknown
    first_hole: int | Unknown | None


class Link(NamedTuple):
    """A network interface on the way; `depth` is 0 for the one that the route names,
    `number` the kernel's index of it.

    `kind` is the driver's name for a virtual one ("vlan"), "" for hardware. `state` is the
    operational state ("up", "down", "unknown", ...). `carrier` is None where the driver has none.
    `below` are the names of the interfaces that carry this one. `elsewhere` says that its other end
    lies in another network namespace. `owners` are the processes that hold a tun or tap device
    open, "openvpn (1234)". `remotes` are the far ends of a tunnel, as addresses.
    """

    depth: int
    number: int
    name: str
    kind: str
    enabled: bool
    state: str
    carrier: bool | None
    below: tuple[str, ...]
    elsewhere: bool
    wireless: bool
    owners: tuple[str, ...] | Unknown
    remotes: tuple[str, ...] | Unknown


class NetworkPath(NamedTuple):
    """The way of packets to one address, as the kernel routes them now.

    `tunnel` is the interface whose outer packets go this way, None on the way to the server itself.
    `route` is the type of the route ("unicast", "local", "unreachable", ...), `errno` why there is
    none. `lease` is how many seconds the source address is still valid for, None for ever.
    `policies` are the IPsec policies that the packets match.
    """

    address: str
    tunnel: str | None
    route: str
    errno: str | None
    gateway: str | None
    source: str | None
    lease: int | None
    links: tuple[Link, ...]
    policies: tuple[str, ...] | Unknown


class NetworkFacts(NamedTuple):
    """All about the server of a network filesystem. `addresses` are those that requests go to.

    `namespaces` are the other network namespaces of this machine that have one of these addresses.
    `queues` are the numbers of the netfilter queues that processes read packets from.
    """

    server: str
    addresses: tuple[str, ...] | Unknown
    nfs: NfsMount | Unknown | None
    paths: tuple[NetworkPath, ...] | Unknown
    namespaces: tuple[str, ...] | Unknown
    queues: tuple[int, ...] | Unknown
    initial_namespace: bool | Unknown
