"""Rules about what carries the requests of an NFS mount, and about the server's side of files."""

import stat
from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.nfs import MOUNTINFO, MOUNTSTATS, again, nfs, the_mount, the_network
from swapctl.rules.subject import STAT, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes


@rule("nfs-rdma", Severity.UNSAFE, when=nfs)
def nfs_rdma(s: Snapshot) -> Iterator[Violation]:
    """Requests go over RDMA, which keeps no memory in reserve.

    Activation asks every transport to reserve memory for swap. RDMA says yes and does nothing, so
    its allocations fail like all others when memory is short.

    Fix: mount with proto=tcp.

    Source: xprt_rdma_enable_swap(), net/sunrpc/xprtrdma/transport.c.
    """
    mount = the_mount(s)
    if mount.proto.startswith("rdma") or "rdma" in need(mount.transports):
        yield Violation(
            (Evidence("transport", "rdma", "rdma", MOUNTSTATS),),
            again(s, "Mount it over TCP:", proto="tcp", port=""),
        )


@rule("nfs-udp", Severity.UNSAFE, when=nfs)
def nfs_udp(s: Snapshot) -> Iterator[Violation]:
    """Requests go over UDP.

    A request of many kilobytes is cut into fragments, and one that is lost costs the whole. On a
    fast network fragments of different requests can be put together wrongly without notice.

    Fix: mount with proto=tcp.

    Source: nfs(5), "Using NFS over UDP on high-speed links".
    """
    mount = the_mount(s)
    if mount.proto.startswith("udp") or "udp" in need(mount.transports):
        yield Violation(
            (Evidence("transport", "udp", "udp", MOUNTSTATS),),
            again(s, "Mount it over TCP:", proto="tcp"),
        )


@rule("nfs-layouts", Severity.UNSAFE, when=nfs)
def nfs_layouts(s: Snapshot) -> Iterator[Violation]:
    """The server hands out layouts (pNFS).

    Pages may go to data servers over connections of their own, and layouts are asked for, recalled
    and returned meanwhile. Activation reserves memory for the connections to the server of the
    mount; those to data servers are not known to be protected.

    Fix: mount with vers=4.0, which has no layouts, or switch pnfs off in the server's exports(5).

    Source: rpc_clnt_swap_activate(), net/sunrpc/clnt.c: the client of the mount is all it marks.
    """
    layout = need(the_mount(s).layout)
    if layout is not None:
        yield Violation(
            (Evidence("pnfs", layout, layout, MOUNTSTATS),),
            again(s, "Mount it without layouts:", vers="4.0"),
        )


@rule("nfs-localio", Severity.UNSAFE, when=nfs)
def nfs_localio(s: Snapshot) -> Iterator[Violation]:
    """The client writes to the files of a server in this kernel (LOCALIO).

    The page-out then runs through the server's filesystem: it allocates memory and starts
    transactions that can wait for the very memory that the page-out is to free.

    Fix: use the file where it lies, or a server on another machine.

    Source: fs/nfs/localio.c; Documentation/filesystems/nfs/localio.rst.
    """
    if need(the_mount(s).localio):
        yield Violation(
            (Evidence("localio", True, "1", "/sys/fs/nfs"),),
            Fix("Activate the file by its path on the server's own filesystem, here."),
        )


@rule("nfs-connections", Severity.NOTE, when=nfs)
def nfs_connections(s: Snapshot) -> Iterator[Violation]:
    """Requests are spread over several connections.

    Activation reserves memory for all that exist then. One that is added later is not known to be
    protected.

    Fix: mount without nconnect and max_connect.

    Source: rpc_clnt_swap_activate(), net/sunrpc/clnt.c; nfs(5), nconnect.
    """
    mount = the_mount(s)
    transports = need(mount.transports)
    count = max(mount.connections, len(transports))
    addresses = need(the_network(s).addresses)
    if count > 1 or len(addresses) > 1:
        yield Violation(
            (
                Evidence("connections", count, str(count), MOUNTSTATS),
                *(Evidence("address", a, a, "/sys/kernel/sunrpc") for a in addresses),
            ),
            again(s, "Mount it with one connection:", nconnect=""),
        )


@rule("nfs-foreign-writers", Severity.UNSAFE, when=nfs)
def nfs_foreign_writers(s: Snapshot) -> Iterator[Violation]:
    """Users of other clients can write to the file.

    The server does not know that the file is in use as swap and locks nobody out; a delegation
    only makes it tell this client. The mode of the file is all that stands between the memory of
    this machine and the users of every client that may mount the export.

    Fix: give the file to root and allow only root, and export the directory to this client alone.

    Source: nfs_swap_activate(), fs/nfs/file.c, which takes no lock; exports(5).
    """
    file = the_file(s)
    writable = file.mode & (stat.S_IWGRP | stat.S_IWOTH)
    foreign = file.uid != 0 and file.mode & stat.S_IWUSR
    if writable or foreign:
        path = quoted(s.path)
        yield Violation(
            (Evidence("mode", file.mode, f"{file.mode:04o}, uid {file.uid}", STAT),),
            Fix("Allow only root:", (f"chown root:root {path}", f"chmod 0600 {path}")),
        )


@rule("nfs-hole-on-server", Severity.WARNING, when=nfs)
def nfs_hole_on_server(s: Snapshot) -> Iterator[Violation]:
    """The server reports a hole although the block count is right.

    Blocks behind the end or preallocated ones make up for it. The server has to find space or to
    convert extents when pages arrive; without space they are lost (ENOSPC).

    Only what SEEK_HOLE finds is used: servers may answer that a file has no hole without looking.

    Fix: write the file from front to back.

    Source: lseek(2), SEEK_HOLE; RFC 7862, section 15.11, SEEK.
    """
    hole = need(the_mount(s).first_hole)
    file = the_file(s)
    if hole is not None and file.blocks_512 * 512 >= file.size:
        yield Violation(
            (Evidence("hole", hole, f"at {format_bytes(hole)}", "lseek(2), SEEK_HOLE"),),
            Fix("Write the file from front to back, with the area switched off."),
        )


@rule("nfs-server-unseen", Severity.NOTE, when=nfs)
def nfs_server_unseen(s: Snapshot) -> Iterator[Violation]:
    """What the server does with the blocks cannot be seen from here.

    Holes, preallocated or thin space, quotas, snapshots and other clients' access are the server's
    affair. Its work for a page needs no memory of this machine, but when it fails the page is lost.

    Fix: look on the server: full space for the file, an export to this client alone, and sync.

    Source: exports(5); the count of blocks is all that nfs_swap_activate() asks for.
    """
    server = the_network(s).server
    mount = the_mount(s)
    # A hole that was seen is the other rule's affair.
    if not isinstance(mount.first_hole, int):
        yield Violation(
            (Evidence("server", server, f"{server}, NFS {mount.version}", MOUNTINFO),),
            Fix("Look on the server, with filefrag(8) and exportfs(8)."),
        )
