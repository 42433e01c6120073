"""Small Debian systems of a suite to run commands in, without booting.

They are made by mmdebstrap from the archive that this machine uses, and kept in the cache for a
week. What a command writes into one is gone when it ends.
"""

import fcntl
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vm.kernels import archive, cache, run

FRESH = 7 * 24 * 3600
# In each: `enter` leaves this machine behind with it.
NEEDED = "mount"
# What this machine's apt is told about the archive holds there too: it may be a copy that stands
# still, or be behind a proxy.
SETTINGS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::http::Proxy")
# What nobody reads there.
LEFT_OUT = ("doc", "man", "info", "locale")
QUICK = "force-unsafe-io"
ENTER = Path(__file__).with_name("enter")


def _make(suite: str, packages: Sequence[str], root: Path) -> None:
    excluded = [QUICK, *(f"path-exclude=/usr/share/{name}/*" for name in LEFT_OUT)]
    settings = [
        "Acquire::Languages none",
        "Acquire::Retries 5",
        *run("apt-config", "dump", *SETTINGS).splitlines(),
    ]
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        made = Path(name) / "made"
        run(
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=apt"),
            *(f"--dpkgopt={option}" for option in excluded),
            *(f"--aptopt={setting}" for setting in settings),
            *(f"--include={','.join((NEEDED, *packages))}", suite, str(made), archive()),
        )
        # Later packages are installed whole.
        (made / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").write_text(f"{QUICK}\n")
        run("rm", "-rf", "--one-file-system", str(root))
        made.rename(root)


def system(suite: str, name: str, packages: Sequence[str]) -> Path:
    """The root of a minimal system of the suite with these packages and what they depend on; an old
    one where the archive is out of reach. `name` tells it from others of the suite.

    Raises OSError with what mmdebstrap said.
    """
    root = cache() / f"{suite}-{name}-root"
    stamp, listed = root.with_suffix(".packages"), "".join(f"{each}\n" for each in packages)
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        same = stamp.exists() and stamp.read_text() == listed
        if same and time.time() - stamp.stat().st_mtime < FRESH:
            return root
        try:
            _make(suite, packages, root)
        except OSError as error:
            if not same:
                raise
            print(f"{root}: not renewed: {error}", file=sys.stderr)
        stamp.write_text(listed)
    return root


def inside(root: Path, command: Sequence[str], shares: Mapping[str, Path]) -> list[str]:
    """The words that run `command` in the system at `root`. `shares` are directories of this
    machine by where they are seen there; only what is written to them stays.

    Mounts and processes are its own, and its network has no devices; the kernel, its devices and
    the areas in use are those of this machine.
    """
    apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
    seen = [f"{inner}={outer}" for inner, outer in shares.items()]
    return [*apart, str(ENTER), str(root), *seen, "--", *command]
