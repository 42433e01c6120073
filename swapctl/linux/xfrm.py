"""IPsec policies (XFRM), read with one netlink dump; pyroute2 has no records for them.

The layouts are those of include/uapi/linux/xfrm.h; numbers in netlink are in the machine's order.
"""

import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_NETLINK_XFRM = 6
_GETPOLICY = 0x15
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
# xfrm_selector: addresses, ports with masks, family, prefix lengths, protocol, interface, user.
_SELECTOR = struct.Struct("=16s16s8xHBBB3xiI")
_DIRECTION = 56 + 64 + 32 + 8  # behind the selector, the lifetimes, priority and index
_POLICY = 168
_OUT, _ALLOW = 1, 0
_TEMPLATES = 5  # XFRMA_TMPL
_BUFFER = 1 << 18
Network = IPv4Network | IPv6Network


class Policy(NamedTuple):
    """One that has outgoing packets transformed: from where, to where, of which protocol (0: any),
    on which interface (0: any)."""

    source: Network
    destination: Network
    protocol: int
    interface: int


def _network(raw: bytes, length: int, family: int) -> Network:
    size = 4 if family == socket.AF_INET else 16
    return ip_network((raw[:size], length), strict=False)


def _attributes(body: bytes) -> Iterator[int]:
    position = _POLICY
    while position + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, position)
        if length < 4:
            return
        yield kind
        position += (length + 3) & ~3


def parse_policy(body: bytes) -> Policy | None:
    """A struct xfrm_userpolicy_info with attributes; None when it transforms nothing sent."""
    if len(body) < _POLICY:
        return None
    direction, action = body[_DIRECTION], body[_DIRECTION + 1]
    if direction != _OUT or action != _ALLOW or _TEMPLATES not in _attributes(body):
        return None
    to, since, family, to_length, since_length, protocol, interface, _ = _SELECTOR.unpack_from(body)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return Policy(
        _network(since, since_length, family),
        _network(to, to_length, family),
        protocol,
        interface,
    )


def _messages(packet: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _HEADER.size <= len(packet):
        length, kind, *_ = _HEADER.unpack_from(packet, position)
        if length < _HEADER.size:
            return
        yield kind, packet[position + _HEADER.size : position + length]
        position += (length + 3) & ~3


def policies() -> list[Policy]:
    """Those of the own network namespace. Raises OSError: EPERM without CAP_NET_ADMIN,
    EPROTONOSUPPORT on a kernel without IPsec's netlink interface."""
    found: list[Policy] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_XFRM) as link:
        body = bytes(64)
        link.send(_HEADER.pack(_HEADER.size + len(body), _GETPOLICY, _REQUEST_DUMP, 1, 0) + body)
        while True:
            for kind, content in _messages(link.recv(_BUFFER)):
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", content)[0]
                    raise OSError(number, os.strerror(number))
                policy = parse_policy(content)
                if policy is not None:
                    found.append(policy)


def matching(known: list[Policy], source: str | None, destination: str) -> tuple[str, ...]:
    """The policies that packets between two addresses match, as text; ports are not looked at."""
    to = ip_address(destination.partition("%")[0])
    since = ip_address(source) if source else None
    return tuple(
        f"{policy.source} -> {policy.destination}"
        for policy in known
        if policy.destination.version == to.version
        and to in policy.destination
        and (since is None or since in policy.source)
        and policy.protocol in (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP)
    )
