"""Rules about interfaces and filters that something else than the kernel takes part in."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.network import LINK, links, of_kind, shown, the_paths
from swapctl.rules.nfs import the_network
from swapctl.rules.subject import networked

_MOUNT = "Mount the server by an address that is reached "
_PLAIN = Fix(f"{_MOUNT}over an Ethernet interface.")
_TUNNELS = (
    *("vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan"),
    *("ipip", "sit", "ip6tnl", "gtp", "bareudp", "amt", "l2tp", "macsec", "batadv"),
)


@rule("network-tun", Severity.UNSAFE, when=networked)
def network_tun(s: Snapshot) -> Iterator[Violation]:
    """Packets to the server go through a process.

    A tun or tap device hands every packet to the process that opened it: a VPN, or a virtual
    machine. It needs memory for each, its own pages may be swapped out, and it has no share in the
    memory reserve: it can wait for the page-out that it is to carry.

    Fix: mount the server by an address that is reached without it.

    Source: Documentation/networking/tuntap.rst; the iff: line of /proc/PID/fdinfo.
    """
    for link in of_kind(s, "tun"):
        owners = () if isinstance(link.owners, Unknown) else link.owners
        seen = [Evidence("process", one, one, "/proc/PID/fdinfo") for one in owners]
        yield Violation(shown(link, *seen), Fix(f"{_MOUNT}without {link.name}."))


@rule("network-ppp", Severity.UNSAFE, when=networked)
def network_ppp(s: Snapshot) -> Iterator[Violation]:
    """The way to the server is a dial-up link.

    The link is kept up by pppd, a process that answers the other side's echo requests. When it is
    stuck for want of memory the other side closes the link, and only the process can open it again.

    Fix: mount the server by an address that is reached without it.

    Source: pppd(8), lcp-echo-failure; Documentation/networking/ppp_generic.rst.
    """
    for link in of_kind(s, "ppp", "slip"):
        yield Violation(shown(link), _PLAIN)


@rule("network-wireguard", Severity.WARNING, when=networked)
def network_wireguard(s: Snapshot) -> Iterator[Violation]:
    """Packets to the server go through WireGuard.

    It runs in the kernel and its sockets may use the memory reserve, but encryption is done by
    workers that allocate for every packet; that this gets by without memory is not known.

    Fix: mount the server by an address that is reached without it.

    Source: set_sock_opts(), drivers/net/wireguard/socket.c; wg_packet_encrypt_worker(), send.c.
    """
    for link in of_kind(s, "wireguard"):
        ends = () if isinstance(link.remotes, Unknown) else link.remotes
        seen = [Evidence("endpoint", end, end, "WireGuard netlink") for end in ends]
        yield Violation(shown(link, *seen), _PLAIN)


@rule("network-ipsec", Severity.UNSAFE, when=networked)
def network_ipsec(s: Snapshot) -> Iterator[Violation]:
    """Packets to the server are encrypted by IPsec.

    Keys expire and are exchanged anew by a daemon, a process that may be swapped out or lack
    memory just then; without new keys nothing is sent.

    Fix: exempt the server from the policy, or mount it by an address that no policy covers.

    Source: ip-xfrm(8); struct xfrm_lifetime_cfg, include/uapi/linux/xfrm.h.
    """
    for link in of_kind(s, "xfrm", "vti", "vti6"):
        yield Violation(shown(link), _PLAIN)
    for path in the_paths(s):
        for policy in need(path.policies):
            yield Violation(
                (Evidence("policy", policy, f"{path.address}: {policy}", "XFRM_MSG_GETPOLICY"),),
                Fix(f"{_MOUNT}without IPsec."),
            )


@rule("network-tunnel", Severity.WARNING, when=networked)
def network_tunnel(s: Snapshot) -> Iterator[Violation]:
    """Packets to the server are wrapped into others.

    The kernel does it without asking a process for each packet, but it allocates more for every one
    and routes it anew; that this gets by with the memory reserve is not known.

    The way of the outer packets is judged like the way to the server.

    Fix: mount the server by an address that is reached without the tunnel.

    Source: ip-link(8), the types of tunnels; drivers/net/vxlan/vxlan_core.c.
    """
    for link in of_kind(s, *_TUNNELS):
        ends = link.remotes
        if isinstance(ends, Unknown):
            seen = [Evidence("far end", None, f"not known: {ends.reason}", LINK)]
        else:
            seen = [Evidence("far end", end, end, LINK) for end in ends]
        yield Violation(shown(link, *seen), _PLAIN)


@rule("network-openvswitch", Severity.UNSAFE, when=networked)
def network_openvswitch(s: Snapshot) -> Iterator[Violation]:
    """Packets to the server pass Open vSwitch.

    For every flow that it has no entry for, and entries expire, the kernel asks ovs-vswitchd, a
    process; the packet waits, or is lost, until it answers.

    Fix: mount the server by an address that is reached without the switch.

    Source: Documentation/networking/openvswitch.rst.
    """
    for link in of_kind(s, "openvswitch"):
        yield Violation(shown(link), _PLAIN)


@rule("network-team", Severity.WARNING, when=networked)
def network_team(s: Snapshot) -> Iterator[Violation]:
    """The interface is a team.

    The kernel sends the packets, but teamd, a process, decides which port is used after a failure.

    Fix: use a bond, which needs no process.

    Source: teamd(8); drivers/net/team.
    """
    for link in of_kind(s, "team"):
        yield Violation(shown(link), Fix("Use a bond instead."))


@rule("network-wireless", Severity.UNSAFE, when=networked)
def network_wireless(s: Snapshot) -> Iterator[Violation]:
    """The way to the server is a radio link.

    Keys are renewed and lost links rebuilt by a process (wpa_supplicant, iwd, ModemManager), which
    may be swapped out or lack memory just then.

    Fix: mount the server over a cable.

    Source: wpa_supplicant(8); phy80211 in /sys/class/net.
    """
    for link in links(s, lambda one: one.wireless):
        yield Violation(shown(link), Fix(f"{_MOUNT}over a cable."))


@rule("network-queue", Severity.UNSAFE, when=networked)
def network_queue(s: Snapshot) -> Iterator[Violation]:
    """A process reads packets from the packet filter.

    Firewall rules can hand packets to a queue, where they wait until a process has decided. Which
    packets they are is not seen from here; if those to the server are among them, the page-out
    waits for a process that may wait for memory.

    Fix: see that no rule with queue matches the server, in all tables.

    Source: net/netfilter/nfnetlink_queue.c; nft(8), queue statement.
    """
    numbers = need(the_network(s).queues)
    if numbers:
        yield Violation(
            tuple(
                Evidence("queue", n, f"queue {n}", "/proc/net/netfilter/nfnetlink_queue")
                for n in numbers
            ),
            Fix("Exempt the server's address from all queue rules."),
        )
