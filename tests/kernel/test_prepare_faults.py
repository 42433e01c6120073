"""Whatever stops `prepare`, wherever: nothing is left behind, nothing of others is touched."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import UNLOGGED
from tests.kernel.loopfs import MIB, Filesystem, Mounted
from tests.kernel.support import (
    COMMAND,
    LINGERING,
    ROWS,
    cleared,
    goes_on,
    held,
    ordinal,
    private,
    rows,
    settles,
    state,
    strace,
    swapctl,
    used,
    verdict,
    volume,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

SIZE = "192M"
MOMENTS = {signal.SIGKILL: 30, signal.SIGTERM: 15, signal.SIGINT: 15}


@pytest.fixture(scope="module", params=rows("ext4", "xfs", "btrfs"))
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("faults")) as mounted:
        yield mounted


@pytest.fixture
def home(every: Mounted) -> Iterator[Path]:
    with cleared(every.path / "home") as directory:
        yield directory


class Fault(NamedTuple):
    """A system call that fails: its name, what its arguments look like, which of those calls, the
    error, and what the message says."""

    call: str
    pattern: str
    match: int
    error: str
    says: tuple[str, ...]


ALLOCATE = "cannot allocate 40.0 MiB in one go"
WRITE = "cannot write every block with "
SYNC = "cannot wait until all of it is on the disk"
PUBLISH = "cannot give it its name"
FULL = "the filesystem is full"
BROKEN = "Input/output error"

FAULTS = (
    Fault("openat", "O_TMPFILE", 1, "ENOSPC", ("cannot create a file", FULL)),
    Fault("openat", "O_TMPFILE", 1, "EACCES", ("cannot create a file", "root_squash")),
    Fault("ioctl", "FS_IOC_SETFLAGS", 1, "EPERM", ("cannot switch copy-on-write off",)),
    Fault("fallocate", "", 1, "ENOSPC", (ALLOCATE, FULL)),
    Fault("fallocate", "", 1, "EDQUOT", (ALLOCATE, "a quota is exhausted")),
    Fault("fallocate", "", 1, "EIO", (ALLOCATE, BROKEN)),
    Fault("pwrite64", "", 1, "ENOSPC", (WRITE, FULL)),
    Fault("pwrite64", "", 1, "EIO", (WRITE, BROKEN)),
    Fault("pwrite64", "", 3, "ENOSPC", (WRITE, FULL)),
    Fault("pwrite64", "", 3, "EIO", (WRITE, BROKEN)),
    Fault("pwrite64", "", 4, "EIO", ("cannot write the swap header", BROKEN)),
    Fault("fsync", "", 1, "EIO", (SYNC, BROKEN)),
    Fault("fsync", "", 1, "ENOSPC", (SYNC, FULL)),
    Fault("fsync", "", 1, "EDQUOT", (SYNC, "a quota is exhausted")),
    Fault("linkat", "", 1, "EIO", (PUBLISH, BROKEN)),
    Fault("linkat", "", 1, "EEXIST", (PUBLISH, "something has taken the name meanwhile")),
    Fault("fsync", "", 2, "EIO", (PUBLISH, BROKEN)),
)


@pytest.fixture(scope="module")
def calls(every: Mounted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The system calls of a run in which nothing fails."""
    log = tmp_path_factory.mktemp("calls") / "log"
    with cleared(every.path / "calibrate") as directory:
        for _ in range(2):  # the first one may write compiled modules
            done = swapctl("prepare", directory / "swap", "--size", "40M", before=strace(log))
            assert done.returncode == 0, done
            (directory / "swap").unlink()
    return log


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.call}-{f.match}-{f.error}")
def test_a_failing_call(
    every: Mounted, home: Path, calls: Path, tmp_path: Path, fault: Fault
) -> None:
    if fault.call == "ioctl" and every.filesystem.fstype != "btrfs":
        assert fault.pattern not in calls.read_text()
        return
    (home / "other").write_bytes(b"somebody's")
    before, space = state(home), used(every)
    number = ordinal(calls, fault.call, fault.pattern, fault.match)
    inject = strace(tmp_path / "log", f"{fault.call}:error={fault.error}:when={number}")
    done = swapctl("prepare", home / "swap", "--size", "40M", before=inject)
    injected = [x for x in (tmp_path / "log").read_text().splitlines() if "(INJECTED)" in x]
    assert len(injected) == 1
    assert fault.pattern in injected[0]
    assert (done.returncode, done.stdout) == (4, ""), done
    for words in (*fault.says, str(home / "swap"), "Nothing was left behind."):
        assert words in done.stderr
    after = state(home)
    if (fault.call, fault.match) == ("fsync", 2):  # it had its name for a moment
        before.pop(str(home)), after.pop(str(home))
    assert after == before
    assert settles(every, space)


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize(
    ("sent", "code"), [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", -signal.SIGKILL)]
)
@pytest.mark.parametrize(
    ("call", "pattern", "match"),
    [("openat", "O_TMPFILE", 1), ("fallocate", "", 1), ("pwrite64", "", 2), ("fsync", "", 1)],
)
def test_a_signal_in_a_call(
    every: Mounted,
    home: Path,
    calls: Path,
    tmp_path: Path,
    sent: str,
    code: int,
    call: str,
    pattern: str,
    match: int,
) -> None:
    space = used(every)
    number = ordinal(calls, call, pattern, match)
    inject = strace(tmp_path / "log", f"{call}:signal={sent}:when={number}")
    done = swapctl("prepare", home / "swap", "--size", "40M", before=inject)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (code, "", "")
    assert list(home.iterdir()) == []
    assert settles(every, space)


def _fill(directory: Path) -> Path:
    """A file that takes all the space that there is."""
    path = directory / "filler"
    with path.open("xb") as file:
        for step in (64 * MIB, 16 * MIB, 4 * MIB, MIB, 64 << 10):
            try:
                while True:
                    size = os.fstat(file.fileno()).st_size
                    os.posix_fallocate(file.fileno(), size, step)
            except OSError:
                os.ftruncate(file.fileno(), size)
    return path


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize("row", rows("ext4", "xfs", "btrfs"))
def test_space_that_goes_after_the_look(row: Filesystem, tmp_path: Path) -> None:
    with volume(row, tmp_path) as mounted:
        space, path = used(mounted), mounted.path / "swap"
        with held(tmp_path / "log", "fallocate", "prepare", path, "--size", SIZE) as process:
            filler = _fill(mounted.path)
            goes_on(process)
            _, text = process.communicate(timeout=LINGERING)
        assert process.returncode == 4, text
        assert f"cannot allocate 192.0 MiB in one go: {FULL}" in text
        assert not path.exists()
        filler.unlink()
        assert settles(mounted, space)


@pytest.mark.needs("tool strace")
def test_a_name_that_is_taken_meanwhile(every: Mounted, home: Path, tmp_path: Path) -> None:
    path = home / "swap"
    space = used(every)
    with held(tmp_path / "log", "linkat", "prepare", path, "--size", SIZE) as process:
        path.write_bytes(b"theirs")
        before = state(home)
        goes_on(process)
        _, text = process.communicate(timeout=LINGERING)
    assert process.returncode == 4
    assert "something has taken the name meanwhile" in text
    assert (state(home), path.read_bytes()) == (before, b"theirs")
    path.unlink()
    assert settles(every, space)


@pytest.mark.needs(UNLOGGED, *ROWS["ext3"].needs)
def test_no_space_half_way_without_fallocate(tmp_path: Path) -> None:
    """The ext3 format has none, and its indirect blocks take space that nobody counts before."""
    row = ROWS["ext3"]._replace(mkfs=f"{ROWS['ext3'].mkfs} -m 0")
    with volume(row, tmp_path) as mounted:
        space = used(mounted)
        seen = os.statvfs(mounted.path)
        size = str(seen.f_bavail * seen.f_frsize)
        path = mounted.path / "swap"
        done = swapctl("prepare", path, "--reserve", "0", "--size", size)
        assert (done.returncode, done.stdout) == (4, "")
        assert WRITE in done.stderr
        assert FULL in done.stderr
        assert [p.name for p in mounted.path.iterdir()] == ["lost+found"]
        assert settles(mounted, space)


def _duration(path: Path, before: Sequence[str | Path] = ()) -> float:
    start = time.monotonic()
    assert swapctl("prepare", path, "--size", SIZE, before=before).returncode == 0
    path.unlink()
    return time.monotonic() - start


def _stop_at(moment: float, number: int, *command: str | Path) -> int:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, restore_signals=True
    ) as process:
        time.sleep(moment)
        process.send_signal(number)
        return process.wait(LINGERING)


@pytest.mark.parametrize("sent", MOMENTS)
def test_stopped_at_any_moment(every: Mounted, home: Path, sent: signal.Signals) -> None:
    path = home / "swap"
    space, longest = used(every), 1.2 * min(_duration(path), _duration(path))
    moments = random.Random(int(sent))
    complete = 0
    for _ in range(MOMENTS[sent]):
        moment = moments.uniform(0, longest)
        code = _stop_at(moment, sent, *COMMAND, "prepare", path, "--size", SIZE)
        # Before swapctl itself runs, the interpreter dies of a signal or of what it raises.
        assert code in ({0, -sent} | ({130, 1} if sent == signal.SIGINT else {130})), moment
        names = [one.name for one in home.iterdir()]
        assert names in ([], ["swap"]), moment
        if names:
            complete += 1
            assert (path.stat().st_size, path.stat().st_nlink) == (192 * MIB, 1)
            assert verdict(path) == "ready", moment
            path.unlink()
        assert settles(every, space), moment
    assert complete < MOMENTS[sent]


@pytest.mark.needs("tool unshare", UNLOGGED, *ROWS["btrfs"].needs)
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_the_subvolume_goes_too(tmp_path: Path, sent: signal.Signals) -> None:
    with volume(ROWS["btrfs"], tmp_path) as mounted:
        before, space = list(state(mounted.path)), used(mounted)
        path = mounted.path / "swap" / "swapfile"
        command = [*private("btrfs", tmp_path), *COMMAND, "prepare", "--fs", "btrfs"]
        moments = random.Random(int(sent))
        for _ in range(8):
            _stop_at(moments.uniform(0.1, 0.5), sent, *command, "--size", SIZE)
            if path.exists():
                assert verdict(path) == "ready", swapctl("check", path).stdout
                path.unlink()
                path.parent.rmdir()
            assert list(state(mounted.path)) == before
            assert settles(mounted, space)


@pytest.mark.needs("tool unshare", "tool strace", UNLOGGED, *ROWS["btrfs"].needs)
def test_a_signal_while_the_subvolume_is_made(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with volume(ROWS["btrfs"], tmp_path) as mounted:
        before = list(state(mounted.path))
        asked = ("prepare", "--fs", "btrfs", "--size", "4M")
        alone = private("btrfs", tmp_path)
        assert swapctl(*asked, before=[*alone, *strace(log)]).returncode == 0
        (mounted.path / "swap" / "swapfile").unlink()
        (mounted.path / "swap").rmdir()
        number = ordinal(log, "ioctl", "BTRFS_IOC_SUBVOL_CREATE")
        inject = strace(log, f"ioctl:signal=SIGINT:when={number}")
        assert swapctl(*asked, before=[*alone, *inject]).returncode == 130
        assert list(state(mounted.path)) == before
