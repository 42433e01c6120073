"""Rules about the way to the server of a network filesystem: which parts of it can stall.

The kernel lets its own swap traffic use the memory reserve. Whatever handles the packets on the way
has no share in that: a process can itself wait for the page-out that it is to carry.
"""

from collections.abc import Callable, Iterator

from swapctl.facts import Snapshot, need
from swapctl.network_facts import Link, NetworkPath
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.nfs import the_network
from swapctl.rules.subject import networked

ROUTE = "rtnetlink, RTM_GETROUTE"
LINK = "rtnetlink, RTM_GETLINK"
_DOWN = ("down", "lowerlayerdown", "notpresent", "dormant")
_HARDWARE = Fix("Reach the server over an Ethernet interface, then mount it by that address.")


def the_paths(s: Snapshot) -> tuple[NetworkPath, ...]:
    """The ways to the server and those of tunnels' outer packets."""
    return need(the_network(s).paths)


def links(s: Snapshot, wanted: Callable[[Link], bool]) -> Iterator[Link]:
    """The interfaces on all these ways that are of the wanted sort, each once."""
    seen: set[int] = set()
    for path in the_paths(s):
        for link in path.links:
            if link.number not in seen and wanted(link):
                seen.add(link.number)
                yield link


def of_kind(s: Snapshot, *kinds: str) -> Iterator[Link]:
    """The interfaces of some kinds."""
    return links(s, lambda link: link.kind in kinds)


def shown(link: Link, *more: Evidence) -> tuple[Evidence, ...]:
    """An interface as evidence."""
    what = f" ({link.kind})" if link.kind else ""
    return (Evidence("interface", link.name, f"{link.name}{what}", LINK), *more)


@rule("network-server-here", Severity.UNSAFE, when=networked)
def network_server_here(s: Snapshot) -> Iterator[Violation]:
    """The server is this machine.

    To write a page out, the server needs memory of the same machine, for its own page cache and
    filesystem, and that is what is being freed: both wait for each other.

    It may be a loopback or another own address, or one in another network namespace.

    Fix: swap to the file where it lies, or use a server on another machine.

    Source: seen on Linux 6.12: swap traffic to a server in the same machine never completed.
    """
    seen = [
        Evidence("route", path.address, f"{path.address} is an address of this machine", ROUTE)
        for path in the_paths(s)
        if path.tunnel is None
        and (path.route == "local" or any(link.name == "lo" for link in path.links[:1]))
    ]
    if not seen:
        for name in need(the_network(s).namespaces):
            text = f"the address is local in another network namespace: {name}"
            seen.append(Evidence("namespace", name, text, "/proc/PID/ns/net"))
    if seen:
        yield Violation(
            tuple(seen), Fix("Activate the file by its path on the server's own filesystem.")
        )


@rule("network-no-route", Severity.UNSAFE, when=networked)
def network_no_route(s: Snapshot) -> Iterator[Violation]:
    """There is no route to the server.

    Requests wait until there is one. A process that needs a page back hangs as long, and it may be
    the one that would bring the network up.

    Fix: set the route up before the area is activated.

    Source: ip-route(8); nfs(5), hard.
    """
    for path in the_paths(s):
        if path.errno or path.route not in ("unicast", "local"):
            why = path.errno or path.route
            yield Violation(
                (Evidence("route", why, f"{path.address}: {why}", ROUTE),),
                Fix("Set up the route to the server."),
            )


@rule("network-link-down", Severity.UNSAFE, when=networked)
def network_link_down(s: Snapshot) -> Iterator[Violation]:
    """The interface on the way to the server is down.

    Requests wait until it is up again; a process that needs a page back hangs as long.

    Fix: bring the interface up, and see why it is down.

    Source: IFLA_OPERSTATE, Documentation/networking/operstates.rst.
    """
    for link in links(s, lambda one: one.depth == 0):
        if not link.enabled or link.state in _DOWN or link.carrier is False:
            state = "no carrier" if link.enabled and link.carrier is False else link.state
            yield Violation(
                shown(link, Evidence("state", link.state, state, LINK)),
                Fix(f"Bring {link.name} up."),
            )


@rule("network-lease", Severity.WARNING, when=networked)
def network_lease(s: Snapshot) -> Iterator[Violation]:
    """The address of this machine is leased.

    A process has to renew it. If that process is stuck for want of memory the address goes away
    and swap with it; and at shutdown the network goes before the area is given back.

    Fix: give the interface a fixed address, and order the area's unit after the network's.

    Source: IFA_CACHEINFO, rtnetlink(7); systemd.swap(5).
    """
    for path in the_paths(s):
        if path.lease is not None:
            text = f"{path.source} for another {path.lease} seconds"
            yield Violation(
                (Evidence("lease", path.lease, text, "rtnetlink, RTM_GETADDR"),),
                Fix("Configure a fixed address."),
            )


@rule("network-namespace", Severity.WARNING, when=networked)
def network_namespace(s: Snapshot) -> Iterator[Violation]:
    """The way leads into another network namespace.

    What handles the packets there is not seen from here: it may be a process, and it may go away
    with a container.

    Fix: mount the server where the hardware is, in the first network namespace.

    Source: network_namespaces(7); IFLA_LINK_NETNSID, rtnetlink(7).
    """
    for link in links(s, lambda one: one.elsewhere):
        yield Violation(shown(link), _HARDWARE)


@rule("network-container", Severity.WARNING, when=networked)
def network_container(s: Snapshot) -> Iterator[Violation]:
    """The mount lives in the network of a container.

    Swap belongs to the whole machine, but when the container ends its interfaces go away, and with
    them the way to the pages.

    Fix: mount the server in the first network namespace.

    Source: network_namespaces(7).
    """
    if not need(the_network(s).initial_namespace):
        yield Violation(
            (Evidence("network namespace", False, "not that of process 1", "/proc/1/ns/net"),),
            Fix("Mount it outside of containers."),
        )


@rule("network-stacked", Severity.NOTE, when=networked)
def network_stacked(s: Snapshot) -> Iterator[Violation]:
    """Packets pass interfaces that the kernel stacks on others.

    Bridges, bonds, VLANs and the like hand packets on within the kernel and ask no process for
    each, so they cannot stall a page-out by themselves. What lies under them is judged as well.

    Fix: none needed.

    Source: Documentation/networking/bridge.rst, bonding.rst.
    """
    kinds = ("bridge", "bond", "vlan", "macvlan", "ipvlan", "macvtap", "ipvtap", "veth", "dummy")
    for link in of_kind(s, *kinds):
        if not link.elsewhere:
            under = ", ".join(link.below) or "nothing that is known"
            yield Violation(shown(link, Evidence("below", under, under, LINK)), Fix("None needed."))
