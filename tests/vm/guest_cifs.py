"""CIFS in one machine: Samba and the kernel's client, and swapon(2) as oracle.

To be run as root in a machine of its own, since it starts a server:
`python -m pytest tests/vm/guest_cifs.py`. It needs samba. Areas are activated and given back
at once; nothing is swapped out to a server that is this machine.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.gather import snapshot
from swapctl.rules import judge
from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import unmount
from tests.kernel.oracle import Agreed

VERSIONS = ("2.1", "3.0", "3.1.1")
# A handle stays open for a second (closetimeo) after its file was closed; while there is one for
# writing the client keeps a count of blocks of its own.
CLOSED = 2.5
SHARES = {"open": "writeable = yes", "readonly": "read only = yes"}

Make = Callable[[Path], None]


def run(*words: str) -> str:
    """Run a tool; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directories that are served; the server stays until the machine ends."""
    root = tmp_path_factory.mktemp("shares")
    lines = [
        "[global]",
        *(f"{name} directory = {root}" for name in ("lock", "state", "cache", "pid")),
        f"private dir = {root}",
        f"ncalrpc dir = {root}/ncalrpc",
        f"log file = {root}/log",
        "map to guest = bad user",
        "disable netbios = yes",
        "load printers = no",
        "interfaces = lo",
        "bind interfaces only = yes",
    ]
    for name, access in SHARES.items():
        (root / name).mkdir()
        lines += [f"[{name}]", f"path = {root / name}", access]
        lines += ["guest ok = yes", "force user = root", "force group = root"]
    settings = root / "smb.conf"
    settings.write_text("\n".join(lines) + "\n")
    run("ip", "link", "set", "lo", "up")
    # It goes on in the background and holds the output open.
    words = ["smbd", "--daemon", f"--configfile={settings}"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return root


class Client:
    """Mounts shares for as long as one test lasts."""

    def __init__(self, root: Path, scratch: Path, undo: ExitStack) -> None:
        self.root, self.scratch, self.undo = root, scratch, undo

    def mount(self, fstype: str, share: str, *options: str) -> Path:
        """The mounted share; the server listens a while after it was started."""
        point = self.scratch / f"{share}-{len(list(self.scratch.iterdir()))}"
        point.mkdir()
        words = ["sec=none", "ip=127.0.0.1", "file_mode=0600", *options]
        command = ["mount", "-i", "-t", fstype, "-o", ",".join(words), f"//127.0.0.1/{share}"]
        for _ in range(60):
            done = subprocess.run([*command, point], capture_output=True, text=True, check=False)
            if not done.returncode:
                break
            time.sleep(0.5)
        assert not done.returncode, done.stderr
        self.undo.callback(unmount, point)
        return point


@pytest.fixture
def client(shares: Path, tmp_path: Path) -> Iterator[Client]:
    with ExitStack() as undo:
        yield Client(shares, tmp_path, undo)


def written(path: Path) -> None:
    """A full swapfile."""
    path.write_bytes(header(PAGES) + os.urandom((PAGES - 1) * PAGE))


def sparse(path: Path) -> None:
    path.write_bytes(header(PAGES))
    os.truncate(path, PAGES * PAGE)


def preallocated(path: Path) -> None:
    run("fallocate", "-l", str(PAGES * PAGE), str(path))
    with path.open("r+b") as file:
        file.write(header(PAGES))


def punched(path: Path) -> None:
    written(path)
    run("fallocate", "-p", "-o", str(8 * PAGE), "-l", str(4 * PAGE), str(path))


def short_header(path: Path) -> None:
    path.write_bytes(header(PAGES // 2) + os.urandom((PAGES - 1) * PAGE))


def long_header(path: Path) -> None:
    path.write_bytes(header(PAGES + 1) + os.urandom((PAGES - 1) * PAGE))


def odd_size(path: Path) -> None:
    written(path)
    with path.open("ab") as file:
        file.write(b"x" * 100)


def headerless(path: Path) -> None:
    path.write_bytes(os.urandom(PAGES * PAGE))


def one_page(path: Path) -> None:
    path.write_bytes(header(1))


def empty(path: Path) -> None:
    path.touch()


MAKERS = (
    written,
    sparse,
    preallocated,
    punched,
    short_header,
    long_header,
    odd_size,
    headerless,
    one_page,
    empty,
)
each = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@each
@pytest.mark.parametrize("version", VERSIONS)
def test_made_on_the_server(client: Client, version: str, make: Make, agreed: Agreed) -> None:
    make(client.root / "open" / f"{version}-{make.__name__}")
    path = client.mount("cifs", "open", f"vers={version}") / f"{version}-{make.__name__}"
    agreed(f"cifs-{version}", make.__name__.replace("_", "-"), path)


@each
@pytest.mark.parametrize("fstype", ["cifs", "smb3"])
def test_made_through_the_mount(client: Client, fstype: str, make: Make, agreed: Agreed) -> None:
    path = client.mount(fstype, "open") / f"{fstype}-{make.__name__}"
    make(path)
    time.sleep(CLOSED)
    agreed(fstype, make.__name__.replace("_", "-"), path)


@pytest.mark.parametrize("share, option", [("readonly", "rw"), ("open", "ro")])
def test_read_only(client: Client, share: str, option: str, agreed: Agreed) -> None:
    written(client.root / share / f"ro-{option}")
    path = client.mount("cifs", share, option) / f"ro-{option}"
    agreed("cifs", f"share-{share}-mounted-{option}", path)


def test_accepted_is_not_safe(client: Client, agreed: Agreed) -> None:
    """One of the two, by what the kernel can do."""
    written(client.root / "open" / "unsafe")
    path = client.mount("cifs", "open") / "unsafe"
    found = {finding.rule_id for finding in judge(snapshot(str(path))).outcome.findings}
    accepted = agreed("cifs", "by-the-default-version", path).actual.accepts
    wanted = "filesystem-hazard" if accepted else "filesystem-unsupported"
    assert {"filesystem-hazard", "filesystem-unsupported"} & found == {wanted}
