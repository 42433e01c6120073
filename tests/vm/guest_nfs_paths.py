"""The way to an NFS server, as check reports it: a tunnel and its owner, IPv6, names that are gone.

To be run as root in a machine of its own, as tests/vm/guest_nfs.py. The server is in the first
network namespace, the client in another one, so that all that lies between them is real. Nothing is
swapped out to it.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.loopfs import unmount
from tests.vm.guest_dead_server import swapctl
from tests.vm.guest_nfs import written
from tests.vm.nfs_server import ADDRESS, run

NAME = "client"
INSIDE = ("nsenter", f"--net=/run/netns/{NAME}")
SWAPCTL = str(Path(sys.executable).with_name("swapctl"))
# Copies packets between two tun devices, the first of which is in the client's namespace.
RELAY = """
import ctypes, fcntl, os, select, struct, sys
def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name, 0x1001))  # TUNSETIFF, no header
    return fd
home = os.open("/proc/self/ns/net", os.O_RDONLY)
there = os.open(sys.argv[1], os.O_RDONLY)
setns = ctypes.CDLL(None, use_errno=True).setns
assert setns(there, 0) == 0
near = tun(b"near")
assert setns(home, 0) == 0
far = tun(b"far")
print("ready", flush=True)
other = {near: far, far: near}
while True:
    for fd in select.select([near, far], [], [])[0]:
        packet = os.read(fd, 65536)
        try:
            os.write(other[fd], packet)
        except OSError:  # the other one is still down
            pass
"""


def inside(*words: str) -> str:
    """Run a tool in the client's network namespace; the mounts are everybody's."""
    return run(*INSIDE, *words)


def ip(words: str, *before: str) -> str:
    """Run ip(8), here or INSIDE."""
    return run(*before, "ip", *words.split())


@pytest.fixture(scope="module")
def namespace(exports: Path) -> Iterator[Path]:
    """The client's network namespace, with a veth to the server; the roots of the exports."""
    run("ip", "netns", "add", NAME)
    try:
        ip(f"link add server type veth peer name cable netns {NAME}")
        for address in ("10.89.0.1/24", "fd89::1/64"):
            run("ip", "address", "add", address, "dev", "server")
        for address in ("10.89.0.2/24", "fd89::2/64"):
            inside("ip", "address", "add", address, "dev", "cable")
        ip("link set server up")
        ip("link set cable up", *INSIDE)
        ip("link set lo up", *INSIDE)
        deadline = time.monotonic() + 30
        while "tentative" in ip("-6 address show dev server") + ip(
            "-6 address show dev cable", *INSIDE
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield exports
    finally:
        run("ip", "netns", "delete", NAME)


Mount = Callable[[str], Path]


@pytest.fixture
def mount(namespace: Path, tmp_path: Path) -> Iterator[Mount]:
    """Mounts a server in the client's namespace and writes a swapfile there."""
    with ExitStack() as undo:

        def mounted(server: str) -> Path:
            point = tmp_path / f"nas-{len(list(tmp_path.iterdir()))}"
            point.mkdir()
            options = "vers=4.2,nosharecache"
            inside("mount", "-t", "nfs", "-o", options, f"{server}:/open", str(point))
            undo.callback(unmount, point)
            return written(point / f"{tmp_path.name}-{point.name}")

        yield mounted


def check(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The findings of `check` about the network, by rule: the evidence of each. Asked again where
    the server, which has the same processor, did not get to answer in time."""
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(
            [*INSIDE, SWAPCTL, "check", "--json", str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if "no answer" not in done.stdout or time.monotonic() > deadline:
            break
    assert done.returncode in (0, 1), done
    (target,) = json.loads(done.stdout)["targets"]
    asked = [u["rule"] for u in target["undecided"] if u["rule"].startswith(("nfs", "network"))]
    assert asked == [], target["undecided"]
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in target["findings"]:
        if finding["rule"].startswith("network"):
            found.setdefault(finding["rule"], []).extend(finding["evidence"])
    return found


def shown(found: dict[str, list[dict[str, Any]]], rule: str) -> list[tuple[str, Any]]:
    return [(one["name"], one["value"]) for one in found[rule]]


def test_a_tunnel_and_its_owner(mount: Mount) -> None:
    """Found and its process named with it; not found without it."""
    with subprocess.Popen(
        [sys.executable, "-c", RELAY, f"/run/netns/{NAME}"], stdout=subprocess.PIPE
    ) as relay:
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline() == b"ready\n"
            # The addresses stay where they are, so that the connection survives another way.
            ip("address add 10.88.0.1/32 dev lo")
            ip("address add 10.88.0.2/32 dev lo", *INSIDE)
            ip("link set far up")
            ip("link set near up", *INSIDE)
            ip("route add 10.88.0.2 dev far")
            ip("route add 10.88.0.1 dev near src 10.88.0.2", *INSIDE)
            path = mount("10.88.0.1")
            found = check(path)
            command = Path(f"/proc/{relay.pid}/comm").read_text().strip()
            assert shown(found, "network-tun") == [
                ("interface", "near"),
                ("process", f"{command} ({relay.pid})"),
            ]
            text = subprocess.run(
                [*INSIDE, SWAPCTL, "check", str(path)], capture_output=True, text=True, check=False
            ).stdout
            assert "unsafe network-tun: Packets to the server go through a process" in text
            assert f"{command} ({relay.pid})" in text
            # The same address, now by the cable.
            ip("route replace 10.88.0.2 via 10.89.0.2 dev server")
            ip("route replace 10.88.0.1 via 10.89.0.1 dev cable src 10.88.0.2", *INSIDE)
            found = check(path)
            assert "network-tun" not in found
            assert ("interface", "cable") in shown(found, "network-namespace")
        finally:
            relay.terminate()


@pytest.mark.parametrize("server", ["10.89.0.1", "[fd89::1]", "link-local"])
def test_the_interface_of_an_address(mount: Mount, server: str) -> None:
    """That of a link-local address is told by its zone."""
    if server == "link-local":
        (one,) = json.loads(ip("-j -6 address show dev server scope link"))
        # Those of another scope are left as empty objects.
        (local,) = [a["local"] for a in one["addr_info"] if a]
        server = f"[{local}%cable]"
    found = check(mount(server))
    assert shown(found, "network-namespace") == [("interface", "cable")]
    assert "network-no-route" not in found
    assert "network-link-down" not in found


def asked(server: socket.socket) -> bool:
    """Has anybody asked the name server since?"""
    try:
        server.recv(512)
    except BlockingIOError:
        return False
    return True


def test_a_name_that_no_longer_resolves(exports: Path, tmp_path: Path) -> None:
    """Addresses count; no name is looked up, which could take long."""
    hosts, resolver = Path("/etc/hosts"), Path("/etc/resolv.conf")
    point = tmp_path / "nas"
    point.mkdir()
    with ExitStack() as undo:
        server = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 53))
        server.setblocking(False)
        before = hosts.read_text()
        for file in (hosts, resolver):
            undo.callback(file.write_text, file.read_text())
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        hosts.write_text(f"{before}\n{ADDRESS} nas.swapctl.test\n")
        words = ("-o", "vers=4.2,nosharecache", "nas.swapctl.test:/open", str(point))
        run("mount", "-t", "nfs", *words)
        undo.callback(unmount, point)
        path = written(point / "named")
        hosts.write_text(before)
        lookup = [sys.executable, "-c", "import socket; socket.gethostbyname('nas.swapctl.test')"]
        assert subprocess.run(lookup, capture_output=True, check=False).returncode == 1
        assert asked(server)
        while asked(server):
            pass
        ended = swapctl("check", "--json", str(path))
        assert not asked(server)
        assert "nas.swapctl.test" in ended.text
        (target,) = json.loads(ended.text)["targets"]
        rules = {one["rule"]: one for one in target["findings"]}
        (seen,) = rules["network-server-here"]["evidence"]
        assert seen["value"] == ADDRESS
