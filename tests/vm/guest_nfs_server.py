"""The guest that serves swap to another one: python -m tests.vm.guest_nfs_server ADDRESS.

It exports a tmpfs until the other guest says that it is done, then looks at the file as a client of
its own.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.vm.nfs_server import run, serve

PORT = 4000
EXPORTS = {"": "rw,no_root_squash,fsid=0"}


def main() -> None:
    (address,) = sys.argv[1:]
    root, point = Path("/srv/export"), Path("/srv/own-client")
    for directory in (root, point):
        directory.mkdir(parents=True)
    with socket.create_server((address, PORT)) as done:
        serve(root, EXPORTS, "256m")
        peer, _ = done.accept()
        with peer:
            name = peer.recv(100).decode()
    run("mount", "-t", "nfs", "-o", "vers=4.2,hard", f"{address}:/", str(point))
    checked = subprocess.run(
        [sys.executable, "-m", "swapctl", "check", "--json", str(point / name)],
        stdout=subprocess.PIPE,
        check=False,
    )
    run("umount", str(point))
    run("rpc.nfsd", "0")
    (target,) = json.loads(checked.stdout)["targets"]
    figures = {
        "check": checked.returncode,
        "findings": {f["rule"]: f["severity"] for f in target["findings"]},
    }
    Path(os.environ["OUT"], "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
