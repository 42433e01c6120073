"""`prepare` where files cannot be unnamed: every step of the way with a name that nobody asked for.

These filesystems can; O_TMPFILE is made to fail as it does on NFS and vfat, which guests have.
"""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.loopfs import Mounted
from tests.kernel.support import (
    COMMAND,
    HOLD,
    LINGERING,
    Done,
    cleared,
    goes_on,
    hold,
    ordinal,
    rows,
    settles,
    state,
    strace,
    swapctl,
    used,
    verdict,
    volume,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool strace")]

OWN_NAME = r"\.swap\.swapctl-[0-9a-f]{16}"
NO_RENAME = "renameat2:error=EINVAL"


@pytest.fixture(scope="module", params=rows("ext4", "xfs", "btrfs"))
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("named")) as mounted:
        yield mounted


@pytest.fixture
def home(every: Mounted) -> Iterator[Path]:
    with cleared(every.path / "home") as directory:
        yield directory


@pytest.fixture(scope="module")
def unnamed(every: Mounted, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Which of the calls of openat(2) is the one with O_TMPFILE."""
    log = tmp_path_factory.mktemp("calls") / "log"
    with cleared(every.path / "calibrate") as directory:
        for _ in range(2):  # the first one may write compiled modules
            done = swapctl("prepare", directory / "swap", "--size", "40M", before=strace(log))
            assert done.returncode == 0, done
            (directory / "swap").unlink()
    return ordinal(log, "openat", "O_TMPFILE")


def prepare(home: Path, log: Path, unnamed: int, *inject: str) -> Done:
    none = f"openat:error=EOPNOTSUPP:when={unnamed}"
    before = strace(log, none, *inject)
    return swapctl("prepare", home / "swap", "--size", "40M", before=before)


@pytest.mark.parametrize("inject", [(), (NO_RENAME,)], ids=["renamed", "linked"])
def test_the_product(
    every: Mounted, home: Path, tmp_path: Path, unnamed: int, inject: tuple[str, ...]
) -> None:
    log = tmp_path / "log"
    done = prepare(home, log, unnamed, *inject)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert verdict(home / "swap") == "ready"
    seen = (home / "swap").stat()
    assert (seen.st_mode, seen.st_uid, seen.st_nlink) == (0o100600, 0, 1)
    assert [one.name for one in home.iterdir()] == ["swap"]
    (made,) = re.findall(rf'openat\(\d+, "{OWN_NAME}", (\S+), 0600\)', log.read_text())
    assert set(made.split("|")) >= {"O_CREAT", "O_EXCL", "O_NOFOLLOW"}
    assert ("linkat(" in log.read_text()) == bool(inject)


FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "allocate": (("fallocate:error=ENOSPC",), "in one go: the filesystem is full"),
    "write": (("pwrite64:error=EIO:when=2",), "past the page cache: Input/output error"),
    "sync": (("fsync:error=EIO:when=1",), "all of it is on the disk: Input/output error"),
    "taken": (("renameat2:error=EEXIST",), "something has taken the name meanwhile"),
    "rename": (("renameat2:error=EIO",), "give it its name"),
    "link": ((NO_RENAME, "linkat:error=EMLINK"), "give it its name"),
    "directory": (("fsync:error=EIO:when=2",), "give it its name"),
    "directory, linked": ((NO_RENAME, "fsync:error=EIO:when=2"), "give it its name"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_call(
    every: Mounted, home: Path, tmp_path: Path, unnamed: int, fault: str
) -> None:
    inject, says = FAULTS[fault]
    (home / "other").write_bytes(b"somebody's")
    before, space = state(home), used(every)
    done = prepare(home, tmp_path / "log", unnamed, *inject)
    log = (tmp_path / "log").read_text()
    assert log.count("(INJECTED)") == 1 + len(inject)
    assert (done.returncode, done.stdout) == (4, ""), done
    for words in (says, str(home / "swap"), "Nothing was left behind."):
        assert words in done.stderr
    after = state(home)
    before.pop(str(home)), after.pop(str(home))
    assert after == before
    assert settles(every, space)


@pytest.mark.parametrize("inject", [(), (NO_RENAME,)], ids=["renamed", "linked"])
def test_a_name_that_is_taken_meanwhile(
    every: Mounted, home: Path, tmp_path: Path, unnamed: int, inject: tuple[str, ...]
) -> None:
    path, log = home / "swap", tmp_path / "log"
    none = f"openat:error=EOPNOTSUPP:when={unnamed}"
    before = strace(log, none, HOLD.format("fallocate"), *inject)
    asked = [*before, *COMMAND, "prepare", path, "--size", "40M"]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as process:
        try:
            hold(process, log, "fallocate")
            path.write_bytes(b"theirs")
            theirs = path.stat()
        finally:
            goes_on(process)
        _, text = process.communicate(timeout=LINGERING)
    assert process.returncode == 4
    assert "something has taken the name meanwhile" in text
    assert (path.stat(), path.read_bytes()) == (theirs, b"theirs")
    assert [one.name for one in home.iterdir()] == ["swap"]


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("call", ["fallocate", "pwrite64", "fsync", "renameat2"])
def test_a_signal_in_a_call(
    every: Mounted, home: Path, tmp_path: Path, unnamed: int, sent: str, call: str
) -> None:
    space = used(every)
    done = prepare(home, tmp_path / "log", unnamed, f"{call}:signal={sent}:when=1")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")
    names = [one.name for one in home.iterdir()]
    assert names == (["swap"] if call == "renameat2" else [])
    if names:
        assert verdict(home / "swap") == "ready"
        (home / "swap").unlink()
    assert settles(every, space)


def test_what_cannot_be_removed_is_named(
    every: Mounted, home: Path, tmp_path: Path, unnamed: int
) -> None:
    faults = ("pwrite64:error=ENOSPC:when=2", "unlinkat:error=EIO")
    done = prepare(home, tmp_path / "log", unnamed, *faults)
    assert (done.returncode, done.stdout) == (4, "")
    (left,) = home.iterdir()
    assert re.fullmatch(OWN_NAME, left.name)
    assert f"rm {left}" in done.stderr
    assert "Nothing was left behind" not in done.stderr


def test_only_a_kill_leaves_it(every: Mounted, home: Path, tmp_path: Path, unnamed: int) -> None:
    """Under a name by which it can be found; the next run is not disturbed by it."""
    done = prepare(home, tmp_path / "log", unnamed, "pwrite64:signal=SIGKILL:when=2")
    assert done.returncode == -signal.SIGKILL
    (left,) = home.iterdir()
    assert re.fullmatch(OWN_NAME, left.name)
    assert left.stat().st_mode == 0o100600
    assert prepare(home, tmp_path / "log", unnamed).returncode == 0
    assert {one.name for one in home.iterdir()} == {"swap", left.name}
