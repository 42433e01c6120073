"""Snapshots of files on a server that violate and pass each rule about NFS and the network."""

from typing import Any

from swapctl.facts import Opening, Snapshot, need
from swapctl.network_facts import Link, NetworkFacts, NetworkPath, NfsMount
from tests.golden.regenerate import report

SERVER = "192.0.2.1"
CARD = Link(
    depth=0,
    number=2,
    name="eth0",
    kind="",
    enabled=True,
    state="up",
    carrier=True,
    below=(),
    elsewhere=False,
    wireless=False,
    owners=(),
    remotes=(),
)
WAY = NetworkPath(
    address=SERVER,
    tunnel=None,
    route="unicast",
    errno=None,
    gateway="198.51.100.1",
    source="198.51.100.2",
    lease=None,
    links=(CARD,),
    policies=(),
)
MOUNT = NfsMount(
    version="4.2",
    recovery="hard",
    softreval=False,
    proto="tcp",
    security="sys",
    transport_security="none",
    connections=1,
    transports=("tcp",),
    layout=None,
    localio=False,
    swap_supported=True,
    first_hole=None,
)
NETWORK = NetworkFacts(
    server="nas.example.org",
    addresses=(SERVER,),
    nfs=MOUNT,
    paths=(WAY,),
    namespaces=(),
    queues=(),
    initial_namespace=True,
)
OPTIONS = (
    *("rw", "vers=4.2", "rsize=1048576", "wsize=1048576", "namlen=255", "hard", "proto=tcp"),
    *("timeo=600", "retrans=2", "sec=sys", "clientaddr=198.51.100.2", "local_lock=none"),
    f"addr={SERVER}",
)


def on_nfs(local: Snapshot) -> Snapshot:
    """The same file, on a server."""
    mount = need(local.mount)
    state = need(local.filesystem)
    assert mount is not None
    assert state is not None
    return local._replace(
        mount=mount._replace(
            device="0:53",
            fstype="nfs4",
            source="nas.example.org:/swap",
            super_options=OPTIONS,
        ),
        filesystem=state._replace(magic=0x6969, block_size=1048576),
        extents=None,
        device=None,
        network=NETWORK,
        storage=None,
    )


NFS = on_nfs(report("ext4-ready").snapshot)


def file(**changes: Any) -> Snapshot:
    before = need(NFS.file)
    assert before is not None
    return NFS._replace(file=before._replace(**changes))


def mounted(**changes: Any) -> Snapshot:
    return NFS._replace(network=NETWORK._replace(nfs=MOUNT._replace(**changes)))


def network(**changes: Any) -> Snapshot:
    return NFS._replace(network=NETWORK._replace(**changes))


def way(**changes: Any) -> Snapshot:
    return network(paths=(WAY._replace(**changes),))


def link(**changes: Any) -> Snapshot:
    return way(links=(CARD._replace(**changes),))


def kernel(release: str) -> Snapshot:
    return NFS._replace(host=NFS.host._replace(kernel=release))


def opened(errno: str) -> Snapshot:
    return NFS._replace(opening=Opening(errno, "open(2), O_RDWR"))


TUNNEL = way(links=(CARD._replace(number=9, name="vx0", kind="vxlan", remotes=("203.0.113.7",)),))

# Rule -> (a snapshot that violates it, one that it passes).
EXAMPLES: dict[str, tuple[Snapshot, Snapshot]] = {
    "nfs-holes": (file(blocks_512=8), NFS),
    "nfs-unsupported": (mounted(swap_supported=False), NFS),
    "nfs-root-squash": (opened("EACCES"), NFS),
    "nfs-writes-fail": (kernel("5.11.0-49-generic"), kernel("5.18.0")),
    "nfs-soft": (mounted(recovery="softerr"), NFS),
    "nfs-kerberos": (mounted(security="krb5p"), NFS),
    "nfs-tls": (mounted(transport_security="mtls"), NFS),
    "nfs-rdma": (mounted(proto="rdma", transports=("rdma",)), NFS),
    "nfs-udp": (mounted(proto="udp", transports=("udp",)), NFS),
    "nfs-layouts": (mounted(layout="LAYOUT_FLEX_FILES"), NFS),
    "nfs-localio": (mounted(localio=True), NFS),
    "nfs-connections": (mounted(connections=2, transports=("tcp", "tcp")), NFS),
    "nfs-foreign-writers": (file(mode=0o620), NFS),
    "nfs-hole-on-server": (mounted(first_hole=32768), NFS),
    "nfs-server-unseen": (NFS, mounted(first_hole=32768)),
    "network-server-here": (way(route="local", links=(CARD._replace(name="lo"),)), NFS),
    "network-no-route": (way(route="none", errno="ENETUNREACH", links=()), NFS),
    "network-link-down": (link(state="down", carrier=False), NFS),
    "network-lease": (way(lease=3600), NFS),
    "network-namespace": (link(name="eth0", kind="veth", elsewhere=True), NFS),
    "network-container": (network(initial_namespace=False), NFS),
    "network-stacked": (link(name="bond0", kind="bond", below=("eth0", "eth1")), NFS),
    "network-tun": (link(name="tun0", kind="tun", owners=("openvpn (812)",)), NFS),
    "network-ppp": (link(name="ppp0", kind="ppp"), NFS),
    "network-wireguard": (link(name="wg0", kind="wireguard", remotes=("203.0.113.7",)), NFS),
    "network-ipsec": (way(policies=("198.51.100.0/24 -> 192.0.2.0/24",)), NFS),
    "network-tunnel": (TUNNEL, NFS),
    "network-openvswitch": (link(name="ovs", kind="openvswitch"), NFS),
    "network-team": (link(name="team0", kind="team"), NFS),
    "network-wireless": (link(name="wlan0", wireless=True), NFS),
    "network-queue": (network(queues=(0, 3)), NFS),
}
