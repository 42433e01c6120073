"""Rules about files on NFS: what activation asks for, and how the filesystem is mounted."""

from collections.abc import Iterator

from swapctl.facts import Mount, Snapshot, Unknown, need
from swapctl.network_facts import NetworkFacts, NfsMount
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import STAT, on, open_errno, release, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes

MOUNTINFO = "mountinfo"
MOUNTSTATS = "/proc/self/mountstats"
# Options of an existing mount that a new one has to be given again.
_KEPT = ("vers", "proto", "sec", "xprtsec", "nconnect", "port")
MIB = 2**20

nfs = on("nfs", "nfs4")


def the_network(s: Snapshot) -> NetworkFacts:
    """What is known of the server; only for rules that apply where there is one."""
    return need(s.network) or need(Unknown("server", "the file is on none"))


def the_mount(s: Snapshot) -> NfsMount:
    """How the NFS filesystem is mounted."""
    return need(the_network(s).nfs) or need(Unknown("NFS mount", "the file is on none"))


def again(s: Snapshot, reason: str, **changes: str) -> Fix:
    """Mount the filesystem anew with other options; most cannot be changed by a remount."""
    mount: Mount = need(s.mount) or need(Unknown("mount", "none found"))
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    kept = {name: value for name, value in options.items() if name in _KEPT}
    words = ["hard", *(f"{name}={value}" for name, value in {**kept, **changes}.items() if value)]
    path, source = quoted(mount.path), quoted(mount.source)
    wanted = quoted(",".join(words))
    return Fix(reason, (f"umount {path}", f"mount -t {mount.fstype} -o {wanted} {source} {path}"))


@rule("nfs-holes", Severity.REFUSED, stage=Stage.MAP, when=nfs)
def nfs_holes(s: Snapshot) -> Iterator[Violation]:
    """The file has fewer blocks than its size needs.

    The client cannot map a file on a server. It compares the number of blocks that the server
    reports with the size, and takes a difference for holes.

    A server whose filesystem compresses or keeps no count may report too few for a full file.

    Fix: write the file from front to back, with data that the server cannot compress.

    Source: nfs_swap_activate(), fs/nfs/file.c.
    """
    file = the_file(s)
    present = file.blocks_512 * 512
    if present < file.size:
        count = max(file.size // MIB, 1)
        path = quoted(s.path)
        yield Violation(
            (
                Evidence(
                    "blocks",
                    file.blocks_512,
                    f"{format_bytes(present)} for a size of {format_bytes(file.size)}",
                    STAT,
                ),
            ),
            Fix(
                "Write all of it:",
                (
                    f"dd if=/dev/zero of={path} bs=1M count={count} conv=fsync",
                    f"mkswap {path}",
                ),
            ),
            errno="EINVAL",
            log="swap activate: swapfile has holes",
        )


@rule("nfs-unsupported", Severity.REFUSED, stage=Stage.MAP, when=nfs)
def nfs_unsupported(s: Snapshot) -> Iterator[Violation]:
    """The kernel was built without swap over NFS.

    Activation asks the RPC layer to keep memory in reserve for its sockets. Without the option
    that function only says EINVAL, and nothing is logged.

    Fix: use a kernel with CONFIG_NFS_SWAP, or a local filesystem.

    Source: rpc_clnt_swap_activate(), include/linux/sunrpc/clnt.h; CONFIG_SUNRPC_SWAP.
    """
    file = the_file(s)
    if not need(the_mount(s).swap_supported):
        yield Violation(
            (Evidence("CONFIG_SUNRPC_SWAP", False, "not set", "kernel configuration"),),
            Fix("Use a kernel with CONFIG_NFS_SWAP=y, or a local filesystem."),
            errno="EINVAL",
            # The comparison of blocks with the size comes first.
            at=file.size,
        )


@rule("nfs-root-squash", Severity.REFUSED, stage=Stage.OPEN, when=nfs)
def nfs_root_squash(s: Snapshot) -> Iterator[Violation]:
    """The server keeps root out.

    swapon(2) opens the file as root, and the server takes root for somebody without rights
    (root_squash, the default of exports). Giving the file to that user would open it to everybody
    whom the server maps to the same user.

    With NFSv3 an export for reading only looks the same; the other versions answer EROFS.

    Fix: export the directory to this client alone with rw,no_root_squash, then mount it anew.

    Source: exports(5), root_squash; open(2), EACCES.
    """
    errno = open_errno(s)
    caller = need(s.caller)
    if errno in ("EACCES", "EPERM") and caller.uid == 0:
        file = the_file(s)
        yield Violation(
            (
                Evidence("open", errno, f"{errno} for root", "open(2)"),
                Evidence("owner", file.uid, f"uid {file.uid}, mode {file.mode:04o}", STAT),
            ),
            again(s, "Set rw,no_root_squash for this client in the server's exports(5), then:"),
            errno=errno,
        )


@rule("nfs-writes-fail", Severity.UNSAFE, when=nfs)
def nfs_writes_fail(s: Snapshot) -> Iterator[Violation]:
    """On this kernel every page that is swapped out to NFS is lost.

    Since Linux 5.4 ("vfs: don't allow writes to swap files") the direct writes of the NFS client
    were refused for a file that is active as swap: activation works, swapping out does not.

    Linux 5.18 mends it ("NFS: swap IO handling is slightly different for O_DIRECT IO"). The mend
    has been taken over into some long-term releases; on 5.4, 5.10 and 5.15 to 5.17 the release does
    not tell, and the rule stays undecided.

    Fix: use Linux 5.18 or newer.

    Source: commits dc617f29dbe5 and 64158668ac8b; generic_write_checks(), fs/read_write.c.
    """
    version = release(s)
    if not (5, 4) <= version < (5, 18):
        return
    if version in ((5, 4), (5, 10)) or version >= (5, 15):
        need(Unknown("swap writes to NFS", f"broken in {s.host.kernel} unless it was mended there"))
    yield Violation(
        (Evidence("kernel", s.host.kernel, s.host.kernel, "uname(2)"),),
        Fix("Use Linux 5.18 or newer."),
    )


@rule("nfs-soft", Severity.UNSAFE, when=nfs)
def nfs_soft(s: Snapshot) -> Iterator[Violation]:
    """The mount gives up when the server is slow.

    With soft, softerr or softreval a request fails after its time is over. A page that cannot be
    read back kills the process that needs it, one that cannot be written is lost.

    Fix: mount the filesystem with hard, which waits for the server.

    Source: nfs(5), soft, softerr and softreval.
    """
    mount = the_mount(s)
    words = [mount.recovery] if mount.recovery != "hard" else []
    words += ["softreval"] if mount.softreval else []
    if words:
        yield Violation(
            tuple(Evidence("option", word, word, MOUNTINFO) for word in words),
            again(s, "Mount it with hard:"),
        )


@rule("nfs-kerberos", Severity.UNSAFE, when=nfs)
def nfs_kerberos(s: Snapshot) -> Iterator[Violation]:
    """The mount needs Kerberos credentials.

    When they expire the kernel asks rpc.gssd, a process, for new ones. It may be swapped out
    itself, or need the memory that the page-out is to free: then both wait for each other.

    Fix: mount with sec=sys over a network that is trusted.

    Source: gss_refresh_upcall(), net/sunrpc/auth_gss/auth_gss.c; rpc.gssd(8).
    """
    mount = the_mount(s)
    if mount.security.startswith("krb5"):
        yield Violation(
            (Evidence("sec", mount.security, f"sec={mount.security}", MOUNTINFO),),
            again(s, "Mount it with sec=sys:", sec="sys"),
        )


@rule("nfs-tls", Severity.UNSAFE, when=nfs)
def nfs_tls(s: Snapshot) -> Iterator[Violation]:
    """The mount is secured with TLS.

    Every new connection is negotiated by tlshd, a process, and connections break exactly when
    memory is short. The process may be swapped out itself, and then nothing goes on.

    Fix: mount with xprtsec=none over a network that is trusted.

    Source: xs_tls_handshake_sync(), net/sunrpc/xprtsock.c; tlshd(8).
    """
    mode = the_mount(s).transport_security
    if mode != "none":
        yield Violation(
            (Evidence("xprtsec", mode, f"xprtsec={mode}", MOUNTINFO),),
            again(s, "Mount it with xprtsec=none:", xprtsec="none"),
        )
