"""Rules about devices that others serve: over the network, or processes of this machine."""

from swapctl.facts import need
from swapctl.rules.engine import Evidence, Fix, Severity
from swapctl.rules.storage import ELSEWHERE, connected_by, layer_rule, of_kind, seen
from swapctl.storage_facts import Layer

_SOCKETS = "/proc/net/tcp"


def _nbd_here(layer: Layer) -> tuple[Evidence, ...]:
    if layer.kind != "nbd" or layer.server is None:
        return ()
    server = need(layer.server)
    if not server.local:
        return ()
    who = f"{server.peer}, {server.process}" if server.process else server.peer
    return (Evidence("server", server.peer, who, _SOCKETS),)


storage_nbd_local = layer_rule(
    "storage-nbd-local",
    Severity.UNSAFE,
    _nbd_here,
    Fix("Use what the server serves directly, or a server on another machine."),
    """The server of a network block device runs on this machine.

    It can deadlock: the server is a process that has to run, and needs memory, for every page that
    is written out. It can be swapped out itself, to this very area.

    A server in a container or a virtual machine of this host is not seen here.

    Fix: use its storage without the detour.

    Source: nbd_send_cmd(), drivers/block/nbd.c; the client's socket in /proc/PID/fd.
    """,
)

storage_nbd = layer_rule(
    "storage-nbd",
    Severity.WARNING,
    of_kind("nbd", "rnbd"),
    Fix("Use a local disk, or a server that keeps its memory locked and is always there."),
    """A network block device lies below.

    It can deadlock when its server or the network needs this machine's memory. The kernel's side
    marks its socket as one that may use the reserves; the server has no such thing.

    Fix: prefer a local disk.

    Source: sk_set_memalloc() in nbd_start_device() and nbd_reconnect_socket(), drivers/block/nbd.c.
    """,
)

storage_ublk = layer_rule(
    "storage-ublk",
    Severity.UNSAFE,
    of_kind("ublkb"),
    ELSEWHERE,
    """A process serves a device below (ublk).

    It can deadlock: the process has to run, and needs memory, for every page that is written out.
    It can be swapped out itself.

    Fix: use a device that the kernel serves; else the process has to lock its memory, mlockall(2),
    and to be marked with prctl(2), PR_SET_IO_FLUSHER.

    Source: Documentation/block/ublk.rst.
    """,
)

storage_tcm_loop = layer_rule(
    "storage-tcm-loop",
    Severity.WARNING,
    connected_by("tcm-loop"),
    Fix("Find out what serves it:", ("lsblk -S",)),
    """A device below is a SCSI target of this machine (tcm_loop).

    It can deadlock when a process (tcmu-runner) or a sparse file stands behind the target, which
    cannot be seen from the device.

    Fix: use what stands behind the target.

    Source: Documentation/target/tcmu-design.rst.
    """,
)

storage_iscsi = layer_rule(
    "storage-iscsi",
    Severity.WARNING,
    connected_by("iscsi"),
    Fix("Prefer a local disk; see that iscsid always runs and is not swapped out."),
    """An iSCSI disk lies below.

    It can deadlock when the connection is lost: data goes by the kernel's reserves, but logging in
    again is the work of iscsid, a process. It locks its memory for that.

    Fix: prefer a local disk.

    Source: iscsi_sw_tcp_pdu_init() and sk_set_memalloc(), drivers/scsi/iscsi_tcp.c.
    """,
)

storage_nvme_fabrics = layer_rule(
    "storage-nvme-fabrics",
    Severity.WARNING,
    connected_by("nvme-fabrics"),
    Fix("Prefer a local disk."),
    """An NVMe disk of another machine lies below (NVMe over fabrics).

    It can deadlock when the connection is lost: connecting again allocates memory that is not
    reserved, while page-outs wait for it.

    Fix: prefer a local disk.

    Source: drivers/nvme/host/tcp.c, nvme_tcp_alloc_queue(); transport in sysfs.
    """,
)

storage_fibre_channel = layer_rule(
    "storage-fibre-channel",
    Severity.NOTE,
    connected_by("fc"),
    Fix("See that more than one path leads there."),
    """A disk below is on a storage network (Fibre Channel).

    It is not known to deadlock, but page-outs wait as long as the path to the disk is away.

    Fix: have several paths, and let them fail after a finite time.

    Source: fast_io_fail_tmo, Documentation/scsi/scsi_fc_transport.rst.
    """,
)

storage_rbd = layer_rule(
    "storage-rbd",
    Severity.WARNING,
    of_kind("rbd"),
    Fix("Prefer a local disk; never use an image whose OSDs run on this machine."),
    """A Ceph block device lies below.

    It can deadlock when daemons of the cluster run on this machine and need its memory. Requests
    also wait for maps of the cluster when it changes, which takes memory.

    Fix: prefer a local disk.

    Source: drivers/block/rbd.c; net/ceph/messenger.c, which marks its sockets.
    """,
)

storage_drbd = layer_rule(
    "storage-drbd",
    Severity.WARNING,
    of_kind("drbd"),
    ELSEWHERE,
    """A replicated device lies below (DRBD).

    It can deadlock when the peer is lost: fencing is the work of processes, and until they answer
    all writes wait. Every page goes over the network besides.

    Fix: use a local device; a page has no use on another machine.

    Source: Documentation/admin-guide/blockdev/drbd; fencing in drbd.conf(5).
    """,
)

storage_zvol = layer_rule(
    "storage-zvol",
    Severity.UNSAFE,
    of_kind("zd"),
    ELSEWHERE,
    """A ZFS volume lies below.

    It can deadlock: every write allocates new blocks and memory in a transaction, which waits for
    the memory that the page-out is to free.

    Fix: use a partition.

    Source: OpenZFS documentation, "Swap on zvol"; openzfs/zfs issue 7734.
    """,
)


def _virtual(layer: Layer) -> tuple[Evidence, ...]:
    a = layer.attributes
    if layer.kind != "disk" or a is None:
        return ()
    if a.transport in ("virtio", "xen"):
        return seen("transport", a.transport)
    return seen("vendor", a.vendor) if a.vendor in ("QEMU", "VMware", "Msft", "VBOX") else ()


storage_virtual_disk = layer_rule(
    "storage-virtual-disk",
    Severity.NOTE,
    _virtual,
    Fix("See on the host that the disk is not overcommitted."),
    """A disk below is virtual: what carries it cannot be seen from here.

    It cannot deadlock this machine, because the host has memory of its own. Where the host
    allocates on write and runs out of space, pages are lost or the machine is stopped.

    Fix: give the machine a disk whose blocks are allocated.

    Source: drivers/block/virtio_blk.c; the device's place in sysfs.
    """,
)
