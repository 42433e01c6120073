"""The EXAMPLES of the pages of section 8, run as they stand there.

Their paths are those of a whole machine: `/` is an XFS image of the test's own, in a mount
namespace and below a changed root, with this machine's programs in it and a btrfs image on /data.
Only sizes and times are made smaller. No systemd runs there, so nothing is started, and the journal
is one of the test's own.
"""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from swapctl.linux import libc, swaps
from tests.conftest import UNLOGGED
from tests.kernel.journald import journald
from tests.kernel.loopfs import FILESYSTEMS, MIB, make
from tests.test_linters import ROOT

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs(
        *("CAP_SYS_ADMIN", "loop devices", UNLOGGED, "tool jq"),
        *("filesystem xfs", "filesystem btrfs", "tool mkfs.xfs", "tool mkfs.btrfs"),
    ),
]

SMALLER = {
    "8G": "64M",
    "50%RAM": "48M",
    "512M": "24M",
    "--interval 2": "--interval 0.1",
    "enable --now": "enable",
}
# `auto` has to fit, on a machine of any size; nothing is written for it.
SIZE = 65536 * MIB
ATTEMPTS = 5


class Expected(NamedTuple):
    """What has to be done before, what an example has to print, and what it says besides."""

    before: str
    prints: str
    says: str = r"\A\Z"


MADE = "swapctl prepare --quiet /swapfile --size 64M"
EXPECTED = {
    "swapctl check /swapfile": Expected(MADE, r"\A/swapfile: (ready|usable)"),
    "swapctl prepare --size 8G --fs xfs": Expected("", r"/swapfile: .*64\.0 MiB"),
    "swapctl prepare /data/swap/swapfile --size 50%RAM --on": Expected(
        "mkdir -p /data/swap", r"/data/swap/swapfile: .*48\.0 MiB"
    ),
    "swapctl prepare --size auto --dry-run": Expected("", r"would .*GiB"),
    "swapctl enable /var/swap/swapfile --size 50%RAM --max-share 25%": Expected(
        "", r"var-swap-swapfile\.swap"
    ),
    "swapctl facts /swapfile >facts.json\nswapctl check --facts facts.json": Expected(
        MADE, r"\A/swapfile: (ready|usable)"
    ),
    "swapctl prove /swapfile --size 512M": Expected(MADE, r"proven"),
    "swapctl check --json /swapfile |\n"
    "    jq -r '.targets[].findings[] | select(.severity == \"refused\").rule'": Expected(
        f"{MADE}; fallocate --punch-hole --offset 1M --length 1M /swapfile", r"\Afile-holes\n\Z"
    ),
    "swapctl check --format nagios /swapfile": Expected(MADE, r"OK"),
    # Areas that others activate are events of their own.
    "swapctl monitor --interval 2 --count 10 --json": Expected("", r"\A(\{.*\}\n){10,}\Z"),
}
UNITS = f"cp {ROOT}/packaging/systemd/swapctl-* /etc/systemd/system"
LOG = (
    f"{MADE}; swapon /swapfile; chmod 644 /swapfile; swapctl status --format journal /swapfile; "
    "swapoff /swapfile; journalctl --sync"
)
EXPECTED_OF_UNITS = {
    "swapctl enable /var/swap/swapfile --size 512M": Expected(
        "", r"wrote /etc/swapctl\.conf\.d/50-var-swap-swapfile\.conf"
    ),
    "journalctl -b -u swapctl-prepare@var-swap-swapfile.service": Expected(
        "", r"\A-- No entries --\n\Z"
    ),
    "systemd-escape --path --template=swapctl-prepare@.service '/srv/swap file'": Expected(
        "", r"\Aswapctl-prepare@srv-swap\\x20file\.service\n\Z"
    ),
    "systemctl enable --now swapctl-monitor.timer": Expected(
        UNITS, r"\A\Z", r"timers\.target\.wants/swapctl-monitor\.timer"
    ),
    "journalctl -b -x -t swapctl -p notice": Expected(LOG, r"/swapfile: (unsafe|warning) "),
    "journalctl -o json SWAPCTL_PATH=/swapfile |\n"
    "    jq -r 'select(.SWAPCTL_VERDICT).SWAPCTL_USED_BYTES'": Expected(LOG, r"\A(\d+\n)+\Z"),
}
UNIT_PAGES = ("swapctl-prepare@.service.8", "swapctl-monitor.service.8")


def examples(name: str) -> list[str]:
    """The literal lines and displays of the section."""
    page = (ROOT / "man" / name).read_text(encoding="utf-8")
    section = page.partition(".Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    found = re.findall(r"^\.Dl (.*)$|^\.Bd .*\n((?:.*\n)*?)\.Ed$", section, re.MULTILINE)
    return [(line or display).strip() for line, display in found]


# Shows the test's own root to one shell command, with the programs of this machine in it.
WORLD = """
root=$1 command=$2
shift 2
for path; do
    if [ -d "$path" ]; then mkdir -p "$root$path"; fi
    mount --rbind "$path" "$root$path"
done
mkdir -p "$root$IMAGES"
mount --bind "$IMAGES" "$root$IMAGES"
mount --bind "$DATA" "$root/data"
exec chroot "$root" sh -c "cd /; $command"
"""


class World:
    """A machine on two images."""

    def __init__(self, root: Path, data: Path, scratch: Path) -> None:
        self.root = root
        self._data = data
        (root / "data").mkdir()
        # Examples that configure the machine configure this one.
        subprocess.run(["cp", "-a", "/etc", root / "etc"], check=False)  # some may go meanwhile
        shown = ["/usr", "/dev", "/proc", "/sys", sys.base_prefix, sys.prefix, str(ROOT)]
        for name in ("bin", "sbin", "lib", "lib64"):
            path = Path("/", name)
            if path.is_symlink():
                (root / name).symlink_to(path.readlink())
            elif path.is_dir():
                shown.append(str(path))
        self._shown = [path for path in shown if not path.startswith("/usr/")]
        # The loop devices' files have to be found by their names.
        self._images = scratch

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        path = f"{sys.prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        base = {
            "PATH": path,
            "LC_ALL": "C.UTF-8",
            "DATA": str(self._data),
            "IMAGES": str(self._images),
        }
        return subprocess.run(
            ["unshare", "-m", "sh", "-euc", WORLD, "sh", self.root, command, *self._shown],
            env=base,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def clear(self) -> None:
        """No areas, no files."""
        for file in (self.root / "swapfile", self._data / "swap/swapfile"):
            if file.exists():
                _deactivate(file)
                file.unlink()


def _deactivate(file: Path) -> None:
    """If it is active. Its name in /proc/swaps is that of a namespace that is gone."""
    try:
        libc.swapoff(os.fsencode(file))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scratch = tmp_path_factory.mktemp("examples")
    rows = {f.name: f._replace(size=SIZE) for f in FILESYSTEMS}
    with ExitStack() as undo:
        xfs = make(rows["xfs"], scratch / "xfs", scratch, undo)
        btrfs = make(rows["btrfs"], scratch / "btrfs", scratch, undo)
        yield World(xfs.path, btrfs.path, scratch)


@pytest.fixture
def world(machine: World) -> Iterator[World]:
    yield machine
    machine.clear()


def test_every_example_is_tried() -> None:
    assert examples("swapctl.8") == list(EXPECTED)
    assert [one for page in UNIT_PAGES for one in examples(page)] == list(EXPECTED_OF_UNITS)
    text = "\n".join((*EXPECTED, *EXPECTED_OF_UNITS))
    assert [long for long in SMALLER if long not in text] == []


@pytest.mark.parametrize("example", EXPECTED, ids=lambda e: " ".join(e.split()[:3]))
def test_example(world: World, example: str) -> None:
    hold(world, example, EXPECTED[example])


@pytest.fixture(scope="module")
def logging(machine: World) -> Iterator[World]:
    with journald(machine.root / "run"):
        yield machine


@pytest.mark.needs("tool systemctl", "tool journalctl", "systemd-journald")
@pytest.mark.parametrize("example", EXPECTED_OF_UNITS, ids=lambda e: " ".join(e.split()[:5]))
def test_example_of_a_unit(logging: World, world: World, example: str) -> None:
    assert logging is world
    hold(world, example, EXPECTED_OF_UNITS[example])


def hold(world: World, example: str, expected: Expected) -> None:
    """Run it, and see whether it does what is expected."""
    if expected.before:
        done = world.run(expected.before)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    command = example
    for long, short in SMALLER.items():
        command = command.replace(long, short)
    done = world.run(command)
    for _ in range(ATTEMPTS):
        # Areas of other people that take the pages leave a proof undecided.
        if done.returncode != 3 or not swaps.read():
            break
        done = world.run(command)
    assert done.returncode == 0, done
    assert re.search(expected.says, done.stderr), done.stderr
    assert re.search(expected.prints, done.stdout), done.stdout
