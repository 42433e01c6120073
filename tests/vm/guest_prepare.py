"""prepare, on, status, monitor and off where files cannot be unnamed: NFS and rare filesystems.

To be run as root in a machine of its own, like guest_nfs.py. Areas are activated and given back at
once.
"""

import errno
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pyroute2  # noqa: F401  loaded here once, not in every child
import pytest

from swapctl.entry import guarded
from swapctl.filesystems import lookup
from tests.kernel.loopfs import FILESYSTEMS, MIB, Filesystem, Mounted, make
from tests.kernel.oracle import compare
from tests.kernel.support import (
    LINGERING,
    PATIENCE,
    Done,
    area,
    document,
    findings,
    goes_on,
    held,
    unlike,
)
from tests.vm.nfs_server import VERSIONS, Client, run

HERE = "network-server-here"
ALLOW = ("--allow", HERE)
OWN_NAME = r"\.swap\.swapctl-[0-9a-f]{16}"
# Those that no machine of ours has, and that can be made here.
RARE = tuple(
    f
    for f in FILESYSTEMS
    if f.has("further") and (row := lookup(f.fstype)) and row.recipe == "write"
)
# Where the mount says what modes files have.
MASKED = dict.fromkeys(("vfat", "exfat"), "fmask=0177,dmask=0077")

each_version = pytest.mark.parametrize("version", VERSIONS)


def names(directory: Path) -> list[str]:
    """What is there, besides what mkfs makes."""
    return sorted(
        {p.name for p in directory.iterdir()} - {"lost+found", "System Volume Information"}
    )


def unnamed(home: Path) -> bool:
    """Whether the kernel makes files without a name here."""
    try:
        os.close(os.open(home, os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError as error:
        assert error.errno == errno.EOPNOTSUPP
        return False
    return True


def severe(path: Path) -> list[str]:
    (target,) = document(swapctl("check", "--json", path))["targets"]
    assert target["undecided"] == []
    return [f["rule"] for f in target["findings"] if f["severity"] in ("refused", "unsafe")]


class Child:
    """swapctl in a child that has everything loaded; in a guest a start takes seconds."""

    def __init__(self, *arguments: str | Path) -> None:
        self.arguments = [str(one) for one in arguments]
        self.files = os.memfd_create("stdout"), os.memfd_create("stderr")
        self.pid = os.fork()
        if self.pid == 0:
            code = 255
            try:
                for number, file in enumerate(self.files, 1):
                    os.dup2(file, number)
                sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
                code = guarded(self.arguments)
                print(end="", flush=True)
            finally:
                os._exit(code)

    def wait_for(self, directory: Path) -> str:
        """The name of the file under way, as soon as it is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for name in os.listdir(directory):
                if re.fullmatch(OWN_NAME, name):
                    return name
        raise AssertionError(self.end())

    def end(self) -> Done:
        _, status = os.waitpid(self.pid, 0)
        texts = []
        for file in self.files:
            texts.append(os.pread(file, MIB, 0).decode())
            os.close(file)
        return Done(self.arguments, os.waitstatus_to_exitcode(status), *texts)


def swapctl(*arguments: str | Path) -> Done:
    return Child(*arguments).end()


@pytest.fixture
def home(client: Client, request: pytest.FixtureRequest, version: str) -> Iterator[Path]:
    """A directory of root's own on a mount."""
    name = re.sub(r"\W", "-", request.node.name)
    (client.root / "open" / name).mkdir(mode=0o700)
    yield client.mount(version, "open") / name
    shutil.rmtree(client.root / "open" / name)


@each_version
def test_from_prepare_to_off(home: Path, version: str) -> None:
    path = home / "swap"
    done = swapctl("prepare", path, "--size", "4M", *ALLOW, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (made,) = document(done)["targets"]
    assert (made["changed"], made["method"], made["bytes"]) == (True, "write", 4 * MIB)
    assert (names(home), severe(path)) == (["swap"], [HERE])
    seen = path.stat()
    assert (seen.st_mode, seen.st_uid, seen.st_nlink, seen.st_size) == (0o100600, 0, 1, 4 * MIB)
    row = compare(f"nfs{version}", "prepared", str(path))
    assert row.agrees, row
    assert row.actual.accepts
    again = swapctl("prepare", path, "--size", "4M", *ALLOW)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    assert swapctl("on", path).returncode == 1
    assert swapctl("on", path, *ALLOW).returncode == 0
    assert area(path) is not None
    (listed,) = document(swapctl("status", "--json"))["areas"]
    assert (listed["name"], listed["fstype"][:3], listed["verdict"]) == (str(path), "nfs", "unsafe")
    sample = swapctl("monitor", "--count", "1", "--json")
    assert (sample.returncode, str(path) in sample.stdout) == (0, True)
    assert swapctl("off", path).returncode == 0
    assert area(path) is None


@each_version
def test_a_mount_that_makes_it_unsafe(client: Client, version: str) -> None:
    """Nothing is written, and every reason is given at once."""
    point = client.mount(version, "open", "softerr")
    done = swapctl("prepare", point / "swap", "--size", "4M", "--json")
    assert set(findings(done)) == {HERE, "nfs-soft"}
    done = swapctl("prepare", point / "swap", "--size", "4M", *ALLOW, "--json")
    assert list(findings(done)) == ["nfs-soft"]
    assert names(client.root / "open") == []


@each_version
def test_an_export_that_keeps_root_out(client: Client, version: str) -> None:
    for export, expected in (("squashed", "EACCES"), ("readonly", "EROFS")):
        path = client.mount(version, export) / "swap"
        done = swapctl("prepare", path, "--size", "4M", *ALLOW, "--json")
        assert done.returncode == 4
        assert document(done)["error"]["errno"] == expected
        assert names(client.root / export) == []


def disturbed(home: Path, disturb: Callable[[Child], object]) -> Done:
    """prepare, disturbed as soon as its file is there."""
    child = Child("prepare", home / "swap", "--size", "32M", *ALLOW)
    child.wait_for(home)
    disturb(child)
    return child.end()


def stop(sent: signal.Signals, child: Child) -> None:
    os.kill(child.pid, sent)


def assert_nothing_is_left(home: Path) -> None:
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        done = disturbed(home, partial(stop, sent))
        assert (done.returncode, done.stderr.strip(), names(home)) == (130, "", [])


def assert_only_a_kill_leaves_it(home: Path) -> None:
    done = disturbed(home, partial(stop, signal.SIGKILL))
    (left,) = names(home)
    assert (done.returncode, bool(re.fullmatch(OWN_NAME, left))) == (-signal.SIGKILL, True)
    (home / left).unlink()


def assert_nothing_is_replaced(home: Path) -> None:
    path = home / "swap"
    done = disturbed(home, lambda _: path.write_text("theirs"))
    assert (done.returncode, done.stdout) == (4, "")
    assert "something has taken the name meanwhile" in done.stderr
    assert (names(home), path.read_text()) == (["swap"], "theirs")
    done = swapctl("prepare", path, "--size", "4M", *ALLOW, "--json")
    assert list(findings(done)) == ["place-exists"]
    assert path.read_text() == "theirs"
    path.unlink()


@each_version
def test_nothing_is_left_or_replaced(home: Path, version: str) -> None:
    assert_nothing_is_left(home)
    assert_only_a_kill_leaves_it(home)
    assert_nothing_is_replaced(home)
    assert names(home) == []


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize("version", ["3", "4.2"])
def test_space_that_goes_after_the_look(
    client: Client, home: Path, tmp_path: Path, version: str
) -> None:
    """The server is full when its turn comes; with ALLOCATE that shows before all is written."""
    filler, log = client.root / "open" / "filler", tmp_path / "log"
    asked = ("prepare", home / "swap", "--size", "32M", *ALLOW)
    with held(log, "fallocate", *asked) as process:
        run("fallocate", "-l", "48M", str(filler))
        goes_on(process)
        _, text = process.communicate(timeout=LINGERING)
    filler.unlink()
    assert (process.returncode, "the filesystem is full" in text) == (4, True), text
    assert ("in one go" in text) == (version == "4.2")
    assert names(home) == []


@pytest.mark.needs("filesystem vfat", "tool mkfs.vfat")
def test_a_mount_that_opens_files_to_others(tmp_path: Path) -> None:
    """Before anything is written; the fix works as it stands."""
    (row,) = (f for f in FILESYSTEMS if f.name == "vfat")
    with ExitStack() as undo:
        mounted = make(row, tmp_path / "scratch", tmp_path, undo, written=True)
        path = mounted.path / "swap"
        done = swapctl("prepare", path, "--size", "4M", "--json")
        assert list(findings(done)) == ["file-mode"]
        assert names(mounted.path) == []
        (finding,) = document(done)["findings"]
        run("sh", "-ec", "\n".join(finding["fix"]["commands"]))
        assert swapctl("prepare", path, "--size", "4M").returncode == 0
        assert severe(path) == []


@pytest.fixture(
    params=[pytest.param(f, id=f.name, marks=pytest.mark.needs(*f.needs)) for f in RARE]
)
def rare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mounted]:
    row: Filesystem = request.param
    if row.fstype in MASKED:
        row = row._replace(options=MASKED[row.fstype])
    with ExitStack() as undo:
        mounted = make(row, tmp_path / "scratch", tmp_path, undo, written=True)
        if mounted.path.stat().st_mode & 0o022:  # NTFS lets everybody write to its root
            mounted.path.chmod(0o755)
        yield mounted


def test_rare_filesystems(rare: Mounted) -> None:
    home = rare.path / "home"
    home.mkdir(mode=0o700)
    path = home / "swap"
    done = swapctl("prepare", path, "--size", "16M", "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    (made,) = document(done)["targets"]
    assert made["verdict"] in ("ready", "usable")
    assert names(home) == ["swap"]
    row = compare(rare.filesystem.name, "prepared", str(path))
    assert row.agrees, row
    assert row.actual.accepts
    assert row.actual.usable and row.actual.usable >= 15 * MIB
    content = path.read_bytes()[os.sysconf("SC_PAGE_SIZE") :]
    assert content.count(0) == len(content) or unlike(content)
    path.unlink()
    if not unnamed(home):
        assert_nothing_is_left(home)
        assert_nothing_is_replaced(home)
