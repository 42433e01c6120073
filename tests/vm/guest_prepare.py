"""prepare, on, status, monitor and off where files cannot be unnamed: NFS and rare filesystems.

To be run as root in a machine of its own, like guest_nfs.py. Areas are activated and given back at
once.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.filesystems import lookup
from tests.kernel.loopfs import FILESYSTEMS, MIB, Filesystem, Mounted, make
from tests.kernel.oracle import compare
from tests.kernel.support import (
    COMMAND,
    LINGERING,
    area,
    document,
    findings,
    strace,
    swapctl,
    wait_until,
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

each_version = pytest.mark.parametrize("version", VERSIONS)


def names(directory: Path) -> list[str]:
    """What is there, besides what mkfs makes."""
    return sorted(
        {p.name for p in directory.iterdir()} - {"lost+found", "System Volume Information"}
    )


def severe(path: Path) -> list[str]:
    (target,) = document(swapctl("check", "--json", path))["targets"]
    assert target["undecided"] == []
    return [f["rule"] for f in target["findings"] if f["severity"] in ("refused", "unsafe")]


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
    for export, errno in (("squashed", "EACCES"), ("readonly", "EROFS")):
        path = client.mount(version, export) / "swap"
        done = swapctl("prepare", path, "--size", "4M", *ALLOW, "--json")
        assert done.returncode == 4
        # NFSv3 asks for access first, and the answer does not say why there is none.
        expected = "EACCES" if version == "3" else errno
        assert document(done)["error"]["errno"] == expected
        assert names(client.root / export) == []


def stopped(log: Path, path: Path, *inject: str) -> subprocess.CompletedProcess[str]:
    return swapctl("prepare", path, "--size", "20M", *ALLOW, before=strace(log, *inject))


def assert_nothing_is_left(home: Path, log: Path) -> None:
    for sent in ("SIGINT", "SIGTERM", "SIGHUP"):
        done = stopped(log, home / "swap", f"pwrite64:signal={sent}:when=1")
        assert (done.returncode, names(home)) == (130, []), done
    for call in ("pwrite64", "fsync"):
        done = stopped(log, home / "swap", f"{call}:error=EIO:when=1")
        assert (done.returncode, names(home)) == (4, []), done
        assert "Nothing was left behind." in done.stderr


def assert_only_a_kill_leaves_it(home: Path, log: Path) -> None:
    done = stopped(log, home / "swap", "pwrite64:signal=SIGKILL:when=1")
    (left,) = names(home)
    assert (done.returncode, bool(re.fullmatch(OWN_NAME, left))) == (-signal.SIGKILL, True)
    (home / left).unlink()


def assert_nothing_is_replaced(home: Path, log: Path) -> None:
    path = home / "swap"
    path.write_bytes(b"theirs")
    done = swapctl("prepare", path, "--size", "4M", *ALLOW, "--json")
    assert list(findings(done)) == ["place-exists"]
    assert path.read_bytes() == b"theirs"
    path.unlink()
    before = strace(log, "fsync:delay_enter=2000000:when=1")
    asked = [*before, *COMMAND, "prepare", path, "--size", "4M", *ALLOW]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: log.exists() and "fsync(" in log.read_text())
        path.write_bytes(b"theirs")
        _, text = process.communicate(timeout=LINGERING)
    assert (process.returncode, "something has taken the name meanwhile" in text) == (4, True), text
    assert (names(home), path.read_bytes()) == (["swap"], b"theirs")
    path.unlink()


@pytest.mark.needs("tool strace")
@each_version
def test_nothing_is_left_or_replaced(home: Path, tmp_path: Path, version: str) -> None:
    assert_nothing_is_left(home, tmp_path / "log")
    assert_only_a_kill_leaves_it(home, tmp_path / "log")
    assert_nothing_is_replaced(home, tmp_path / "log")
    time.sleep(0.1)
    assert names(home) == []


@pytest.mark.needs("tool strace")
@each_version
def test_space_that_goes_after_the_look(
    client: Client, home: Path, tmp_path: Path, version: str
) -> None:
    """The server is full when its turn comes."""
    log, filler = tmp_path / "log", client.root / "open" / "filler"
    before = strace(log, "fallocate:delay_enter=2000000")
    asked = [*before, *COMMAND, "prepare", home / "swap", "--size", "32M", *ALLOW]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: log.exists() and "fallocate(" in log.read_text())
        run("fallocate", "-l", "48M", str(filler))
        _, text = process.communicate(timeout=LINGERING)
    filler.unlink()
    assert (process.returncode, "the filesystem is full" in text) == (4, True), text
    assert names(home) == []
    # With ALLOCATE it is known before anything is written.
    assert ("in one go" in text) == (version == "4.2")


@pytest.fixture(
    params=[pytest.param(f, id=f.name, marks=pytest.mark.needs(*f.needs)) for f in RARE]
)
def rare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mounted]:
    row: Filesystem = request.param
    with ExitStack() as undo:
        yield make(row, tmp_path / "scratch", tmp_path, undo)


@pytest.mark.needs("tool strace")
def test_filesystems_without_unnamed_files(rare: Mounted, tmp_path: Path) -> None:
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
    assert content.count(0) == len(content)
    path.unlink()
    assert_nothing_is_left(home, tmp_path / "log")
    assert_nothing_is_replaced(home, tmp_path / "log")
