"""Interfaces, addresses and routes of the own network namespace, by rtnetlink.

This is the only module that uses pyroute2, which takes a quarter of a second to load, so it is
imported inside functions. What it returns is converted here; its errors become OSError.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

_UP = 1  # IFF_UP
_FOREVER = 0xFFFFFFFF
_BRIDGE = 7  # AF_BRIDGE
# Interfaces that their driver does not name: the hardware type tells (linux/if_arp.h).
_TYPES = {512: "ppp", 256: "slip", 257: "slip", 258: "slip", 259: "slip"}
_ROUTES = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
_REMOTES = ("_REMOTE", "_REMOTE6", "_GROUP", "_GROUP6")


class Interface(NamedTuple):
    """One interface; the number is its index. `lower` is the number of the one below, or of a
    veth's other end; `namespace` the kernel's number for the namespace that it lies in, None for
    the own one. `master` is the bridge, bond or other device that this one is a port of. `remotes`
    are a tunnel's far ends."""

    number: int
    name: str
    kind: str
    enabled: bool
    state: str
    carrier: bool | None
    hardware: str
    lower: int | None
    namespace: int | None
    master: int | None
    remotes: tuple[str, ...]


class Neighbour(NamedTuple):
    """A line of the neighbour table, or of a bridge's or VXLAN's forwarding table: behind which
    interface a hardware address was seen, and at which address (the outer one for VXLAN)."""

    number: int
    hardware: str
    address: str | None


class Tables(NamedTuple):
    """The interfaces by number, how long the own addresses are valid (seconds, None for ever), the
    neighbours, and what bridges and VXLANs have learned."""

    interfaces: dict[int, Interface]
    lifetimes: dict[str, int | None]
    neighbours: tuple[Neighbour, ...]
    forwarding: tuple[Neighbour, ...]


class Route(NamedTuple):
    """Where packets to an address go; `interface` is a number."""

    type: str
    interface: int | None
    gateway: str | None
    source: str | None


@contextmanager
def _errors() -> Iterator[None]:
    """Errors of netlink as OSError; so is a pyroute2 that is not installed."""
    try:
        from pyroute2.netlink.exceptions import NetlinkError
    except ImportError as error:
        raise OSError(None, f"pyroute2 cannot be loaded: {error}") from None
    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None


def _info(message: Any) -> tuple[str, tuple[str, ...]]:
    """Kind and tunnel ends of a link message."""
    info = message.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or _TYPES.get(message["ifi_type"])
    data = info.get_attr("IFLA_INFO_DATA") if info else None
    # Data of a kind that pyroute2 does not know is a text without attributes.
    attributes = data["attrs"] if isinstance(data, dict) and "attrs" in data else ()
    ends = [str(value) for name, value in attributes if name.endswith(_REMOTES)]
    return kind or "", tuple(end for end in ends if end not in ("0.0.0.0", "::"))


def interface(message: Any) -> Interface:
    """An interface from an RTM_NEWLINK message."""
    kind, remotes = _info(message)
    carrier = message.get_attr("IFLA_CARRIER")
    return Interface(
        number=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        enabled=bool(message["flags"] & _UP),
        state=(message.get_attr("IFLA_OPERSTATE") or "unknown").lower(),
        carrier=None if carrier is None else bool(carrier),
        hardware=message.get_attr("IFLA_ADDRESS") or "",
        lower=message.get_attr("IFLA_LINK") or None,
        namespace=message.get_attr("IFLA_LINK_NETNSID"),
        master=message.get_attr("IFLA_MASTER"),
        remotes=remotes,
    )


def _neighbour(message: Any) -> Neighbour:
    return Neighbour(
        message["ifindex"], message.get_attr("NDA_LLADDR") or "", message.get_attr("NDA_DST")
    )


def _lifetime(message: Any) -> int | None:
    valid = (message.get_attr("IFA_CACHEINFO") or {}).get("ifa_valid", _FOREVER)
    # The kernel itself renews addresses that it formed from a prefix; a server gave a whole one.
    whole = message["family"] == socket.AF_INET or message["prefixlen"] == 128
    return None if valid == _FOREVER or not whole else int(valid)


def tables() -> Tables:
    """All of the own namespace at this moment. Raises OSError."""
    with _errors():
        from pyroute2 import IPRoute

        with IPRoute() as route:
            interfaces = {m["index"]: interface(m) for m in route.get_links()}
            lifetimes = {
                m.get_attr("IFA_LOCAL") or m.get_attr("IFA_ADDRESS"): _lifetime(m)
                for m in route.get_addr()
            }
            neighbours = [
                _neighbour(m)
                for family in (socket.AF_INET, socket.AF_INET6)
                for m in route.get_neighbours(family=family)
            ]
            forwarding = [_neighbour(m) for m in route.get_neighbours(family=_BRIDGE)]
    return Tables(interfaces, lifetimes, tuple(neighbours), tuple(forwarding))


def route_to(address: str, scope: int | None) -> Route:
    """How the kernel routes to an address now; `scope` is the interface of a link-local one.

    Raises OSError: ENETUNREACH and EHOSTUNREACH are the kernel's own answers, EINVAL and EACCES
    those of a blackhole and a prohibited route.
    """
    with _errors():
        from pyroute2 import IPRoute

        with IPRoute() as netlink:
            limits = {"oif": scope} if scope else {}
            message = next(iter(netlink.route("get", dst=address, **limits)))
            gateway = message.get_attr("RTA_GATEWAY")
            via = message.get_attr("RTA_VIA")
            return Route(
                type=_ROUTES.get(message["type"], str(message["type"])),
                interface=message.get_attr("RTA_OIF"),
                gateway=gateway or (via or {}).get("addr"),
                source=message.get_attr("RTA_PREFSRC"),
            )


def wireguard_peers(name: str, address: str) -> tuple[str, ...]:
    """The endpoints of the WireGuard peers that packets to `address` are sent to.

    Raises OSError: EPERM without CAP_NET_ADMIN.
    """
    from ipaddress import ip_address, ip_network

    with _errors():
        from pyroute2 import WireGuard

        with WireGuard() as wireguard:
            messages = list(wireguard.info(name))
    wanted = ip_address(address)
    found: list[tuple[int, str]] = []
    for message in messages:
        for peer in message.get_attr("WGDEVICE_A_PEERS") or ():
            endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
            for allowed in peer.get_attr("WGPEER_A_ALLOWEDIPS") or ():
                network = ip_network(allowed["addr"], strict=False)
                if endpoint and network.version == wanted.version and wanted in network:
                    found.append((network.prefixlen, endpoint["addr"]))
    # The most specific prefix decides, as in a routing table.
    longest = max((length for length, _ in found), default=0)
    return tuple(dict.fromkeys(end for length, end in found if length == longest))
