"""The kernel's NFS server and its clients, in a machine of their own: a guest."""

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.kernel.loopfs import unmount

NFSD = Path("/proc/fs/nfsd")
VERSIONS = ("3", "4.0", "4.1", "4.2")
# Of a guest that is its own client.
ADDRESS = "10.77.0.1"
# Directory below the root of the exports: the options that it is exported with.
EXPORTS = {
    "": "rw,no_root_squash,fsid=0",
    "open": "rw,no_root_squash,fsid=1",
    "readonly": "ro,no_root_squash,fsid=2",
    "squashed": "rw,root_squash,fsid=3",
}


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


class Client:
    """Mounts exports of this machine for as long as one test lasts."""

    def __init__(self, root: Path, scratch: Path, undo: ExitStack) -> None:
        self.root, self.scratch, self.undo = root, scratch, undo

    def mount(self, version: str, export: str, *options: str) -> Path:
        """The mounted export; the path of an export differs between NFSv3 and NFSv4."""
        path = f"{self.root}/{export}" if version == "3" else f"/{export}"
        point = self.scratch / f"{export}-{len(list(self.scratch.iterdir()))}"
        point.mkdir()
        words = ",".join((f"vers={version}", "nolock", "nosharecache", *options))
        run("mount", "-t", "nfs", "-o", words, f"{ADDRESS}:{path}", str(point))
        self.undo.callback(unmount, point)
        return point
