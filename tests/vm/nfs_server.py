"""The kernel's NFS server, started in a machine of its own: a guest that serves or does both."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

NFSD = Path("/proc/fs/nfsd")


def run(*words: str) -> str:
    """Run a tool; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def serve(root: Path, exports: Mapping[str, str], size: str = "64m") -> None:
    """Export directories below `root`, one tmpfs each, by their options in exports(5); the server
    stays until the machine ends."""
    # A tmpfs has no number of its own to tell clients, hence fsid; the root of NFSv4 is fsid 0.
    for name in exports:
        (root / name).mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "exports", str(root / name))
    run("modprobe", "nfsd")
    if not (NFSD / "threads").exists():
        run("mount", "-t", "nfsd", "nfsd", str(NFSD))
    pipes = Path("/var/lib/nfs/rpc_pipefs")
    pipes.mkdir(parents=True, exist_ok=True)
    if not (pipes / "nfs").exists():
        run("mount", "-t", "rpc_pipefs", "sunrpc", str(pipes))
    for state in ("/run/rpcbind", "/var/lib/nfs/sm", "/var/lib/nfs/v4recovery"):
        os.makedirs(state, exist_ok=True)
    run("rpcbind", "-w")
    # Clients of NFSv4 are not served during the time of grace, 90 seconds.
    for name in ("nfsv4gracetime", "nfsv4leasetime"):
        (NFSD / name).write_text("10")
    for name, options in exports.items():
        directory = str(root / name) if name else str(root)
        run("exportfs", "-o", f"{options},insecure,no_subtree_check,sync", f"*:{directory}")
    # Its children hold the output open, so it is not waited for through a pipe.
    subprocess.run(["rpc.mountd"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    run("rpc.nfsd", "4")
    with suppress(OSError):
        (NFSD / "v4_end_grace").write_text("Y")
