"""NFS mounts: what the kernel's texts say, and what the rules make of it."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from swapctl.facts import Mount, Snapshot, Unknown
from swapctl.linux import interfaces, namespaces, nfs, xfrm
from swapctl.network_facts import Link, NetworkFacts, NetworkPath, NfsMount
from swapctl.record import dump, load
from swapctl.rules import judge
from tests.unit.snapshots_network import CARD, EXAMPLES, MOUNT, NETWORK, NFS, WAY, kernel, mounted

# As Linux 6.12 prints them, the events and the statistics of operations left out.
V3 = (
    "device 10.7.7.7:/srv/x mounted on /m with fstype nfs statvers=1.1\n"
    "\topts:\trw,vers=3,rsize=131072,hard,nolock,proto=tcp,nconnect=2,sec=sys\n"
    "\tage:\t0\n\tcaps:\tcaps=0xf,wtmult=4096\n\tsec:\tflavor=1,pseudoflavor=1\n"
    "\tevents:\t0 0 0 0\n\tbytes:\t0 0 0 0\n"
    "\tRPC iostats version: 1.1  p/v: 100003/3 (nfs)\n"
    "\txprt:\ttcp 782 1 2 0 0 5 5 0 5 0 2 0 0\n\txprt:\ttcp 859 1 2 0 0 2 2 0 2 0 2 0 0\n"
    "\tper-op statistics\n\t        NULL: 1 1 0 44 24 0 0 0 0\n\n"
)
V4 = (
    "device nas:/ mounted on /mnt/a\\040b with fstype nfs4 statvers=1.1\n"
    "\topts:\trw,vers=4.2,hard,proto=tcp,sec=sys,clientaddr=10.7.7.7,local_lock=none\n"
    "\tage:\t0\n\timpl_id:\tname='',domain='',date='0,0'\n"
    "\tnfsv4:\tbm0=0xfdffbfff,bm1=0x40fdbe3e,bm2=0x62803,acl=0x3,sessions,"
    "pnfs={},lease_time=10,lease_expired=0\n"
    "\txprt:\t{} 0 0 2 0 0 10 10 0 10 0 2 0 0\n\tper-op statistics\n\n"
)
OTHERS = (
    "device proc mounted on /proc with fstype proc\nno device mounted on /sys with fstype sysfs\n"
)


def test_transports_and_layouts() -> None:
    text = OTHERS + V3 + V4.format("LAYOUT_FLEX_FILES", "rdma") + OTHERS
    assert nfs.parse_mountstats(text) == [
        nfs.Statistics("/m", ("tcp", "tcp"), None),
        nfs.Statistics("/mnt/a b", ("rdma",), "LAYOUT_FLEX_FILES"),
    ]


def test_a_server_without_layouts() -> None:
    (found,) = nfs.parse_mountstats(V4.format("not configured", "tcp"))
    assert found.layout is None


@pytest.mark.parametrize(
    "text", ["", "\n", "device\n", "device x mounted\n\txprt:\n", "\txprt:\tt"]
)
def test_odd_statistics(text: str) -> None:
    assert nfs.parse_mountstats(text) == []


def test_the_last_of_several_mounts_at_a_path(tmp_path: Path) -> None:
    table = tmp_path / "proc/self/mountstats"
    table.parent.mkdir(parents=True)
    table.write_text(V3 + V3.replace("tcp 782", "udp 782"))
    assert nfs.statistics("/m", str(tmp_path)).transports == ("udp", "tcp")
    with pytest.raises(OSError, match="does not list /elsewhere"):
        nfs.statistics("/elsewhere", str(tmp_path))


def with_options(fstype: str, options: str) -> Mount:
    path, source = "/m", "nas:/x"
    return Mount(43, 30, "0:38", "/", path, ("rw",), fstype, source, tuple(options.split(",")))


END = "timeo=600,retrans=2,sec={},clientaddr=10.7.7.7,local_lock=none,addr={}"
COMMON = "rw,vers={},rsize=131072,wsize=131072,namlen=255,{},proto={}"
# What the options are: version, recovery, softreval, transport, sec, xprtsec, connections, address.
TERMS: dict[str, tuple[str, nfs.Terms]] = {
    "v3": (
        "rw,vers=3,rsize=131072,wsize=131072,namlen=255,hard,nolock,proto=tcp,timeo=600,retrans=2,"
        "sec=sys,mountaddr=10.7.7.7,mountvers=3,mountport=34083,mountproto=udp,local_lock=all,"
        "addr=10.7.7.7",
        nfs.Terms("3", "hard", False, "tcp", "sys", "none", 1, "10.7.7.7"),
    ),
    "4.0 soft": (
        COMMON.format("4.0", "soft", "tcp") + "," + END.format("sys", "10.7.7.7"),
        nfs.Terms("4.0", "soft", False, "tcp", "sys", "none", 1, "10.7.7.7"),
    ),
    "4.1 softerr, softreval, nconnect": (
        COMMON.format("4.1", "softerr,softreval", "tcp,nconnect=4")
        + ","
        + END.format("sys", "10.7.7.7"),
        nfs.Terms("4.1", "softerr", True, "tcp", "sys", "none", 4, "10.7.7.7"),
    ),
    "4.2 krb5p over IPv6": (
        COMMON.format("4.2", "hard", "tcp6") + "," + END.format("krb5p", "fe80::1%eth0"),
        nfs.Terms("4.2", "hard", False, "tcp6", "krb5p", "none", 1, "fe80::1%eth0"),
    ),
    "4.2 rdma": (
        COMMON.format("4.2", "hard", "rdma,port=20049") + "," + END.format("sys", "10.7.7.7"),
        nfs.Terms("4.2", "hard", False, "rdma", "sys", "none", 1, "10.7.7.7"),
    ),
    "4.2 tls": (
        COMMON.format("4.2", "hard", "tcp")
        + ",timeo=600,retrans=2,sec=sys,xprtsec=mtls,local_lock=none,addr=10.7.7.7",
        nfs.Terms("4.2", "hard", False, "tcp", "sys", "mtls", 1, "10.7.7.7"),
    ),
}


@pytest.mark.parametrize("name", TERMS)
def test_mount_options(name: str) -> None:
    options, expected = TERMS[name]
    assert nfs.terms(with_options("nfs4", options)) == expected


def test_an_odd_number_of_connections_is_an_error() -> None:
    with pytest.raises(OSError, match="nconnect="):
        nfs.terms(with_options("nfs4", "rw,vers=4.2,proto=tcp,sec=sys,nconnect=x"))


def transport(root: Path, switch: str, number: int, address: str) -> None:
    directory = root / switch / f"xprt-{number}-tcp"
    directory.mkdir(parents=True)
    (directory / "dstaddr").write_text(f"{address}\n\0")


def test_the_addresses_in_use(tmp_path: Path) -> None:
    """By the link from the filesystem to its client, or by the address on older kernels."""
    switches = tmp_path / "sys/kernel/sunrpc/xprt-switches"
    transport(switches, "switch-0", 0, "/var/run/rpcbind.sock")
    transport(switches, "switch-1", 1, "10.7.7.7")
    transport(switches, "switch-1", 2, "10.7.7.8")
    transport(switches, "switch-2", 3, "10.9.9.9")
    assert nfs.addresses("0:38", "10.7.7.7", str(tmp_path)) == ("10.7.7.7", "10.7.7.8")
    client = tmp_path / "sys/fs/nfs/0:38/nfs_client"
    client.mkdir(parents=True)
    (client / "switch").symlink_to(switches / "switch-2")
    assert nfs.addresses("0:38", "10.7.7.7", str(tmp_path)) == ("10.7.7.7", "10.9.9.9")


def test_localio(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert nfs.localio("0:38", root) is False
    parameter = tmp_path / "sys/module/nfs/parameters/localio_enabled"
    parameter.parent.mkdir(parents=True)
    parameter.write_text("Y\n")
    with pytest.raises(FileNotFoundError):
        nfs.localio("0:38", root)
    attribute = tmp_path / "sys/fs/nfs/0:38/localio"
    attribute.parent.mkdir(parents=True)
    attribute.write_text("1\n")
    assert nfs.localio("0:38", root) is True
    parameter.write_text("N\n")
    assert nfs.localio("0:38", root) is False


def test_the_volumes_of_a_namespace(tmp_path: Path) -> None:
    table = tmp_path / "proc/fs/nfsfs/volumes"
    table.parent.mkdir(parents=True)
    table.write_text("NV SERVER   PORT DEV          FSID  FSC\nv4 0a070707  801 0:38   0:0   no \n")
    assert nfs.in_own_namespace("0:38", str(tmp_path))
    assert not nfs.in_own_namespace("0:3", str(tmp_path))


FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.9.0.0/24 2 0 2
        |-- 10.9.0.0
           /24 link UNICAST
        |-- 10.9.0.2
           /32 host LOCAL
        |-- 10.9.0.255
           /32 link BROADCAST
"""


def test_local_addresses_of_a_namespace() -> None:
    assert namespaces.parse_fib_trie(FIB_TRIE) == {"10.9.0.2"}
    text = (
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe8000000000000000fcfffffe000001 04 40 20 80     eth0\n"
        "fd000000000000000000000000000002 04 40 00 80     eth0\n"
    )
    assert namespaces.parse_if_inet6(text) == {"fd00::2"}


def test_queues(tmp_path: Path) -> None:
    table = tmp_path / "proc/net/netfilter/nfnetlink_queue"
    table.parent.mkdir(parents=True)
    assert interfaces.queues(str(tmp_path)) == ()
    table.write_text(
        "    0   1234     0 2 65531     0     0        0  1\n    7   1240 0 2 0 0 0 0 1\n"
    )
    assert interfaces.queues(str(tmp_path)) == (0, 7)


def test_owners_of_a_tun_device(tmp_path: Path) -> None:
    process = tmp_path / "proc/812"
    (process / "fd").mkdir(parents=True)
    (process / "fdinfo").mkdir()
    (process / "comm").write_text("openvpn\n")
    (process / "fd/0").symlink_to("/dev/null")
    (process / "fd/5").symlink_to("/dev/net/tun")
    (process / "fdinfo/5").write_text("pos:\t0\nflags:\t0104002\nmnt_id:\t15\niff:\ttun0\n")
    (tmp_path / "proc/self").mkdir()
    assert interfaces.tun_owners("tun0", str(tmp_path)) == ("openvpn (812)",)
    assert interfaces.tun_owners("tun", str(tmp_path)) == ()


@pytest.mark.parametrize("content", ["DEVTYPE=wlan\nINTERFACE=w\n", "DEVTYPE=wwan\n"])
def test_radio(tmp_path: Path, content: str) -> None:
    for name, text in (("w", content), ("e", "INTERFACE=e\n")):
        (tmp_path / "sys/class/net" / name).mkdir(parents=True)
        (tmp_path / "sys/class/net" / name / "uevent").write_text(text)
    assert interfaces.wireless("w", str(tmp_path))
    assert not interfaces.wireless("e", str(tmp_path))
    assert not interfaces.wireless("gone", str(tmp_path))


def policy(direction: int, action: int, attribute: int, protocol: int = 0) -> bytes:
    addresses = socket.inet_aton("192.0.2.0").ljust(16, b"\0") + socket.inet_aton("10.0.0.0").ljust(
        16, b"\0"
    )
    selector = addresses + struct.pack("=8xHBBB3xiI", socket.AF_INET, 24, 8, protocol, 0, 0)
    tail = bytes(64 + 32 + 8) + bytes((direction, action, 0, 0)) + bytes(4)
    return selector + tail + struct.pack("=HH4x", 8, attribute)


def test_policies() -> None:
    known = xfrm.parse_policy(policy(1, 0, 5))
    assert known is not None
    assert (str(known.source), str(known.destination)) == ("10.0.0.0/8", "192.0.2.0/24")
    assert xfrm.parse_policy(policy(0, 0, 5)) is None  # incoming
    assert xfrm.parse_policy(policy(1, 1, 5)) is None  # blocks
    assert xfrm.parse_policy(policy(1, 0, 7)) is None  # nothing to be done
    assert xfrm.parse_policy(b"short") is None
    text = ("10.0.0.0/8 -> 192.0.2.0/24",)
    assert xfrm.matching([known], "10.1.1.1", "192.0.2.9") == text
    assert xfrm.matching([known], "11.1.1.1", "192.0.2.9") == ()
    assert xfrm.matching([known], None, "192.0.3.9") == ()
    assert xfrm.matching([known], None, "fd00::1%eth0") == ()
    assert xfrm.matching([known._replace(protocol=132)], None, "192.0.2.9") == ()


def states(snapshot: Snapshot) -> dict[str, str]:
    outcome = judge(snapshot).outcome
    return {
        **dict.fromkeys(outcome.passed, "passed"),
        **dict.fromkeys(outcome.not_applicable, "not applicable"),
        **{u.rule_id: "undecided" for u in outcome.undecided},
        **{f.rule_id: "found" for f in outcome.findings},
    }


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_a_rule_finds_and_passes(rule_id: str) -> None:
    violating, passing = EXAMPLES[rule_id]
    assert states(violating)[rule_id] == "found"
    assert states(passing)[rule_id] == "passed"


def test_a_good_mount_is_ready_and_its_size_is_known() -> None:
    report = judge(NFS)
    assert report.verdict == "ready"
    assert (report.swapon.accepts, report.swapon.usable_bytes) == (True, 64 * 2**20 - 4096)


def test_extents_do_not_matter() -> None:
    found = states(NFS)
    rules = (
        "file-holes",
        "extents-trimmed",
        "file-fragmented",
        "extents-unwritten",
        "area-no-page",
    )
    assert {found[rule_id] for rule_id in rules} == {"not applicable"}
    assert found["area-empty"] == "passed"
    assert found["filesystem-unjudged"] == "passed"
    assert found["file-large-folios"] == "passed"


@pytest.mark.parametrize("release", ["5.4.0-150-generic", "5.10.0-28-amd64", "5.15.0", "5.17.3"])
def test_a_release_that_may_have_been_mended(release: str) -> None:
    assert states(kernel(release))["nfs-writes-fail"] == "undecided"


@pytest.mark.parametrize("release", ["4.19.0", "5.3.18", "5.18.0", "6.1.0-50-amd64"])
def test_a_release_that_writes(release: str) -> None:
    assert states(kernel(release))["nfs-writes-fail"] == "passed"


def test_fixes_name_the_mount_command() -> None:
    for rule_id in ("nfs-soft", "nfs-kerberos", "nfs-tls", "nfs-rdma", "nfs-udp", "nfs-layouts"):
        (found,) = (f for f in judge(EXAMPLES[rule_id][0]).outcome.findings if f.rule_id == rule_id)
        assert found.violation.fix.commands[1].startswith("mount -t nfs4 -o hard,vers=")
        assert found.violation.fix.commands[1].endswith(" nas.example.org:/swap /data")


def test_facts_round_trip() -> None:
    for violating, _ in EXAMPLES.values():
        assert load(dump(violating), "facts") == violating
    assert load(dump(NFS._replace(network=Unknown("network", "lost"))), "facts").network


def poorer(record: Any) -> Iterator[tuple[str, Any]]:
    """The record, each time with one of its facts lost, at whatever depth."""
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(record, name)
        if Unknown in get_args(hint):
            yield name, record._replace(**{name: Unknown(name, "lost")})
        inner = value if isinstance(value, tuple) and not hasattr(value, "_fields") else (value,)
        for number, one in enumerate(inner):
            if isinstance(one, NfsMount | NetworkPath | Link | NetworkFacts):
                for what, less in poorer(one):
                    whole = less if inner[0] is value else (*inner[:number], less)
                    yield what, record._replace(**{name: whole})


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_a_lost_fact_never_makes_a_rule_pass(rule_id: str) -> None:
    silent = {
        name: state
        for name, snapshot in poorer(EXAMPLES[rule_id][0])
        if (state := states(snapshot)[rule_id]) not in ("found", "undecided")
    }
    assert silent == {}


def test_the_records_are_what_the_examples_say() -> None:
    assert NETWORK.nfs is MOUNT
    assert NETWORK.paths == (WAY,)
    assert WAY.links == (CARD,)
    assert mounted() == NFS
