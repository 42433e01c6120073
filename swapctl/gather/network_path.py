"""From an address to everything that its packets pass on this machine."""

import errno
from ipaddress import ip_address

from swapctl.errors import errno_name
from swapctl.gather.reading import attempt
from swapctl.linux import interfaces, network, xfrm
from swapctl.linux.network import Interface, Tables
from swapctl.network_facts import Link, NetworkPath
from swapctl.unknown import Unknown

_PORTED = ("bridge", "bond", "team", "openvswitch")
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.EACCES)
_MOST_PATHS = 16
# Interfaces whose packets are put into others that are routed anew.
TUNNELS = {
    *("vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan"),
    *("ipip", "sit", "ip6tnl", "vti", "vti6", "gtp", "bareudp", "amt", "l2tp", "wireguard"),
}
_BY_NEIGHBOUR = ("vxlan",)


def _hardware_of(tables: Tables, number: int, address: str) -> str:
    """The hardware address of the next hop, "" when it is not known."""
    for one in tables.neighbours:
        if one.number == number and one.address == address:
            return one.hardware
    return ""


def _ports(tables: Tables, of: Interface, hardware: str, entered: int | None) -> list[Interface]:
    """The ports of a bridge or bond that packets can leave by: the one behind which the hardware
    address was seen, else all but the one they came in by."""
    ports = [one for one in tables.interfaces.values() if one.master == of.number]
    seen = {one.number for one in tables.forwarding if hardware and one.hardware == hardware}
    known = [port for port in ports if port.number in seen] if of.kind == "bridge" else []
    return [port for port in known or ports if port.number != entered]


def _below(
    tables: Tables, one: Interface, hardware: str, entered: int | None
) -> list[tuple[Interface, int | None]]:
    """What carries the packets of an interface, each with the port through which they come in."""
    if one.kind in _PORTED:
        return [(port, None) for port in _ports(tables, one, hardware, entered)]
    lower = tables.interfaces.get(one.lower or 0) if one.namespace is None else None
    if lower is None or one.kind in TUNNELS:
        return []
    if one.kind == "veth":
        # The other end hands them on to the bridge that it is a port of, or to the own IP layer.
        master = tables.interfaces.get(lower.master or 0)
        return [(master, lower.number)] if master else []
    return [(lower, None)]


def _remotes(
    tables: Tables, one: Interface, hardware: str, address: str
) -> tuple[str, ...] | Unknown:
    if one.kind not in TUNNELS:
        return ()
    if one.namespace is not None:
        return Unknown("outer path", f"{one.name} sends from another network namespace")
    if one.kind == "wireguard":
        return attempt(
            "WireGuard peers",
            lambda: network.wireguard_peers(one.name, address.partition("%")[0]),
        )
    learned = [
        n.address
        for n in tables.forwarding
        if one.kind in _BY_NEIGHBOUR and n.number == one.number and n.address
        if n.hardware in (hardware, "00:00:00:00:00:00")
    ]
    return tuple(dict.fromkeys([*learned, *one.remotes]))


def links(tables: Tables, start: int, address: str, next_hop: str) -> tuple[Link, ...]:
    """The interface that a route names and everything under it, depth first."""
    hardware = _hardware_of(tables, start, next_hop)
    found: list[Link] = []
    seen: set[int] = set()

    def visit(one: Interface, entered: int | None, depth: int) -> None:
        if one.number in seen:
            return
        seen.add(one.number)
        below = _below(tables, one, hardware, entered)
        found.append(
            Link(
                depth=depth,
                number=one.number,
                name=one.name,
                kind=one.kind,
                enabled=one.enabled,
                state=one.state,
                carrier=one.carrier,
                below=tuple(lower.name for lower, _ in below),
                elsewhere=one.namespace is not None,
                wireless=interfaces.wireless(one.name),
                owners=attempt("owner of the device", lambda: interfaces.tun_owners(one.name))
                if one.kind == "tun"
                else (),
                remotes=_remotes(tables, one, hardware, address),
            )
        )
        for lower, through in below:
            visit(lower, through, depth + 1)

    if start in tables.interfaces:
        visit(tables.interfaces[start], None, 0)
    return tuple(found)


def _lost(address: str, tunnel: str | None, route: str, error: OSError) -> NetworkPath:
    name = errno_name(error.errno or 0)
    return NetworkPath(address, tunnel, route, name, None, None, None, (), ())


def path(
    tables: Tables, policies: list[xfrm.Policy] | Unknown, address: str, tunnel: str | None
) -> NetworkPath:
    """The way to one address. Raises OSError when the kernel cannot be asked."""
    plain, zoned, zone = address.partition("%")
    # People write the interface's name, the kernel its number (rpc_ntop6(), net/sunrpc/addr.c).
    numbers = [i.number for i in tables.interfaces.values() if zone in (i.name, str(i.number))]
    scope = numbers[0] if numbers else None
    if zoned and scope is None:
        # Without it the kernel would take any interface.
        return _lost(address, tunnel, "none", OSError(errno.ENODEV, zone))
    try:
        route = network.route_to(plain, scope)
    except OSError as error:
        if error.errno not in _NO_ROUTE:
            raise
        return _lost(address, tunnel, "none", error)
    here = route.interface or 0
    return NetworkPath(
        address=address,
        tunnel=tunnel,
        route=route.type,
        errno=None,
        gateway=route.gateway,
        source=route.source,
        lease=tables.lifetimes.get(route.source or ""),
        links=links(tables, here, plain, route.gateway or plain),
        policies=policies
        if isinstance(policies, Unknown)
        else xfrm.matching(policies, route.source, address),
    )


def _unicast(address: str) -> bool:
    try:
        return not ip_address(address).is_multicast
    except ValueError:
        return False


def paths(addresses: tuple[str, ...]) -> tuple[NetworkPath, ...]:
    """The ways to all addresses, and after each tunnel the way of its outer packets.

    Raises OSError when the kernel cannot be asked.
    """
    tables = network.tables()
    policies = attempt("IPsec policies", xfrm.policies)
    found: list[NetworkPath] = []
    waiting: list[tuple[str, str | None]] = [(address, None) for address in addresses]
    asked: set[str] = set()
    while waiting and len(found) < _MOST_PATHS:
        address, tunnel = waiting.pop(0)
        if address in asked:
            continue
        asked.add(address)
        one = path(tables, policies, address, tunnel)
        found.append(one)
        for link in one.links:
            remotes = () if isinstance(link.remotes, Unknown) else link.remotes
            waiting += [(remote, link.name) for remote in remotes if _unicast(remote)]
    return tuple(found)
