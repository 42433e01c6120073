"""The way to an address, walked in network namespaces made for it; ip(8) is the second witness."""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from swapctl.gather import network_path
from swapctl.linux import interfaces, namespaces
from swapctl.network_facts import Link, NetworkPath
from tests.conftest import kernel_lacks

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "tool ip")]

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
NAME = f"swapctl-{os.getpid()}"
OTHER = "10.9.0.2"
PATIENCE = 60


def ip(*words: str) -> str:
    """Run ip(8); a type of interface that the kernel does not have skips the test."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=120)
    if "Unknown device type" in done.stderr or "Operation not supported" in done.stderr:
        kernel_lacks(f"this: ip {' '.join(words)}")
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def shown(*words: str) -> list[dict[str, Any]]:
    """What ip(8) prints as JSON."""
    found: list[dict[str, Any]] = json.loads(ip("-j", "-d", *words))
    return found


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """A network namespace of the test's own; it ends with the test, and its interfaces with it."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    assert LIBC.unshare(CLONE_NEWNET) == 0
    try:
        ip("link", "set", "lo", "up")
        yield
    finally:
        assert LIBC.setns(home, CLONE_NEWNET) == 0
        os.close(home)


@pytest.fixture
def other() -> Iterator[str]:
    """A second one, with a name."""
    ip("netns", "add", NAME)
    try:
        yield NAME
    finally:
        ip("netns", "delete", NAME)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pair(near: str, address: str | None, far: str, far_address: str, namespace: str) -> None:
    """A veth from here into another namespace."""
    ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", namespace)
    if address:
        ip("address", "add", address, "dev", near)
    ip("link", "set", near, "up")
    ip("-n", namespace, "address", "add", far_address, "dev", far)
    ip("-n", namespace, "link", "set", far, "up")
    ip("-n", namespace, "link", "set", "lo", "up")


def settled(name: str, *states: str) -> None:
    """Wait until an interface has one of the states; carrier takes a moment."""
    deadline = time.monotonic() + PATIENCE
    while shown("link", "show", "dev", name)[0]["operstate"] not in states:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def witnesses() -> dict[str, dict[str, Any]]:
    """The interfaces as ip(8) shows them, by name."""
    return {one["ifname"]: one for one in shown("link", "show")}


def walked(address: str) -> tuple[NetworkPath, ...]:
    """The ways as they are found, compared with what ip(8) says of the same. Interfaces come up in
    the background, so only what was found while nothing changed is compared."""
    deadline = time.monotonic() + PATIENCE
    before, listed = None, witnesses()
    while before != (before := {name: one["operstate"] for name, one in listed.items()}):
        assert time.monotonic() < deadline
        found = network_path.paths((address,))
        listed = witnesses()
    for path in found:
        if path.errno is None:
            (route,) = shown("route", "get", path.address)
            assert path.gateway == route.get("gateway")
            assert path.source == route.get("prefsrc")
            assert path.route == route.get("type", "unicast")
            assert path.links[0].name == route["dev"]
        for link in path.links:
            agrees(link, listed[link.name])
    return found


def agrees(link: Link, witness: dict[str, Any]) -> None:
    assert link.number == witness["ifindex"]
    assert link.kind == witness.get("linkinfo", {}).get("info_kind", "")
    assert link.state == witness["operstate"].lower()
    assert link.enabled == ("UP" in witness["flags"])
    assert link.elsewhere == ("link_netnsid" in witness)


def outline(path: NetworkPath) -> list[tuple[int, str, str]]:
    return [(link.depth, link.name, link.kind) for link in path.links]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1"])
def test_loopback(address: str) -> None:
    (path,) = walked(address)
    assert (path.route, outline(path)) == ("local", [(0, "lo", "")])
    assert path.policies == ()


def test_an_own_public_address(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    (path,) = walked("10.9.0.1")
    assert (path.route, outline(path)) == ("local", [(0, "lo", "")])


def test_no_route() -> None:
    (path,) = walked("10.9.0.9")
    assert (path.route, path.errno, path.links) == ("none", "ENETUNREACH", ())


@pytest.mark.parametrize(
    ("kind", "errno"),
    [("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES"), ("blackhole", "EINVAL")],
)
def test_a_route_that_refuses(kind: str, errno: str) -> None:
    ip("route", "add", kind, "10.9.0.0/24")
    (path,) = network_path.paths(("10.9.0.9",))
    assert (path.route, path.errno) == ("none", errno)


def test_veth_into_another_namespace(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    settled("near", "UP")
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "near", "veth")]
    assert path.links[0].elsewhere
    assert (path.source, path.lease) == ("10.9.0.1", None)


def test_the_address_is_found_in_the_other_namespace(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("-n", other, "address", "add", "fd99::2/64", "dev", "far", "nodad")
    assert namespaces.holding((OTHER,)) == (other,)
    assert namespaces.holding(("fd99::2",)) == (other,)
    assert namespaces.holding(("10.9.0.1", "127.0.0.1", "::1")) == ()


def test_a_namespace_is_known_by_a_process_in_it(undo: ExitStack) -> None:
    script = f"ip link add x type veth peer name y; ip address add {OTHER}/24 dev x"
    script += "; ip link set x up; echo ready; exec sleep 60"
    process = undo.enter_context(
        subprocess.Popen(["unshare", "-n", "sh", "-ec", script], stdout=subprocess.PIPE)
    )
    undo.callback(process.terminate)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    (name,) = namespaces.holding((OTHER,))
    assert name.endswith(f" ({process.pid})")


def test_a_gateway(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("route", "add", "10.50.0.0/16", "via", OTHER)
    (path,) = walked("10.50.1.1")
    assert path.gateway == OTHER


def test_no_carrier(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    settled("near", "UP")
    ip("-n", other, "link", "set", "far", "down")
    settled("near", "DOWN", "LOWERLAYERDOWN")
    (path,) = walked(OTHER)
    assert path.links[0].carrier is False
    assert path.links[0].enabled


def test_a_leased_address(other: str) -> None:
    pair("near", None, "far", f"{OTHER}/24", other)
    ip("address", "add", "10.9.0.1/24", "dev", "near", "valid_lft", "600", "preferred_lft", "600")
    (path,) = walked(OTHER)
    assert path.lease is not None
    assert 500 < path.lease <= 600


def bridged(other: str) -> None:
    """A bridge with the address and two ports, both into the other namespace."""
    ip("link", "add", "switch", "type", "bridge")
    ip("address", "add", "10.9.0.1/24", "dev", "switch")
    ip("link", "set", "switch", "up")
    pair("one", None, "far1", f"{OTHER}/24", other)
    pair("two", None, "far2", "10.8.0.2/24", other)
    for port in ("one", "two"):
        ip("link", "set", port, "master", "switch")
        settled(port, "UP")


def test_a_bridge_that_has_learned_nothing(other: str) -> None:
    bridged(other)
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "switch", "bridge"), (1, "one", "veth"), (1, "two", "veth")]
    assert path.links[0].below == ("one", "two")


def test_a_bridge_that_knows_the_port(other: str) -> None:
    bridged(other)
    # Else each far end answers for the address of the other one as well.
    quiet = "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore"
    ip("netns", "exec", other, "sh", "-c", quiet)
    settled("switch", "UP")
    # Whatever is sent makes the kernel ask for the hardware address, and the bridge learn.
    deadline = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        while True:
            link.sendto(b"x", (OTHER, 9))
            (path,) = walked(OTHER)
            if len(path.links) == 2:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert outline(path) == [(0, "switch", "bridge"), (1, "one", "veth")]


def test_a_veth_into_a_bridge_of_the_same_namespace(other: str) -> None:
    bridged(other)
    ip("address", "del", "10.9.0.1/24", "dev", "switch")
    ip("link", "add", "host", "type", "veth", "peer", "name", "port")
    ip("link", "set", "port", "master", "switch", "up")
    ip("address", "add", "10.9.0.1/24", "dev", "host")
    ip("link", "set", "host", "up")
    settled("host", "UP")
    (path,) = walked(OTHER)
    names = [(depth, name) for depth, name, _ in outline(path)]
    assert names == [(0, "host"), (1, "switch"), (2, "one"), (2, "two")]


STACKED: dict[str, Callable[[], str]] = {
    "vlan": lambda: ip("link", "add", "upper", "link", "near", "type", "vlan", "id", "7"),
    "macvlan": lambda: ip("link", "add", "upper", "link", "near", "type", "macvlan"),
    "ipvlan": lambda: ip("link", "add", "upper", "link", "near", "type", "ipvlan"),
    "macsec": lambda: ip("link", "add", "upper", "link", "near", "type", "macsec"),
    "macvtap": lambda: ip("link", "add", "upper", "link", "near", "type", "macvtap"),
    "xfrm": lambda: ip("link", "add", "upper", "type", "xfrm", "dev", "near", "if_id", "7"),
}


@pytest.mark.parametrize("kind", STACKED)
def test_an_interface_on_another(other: str, kind: str) -> None:
    pair("near", None, "far", f"{OTHER}/24", other)
    STACKED[kind]()
    ip("address", "add", "10.9.0.1/24", "dev", "upper")
    ip("link", "set", "upper", "up")
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "upper", kind), (1, "near", "veth")]


@pytest.mark.parametrize("kind", ["bond", "team"])
def test_a_bond(other: str, kind: str) -> None:
    pair("one", None, "far1", f"{OTHER}/24", other)
    pair("two", None, "far2", "10.8.0.2/24", other)
    ip("link", "add", "upper", "type", kind)
    for port in ("one", "two"):
        ip("link", "set", port, "down")
        ip("link", "set", port, "master", "upper")
    ip("address", "add", "10.9.0.1/24", "dev", "upper")
    ip("link", "set", "upper", "up")
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "upper", kind), (1, "one", "veth"), (1, "two", "veth")]


def test_a_dummy_that_is_down() -> None:
    ip("link", "add", "idle", "type", "dummy")
    ip("address", "add", "10.9.0.1/24", "dev", "idle")
    (path,) = walked(OTHER)
    assert path.errno == "ENETUNREACH"
    ip("link", "set", "idle", "up")
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "idle", "dummy")]


TUNNELS = {
    "vxlan": ("id", "5", "dstport", "4789", "remote", OTHER, "local", "10.9.0.1"),
    "geneve": ("id", "5", "remote", OTHER),
    "gre": ("remote", OTHER, "local", "10.9.0.1"),
    "gretap": ("remote", OTHER, "local", "10.9.0.1"),
    "ipip": ("remote", OTHER, "local", "10.9.0.1"),
    "sit": ("remote", OTHER, "local", "10.9.0.1"),
    "vti": ("remote", OTHER, "local", "10.9.0.1", "key", "5"),
}
TUNNELS_6 = {
    "ip6tnl": ("mode", "any"),
    "ip6gre": (),
    "ip6gretap": (),
    "vti6": ("key", "5"),
}


@pytest.mark.parametrize("kind", TUNNELS)
def test_a_tunnel_and_its_outer_way(other: str, kind: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("link", "add", "tunnel", "type", kind, *TUNNELS[kind])
    ip("address", "add", "10.60.0.1/24", "dev", "tunnel")
    ip("link", "set", "tunnel", "up")
    inner, outer = walked("10.60.0.2")
    assert outline(inner) == [(0, "tunnel", kind)]
    assert inner.links[0].remotes == (OTHER,)
    assert (inner.tunnel, outer.tunnel, outer.address) == (None, "tunnel", OTHER)
    assert outline(outer) == [(0, "near", "veth")]


@pytest.mark.parametrize("kind", TUNNELS_6)
def test_a_tunnel_over_ipv6(other: str, kind: str) -> None:
    pair("near", None, "far", f"{OTHER}/24", other)
    ip("address", "add", "fd99::1/64", "dev", "near", "nodad")
    ends = ("remote", "fd99::2", "local", "fd99::1")
    ip("link", "add", "tunnel", "type", kind, *ends, *TUNNELS_6[kind])
    ip("address", "add", "10.60.0.1/24", "dev", "tunnel")
    ip("link", "set", "tunnel", "up")
    inner, outer = walked("10.60.0.2")
    assert outline(inner) == [(0, "tunnel", kind)]
    assert inner.links[0].remotes == ("fd99::2",)
    assert (outer.tunnel, outer.address, outline(outer)) == (
        "tunnel",
        "fd99::2",
        [(0, "near", "veth")],
    )


def test_tunnels_in_a_tunnel(other: str) -> None:
    """Each outer way in turn, down to what carries it."""
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("link", "add", "lower", "type", "gre", "remote", OTHER, "local", "10.9.0.1")
    ip("address", "add", "10.60.0.1/24", "dev", "lower")
    ip("link", "set", "lower", "up")
    ip("link", "add", "upper", "type", "vxlan", "id", "5", "dstport", "4789", "remote", "10.60.0.2")
    ip("address", "add", "10.61.0.1/24", "dev", "upper")
    ip("link", "set", "upper", "up")
    found = walked("10.61.0.2")
    assert [(path.address, path.tunnel) for path in found] == [
        ("10.61.0.2", None),
        ("10.60.0.2", "upper"),
        (OTHER, "lower"),
    ]
    assert outline(found[-1]) == [(0, "near", "veth")]


def link_local(name: str) -> str:
    """The address that the kernel gave the interface, once it may be used."""
    deadline = time.monotonic() + 20
    while True:
        found = shown("-6", "address", "show", "dev", name, "scope", "link")
        addresses = found[0]["addr_info"] if found else []
        # Those of another scope are left as empty objects.
        usable = [a for a in addresses if a and not a.get("tentative")]
        if usable:
            return str(usable[0]["local"])
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_link_local_address_is_on_the_interface_of_its_zone(other: str) -> None:
    """The same prefix is on every interface, so that only the zone tells which one."""
    pair("one", None, "far1", f"{OTHER}/24", other)
    pair("two", None, "far2", "10.8.0.2/24", other)
    for name in ("one", "two"):
        settled(name, "UP")
        own = link_local(name)
        for zone in (name, socket.if_nametoindex(name)):
            (path,) = network_path.paths((f"fe80::1234%{zone}",))
            assert (path.route, path.source) == ("unicast", own)
            assert outline(path) == [(0, name, "veth")]


def test_a_link_local_address_without_its_interface(other: str) -> None:
    pair("near", None, "far", f"{OTHER}/24", other)
    (path,) = network_path.paths(("fe80::1234%gone",))
    assert (path.route, path.errno, path.links) == ("none", "ENODEV", ())


def test_a_dial_up_link(undo: ExitStack) -> None:
    """PPPIOCNEWUNIT makes the interface of a link that is still to be dialled."""
    try:
        fd = os.open("/dev/ppp", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        kernel_lacks("/dev/ppp")
    undo.callback(os.close, fd)
    (number,) = struct.unpack("i", fcntl.ioctl(fd, 0xC004743E, struct.pack("i", -1)))
    ip("address", "add", "10.9.0.1", "peer", OTHER, "dev", f"ppp{number}")
    ip("link", "set", f"ppp{number}", "up")
    (path,) = network_path.paths((OTHER,))
    assert outline(path) == [(0, f"ppp{number}", "ppp")]


def test_a_radio(undo: ExitStack) -> None:
    """One that the kernel simulates; /sys shows the first namespace, where it appears."""
    loaded = subprocess.run(["modprobe", "mac80211_hwsim", "radios=1"], check=False, timeout=60)
    if loaded.returncode:
        kernel_lacks("mac80211_hwsim")
    undo.callback(subprocess.run, ["modprobe", "-r", "mac80211_hwsim"], check=True, timeout=60)
    names = [path.parent.name for path in Path("/sys/class/net").glob("*/phy80211")]
    assert names
    assert all(map(interfaces.wireless, names))
    assert not interfaces.wireless("lo")


def test_a_vxlan_with_learned_far_ends(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("link", "add", "tunnel", "type", "vxlan", "id", "5", "dstport", "4789")
    subprocess.run(
        ["bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "tunnel", "dst", OTHER],
        check=True,
        timeout=20,
    )
    ip("address", "add", "10.60.0.1/24", "dev", "tunnel")
    ip("link", "set", "tunnel", "up")
    inner, outer = walked("10.60.0.2")
    assert inner.links[0].remotes == (OTHER,)
    assert outer.tunnel == "tunnel"


def test_wireguard(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    ip("link", "add", "wg", "type", "wireguard")
    from pyroute2 import WireGuard

    peer = {
        "public_key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
        "endpoint_addr": OTHER,
        "endpoint_port": 51820,
        "allowed_ips": ["10.60.0.0/24"],
    }
    with WireGuard() as wireguard:
        wireguard.set("wg", peer=peer)
    ip("address", "add", "10.60.0.1/24", "dev", "wg")
    ip("link", "set", "wg", "up")
    inner, outer = walked("10.60.0.2")
    assert inner.links[0].remotes == (OTHER,)
    assert (outer.tunnel, outline(outer)) == ("wg", [(0, "near", "veth")])


@pytest.mark.parametrize("mode", [0x0001, 0x0002], ids=["tun", "tap"])
def test_a_tun_device_and_its_owner(undo: ExitStack, mode: int) -> None:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    undo.callback(os.close, fd)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"vpn", mode))  # TUNSETIFF
    ip("address", "add", "10.9.0.1/24", "dev", "vpn")
    ip("link", "set", "vpn", "up")
    (path,) = walked(OTHER)
    assert outline(path) == [(0, "vpn", "tun")]
    command = Path("/proc/self/comm").read_text().strip()
    assert path.links[0].owners == (f"{command} ({os.getpid()})",)


def test_a_tun_device_that_nobody_owns() -> None:
    ip("tuntap", "add", "dev", "vpn", "mode", "tun")
    with suppress(PermissionError):  # where not even root may look into every process
        assert interfaces.tun_owners("vpn") == ()


def test_ipsec_policies(other: str) -> None:
    pair("near", "10.9.0.1/24", "far", f"{OTHER}/24", other)
    policy = ("xfrm", "policy", "add", "src", "10.9.0.0/24", "dst", f"{OTHER}/32")
    template = ("tmpl", "src", "10.9.0.1", "dst", OTHER, "proto", "esp", "mode", "transport")
    ip(*policy, "dir", "in", *template)
    (path,) = walked(OTHER)
    assert path.policies == ()
    ip(*policy, "dir", "out", *template)
    (path,) = walked(OTHER)
    assert path.policies == (f"10.9.0.0/24 -> {OTHER}/32",)
    (path,) = walked("10.9.0.77")
    assert path.policies == ()


def test_netfilter_queues(undo: ExitStack) -> None:
    """Bind queue 7: NFQNL_MSG_CONFIG with NFQNL_CFG_CMD_BIND."""
    try:
        link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    except OSError:
        kernel_lacks("netfilter's netlink")
    undo.callback(link.close)
    assert interfaces.queues() == ()
    body = struct.pack("=BBH", 0, 0, socket.htons(7)) + struct.pack("=HHBxH", 8, 1, 1, 0)
    link.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | 2, 5, 1, 0) + body)
    answer = link.recv(4096)
    if struct.unpack_from("=i", answer, 16)[0]:
        kernel_lacks("netfilter queues")
    assert interfaces.queues() == (7,)


def test_a_namespace_that_is_not_the_first() -> None:
    with suppress(PermissionError):  # where not even root may look into process 1
        assert namespaces.is_initial() is False


def test_the_library_is_loaded_only_for_it() -> None:
    script = "import sys, swapctl.gather, swapctl.rules; print('pyroute2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
