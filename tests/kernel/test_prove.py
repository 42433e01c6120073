"""`prove`: pages really go to the area and come back, and whatever happens nothing is left."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from swapctl.linux import fiemap
from swapctl.linux.processes import parse_vmswap
from tests.kernel.loopfs import MIB, Mounted
from tests.kernel.support import (
    COMMAND,
    LINGERING,
    MINUTES,
    Done,
    area,
    bound,
    cleared,
    document,
    prepared,
    process_state,
    rows,
    swapctl,
    volume,
    wait_until,
    with_terminal,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

PAGE = os.sysconf("SC_PAGE_SIZE")
SECTOR = 512
ATTEMPTS = 8


@pytest.fixture(scope="module", params=rows("ext4", "xfs", "btrfs"))
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("prove")) as mounted:
        yield mounted


@pytest.fixture
def home(every: Mounted) -> Iterator[Path]:
    with cleared(every.path / "home") as directory:
        yield directory


@pytest.fixture(scope="module", params=rows("ext4"))
def ext4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("prove")) as mounted:
        yield mounted


@pytest.fixture
def place(ext4: Mounted) -> Iterator[Path]:
    with cleared(ext4.path / "home") as directory:
        yield directory


def prove(path: Path, *arguments: str) -> Done:
    """One that others did not disturb: their areas and their pages make it inconclusive."""
    for _ in range(ATTEMPTS):
        done = swapctl("prove", path, *arguments, seconds=MINUTES)
        if done.returncode != 3:
            break
    return done


def proof(done: Done) -> dict[str, Any]:
    (target,) = document(done)["targets"]
    found: dict[str, Any] = target["proof"]
    return found


def sectors(mounted: Mounted) -> tuple[int, int]:
    """Read from and written to the device: the block layer's own count."""
    name = mounted.devices[0].rpartition("/")[2]
    fields = Path(f"/sys/block/{name}/stat").read_text().split()
    return int(fields[2]), int(fields[6])


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def proving(path: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A proof that goes on for long, and the process that holds the pages; some are out."""
    command = [*COMMAND, "prove", str(path), "--size", "16M", "--time", "600", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            # It may have fetched them again when it is looked at once more.
            found: list[int] = []

            def out() -> bool:
                found.extend(swapping(process.pid))
                return bool(found) or process.poll() is not None

            wait_until(out)
            assert process.poll() is None, process.communicate()
            yield process, found[0]
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def swapping(pid: int) -> list[int]:
    """The child with more in swap than is pushed out for a try; others may use the area too."""
    return [child for child in children(pid) if _swapped(child) >= 8 * MIB]


def _swapped(pid: int) -> int:
    try:
        return parse_vmswap(Path(f"/proc/{pid}/status").read_bytes()) or 0
    except (FileNotFoundError, ProcessLookupError):
        return 0


def gone(pid: int) -> bool:
    return process_state(pid) in "ZX"


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """It does nothing in the meantime, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process_state(pid) in "TZX")
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_proven(every: Mounted, home: Path) -> None:
    path = prepared(home / "swap", "96M")
    before = sectors(every)
    done = prove(path, "--size", "32M", "--json")
    found = proof(done)
    assert (done.returncode, done.stderr, found["verdict"]) == (0, "", "proven"), found
    assert found["reasons"] == []
    assert area(path) is None
    pages = 32 * MIB // PAGE
    assert [one["order"] for one in found["rounds"]] == ["sequential", "random"]
    for one in found["rounds"]:
        assert (one["out"], one["back"], one["elsewhere"], one["stayed"]) == (pages, pages, 0, 0)
        assert one["used"] >= 32 * MIB
        assert 0 < one["faults"] <= pages
    read, written = (b - a for a, b in zip(before, sectors(every), strict=True))
    assert min(read, written) >= 2 * pages * PAGE // SECTOR
    own, *below = found["filesystems"]
    assert (own["place"], own["own"]) == (str(every.path), True)
    assert below
    for one in found["filesystems"]:
        assert one["transactions"]["caused"] == one["allocations"]["caused"] == 0
        assert [file["map"] for file in one["files"]] == [[]]


def test_text_and_quiet(place: Path) -> None:
    path = prepared(place / "swap", "16M")
    done = prove(path, "--size", "2M")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: proven\n")
    assert "1024 of 1024 pages out, 1024 back with every byte as it was" in done.stdout
    assert "activated for it, deactivated again" in done.stdout
    quiet = prove(path, "--size", "2M", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    # Somebody else's area may take pages; they move all the same.
    assert "MiB moved, " in with_terminal("prove", path, "--size", "2M", codes=(0, 3))
    assert area(path) is None


def test_time_makes_more_rounds(place: Path) -> None:
    path = prepared(place / "swap", "16M")
    for seconds in (4, 20):  # two rounds take less, but for a page that lingers
        found = proof(prove(path, "--size", "1M", "--time", str(seconds), "--json"))
        assert found["seconds"] >= seconds
        if len(found["rounds"]) > 2:
            break
    assert len(found["rounds"]) > 2


def test_strange_names_and_links(place: Path) -> None:
    path = prepared(place / "a b\t\n\\040ü(deleted)", "16M")
    link = place / "link"
    link.symlink_to(path.name)
    for one in (path, link):
        found = proof(prove(one, "--size", "2M", "--json"))
        assert (found["verdict"], found["reasons"]) == ("proven", []), (
            found["reasons"],
            found["filesystems"],
        )


def test_keep_leaves_it_active_on_top(place: Path) -> None:
    first = prepared(place / "first", "4M", "--on", "--priority", "7")
    path = prepared(place / "swap", "16M")
    assert prove(path, "--size", "2M", "--keep").returncode == 0
    kept = area(path)
    assert kept is not None
    assert kept.priority > 7
    assert area(first) is not None


def test_an_area_that_is_on_top_is_used_and_stays(place: Path) -> None:
    path = prepared(place / "swap", "16M", "--on", "--priority", "32766")
    found = proof(prove(path, "--size", "2M", "--json"))
    assert (found["verdict"], found["activated"], found["priority"]) == ("proven", False, 32766)
    left = area(path)
    assert left is not None
    assert left.priority == 32766


@pytest.mark.parametrize("other", ["10", "5"])
def test_an_area_that_is_not_on_top_is_left_alone(place: Path, other: str) -> None:
    path = prepared(place / "swap", "16M", "--on", "--priority", "5")
    prepared(place / "other", "16M", "--on", "--priority", other)
    done = swapctl("prove", path, "--size", "2M")
    assert (done.returncode, done.stdout) == (3, "")
    assert "inconclusive: it is active with priority 5, and " in done.stderr
    error = document(swapctl("prove", path, "--json"))["error"]
    assert (error["exit_code"], error["path"]) == (3, str(path))
    assert area(path) is not None


def test_nothing_is_above_the_highest_priority(place: Path) -> None:
    path = prepared(place / "swap", "16M")
    prepared(place / "other", "16M", "--on", "--priority", "32767")
    done = swapctl("prove", path, "--size", "2M")
    assert (done.returncode, done.stdout) == (3, "")
    assert "has the highest priority that there is" in done.stderr
    assert area(path) is None


def test_what_stands_in_the_way(place: Path) -> None:
    path = prepared(place / "swap", "16M")
    path.chmod(0o644)
    done = swapctl("prove", path, "--size", "2M")
    assert (done.returncode, "unsafe file-mode" in done.stdout) == (1, True)
    assert swapctl("prove", path, "--allow", "header-missing").returncode == 2
    assert area(path) is None
    done = prove(path, "--size", "2M", "--allow", "file-mode", "--json")
    assert (done.returncode, proof(done)["verdict"]) == (0, "proven")
    path.write_bytes(bytes(MIB))
    done = swapctl("prove", path, "--allow", "file-mode")
    assert (done.returncode, "refused header-missing" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("size", "code", "says"),
    [
        ("1G", 2, "is more than the proof can push into"),
        ("16M", 2, "At most "),
        ("4K", 2, "is too little"),
        ("2X", 2, "is not a size"),
    ],
)
def test_sizes_that_do_not_fit(place: Path, size: str, code: int, says: str) -> None:
    path = prepared(place / "swap", "16M")
    done = swapctl("prove", path, "--size", size)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert area(path) is None


def test_an_area_that_is_too_small(place: Path) -> None:
    path = prepared(place / "swap", "1M")
    done = swapctl("prove", path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "inconclusive: the area has room for " in done.stderr
    assert area(path) is None


def test_memory_that_is_short(place: Path, tmp_path: Path) -> None:
    path = prepared(place / "swap", "64M")
    lines = Path("/proc/meminfo").read_text().splitlines()
    lines = ["MemAvailable: 20000 kB" if x.startswith("MemAvailable:") else x for x in lines]
    (tmp_path / "meminfo").write_text("\n".join([*lines, ""]))
    done = swapctl(
        "prove", path, "--size", "16M", before=bound((tmp_path / "meminfo", "/proc/meminfo"))
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "19.5 MiB are available" in done.stderr
    assert area(path) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("further", [0, 2])
def test_signals_undo_everything(place: Path, number: signal.Signals, further: int) -> None:
    path = prepared(place / "swap", "64M")
    with proving(path, "--keep") as (process, child):
        for _ in range(1 + further):
            process.send_signal(number)
        out, err = process.communicate(timeout=LINGERING)
    assert (out, err.strip()) == ("", "")
    # One that comes when all is undone, and the program about to end, ends it.
    assert process.returncode in ((130, -number) if further else (130,))
    assert area(path) is None
    wait_until(lambda: gone(child))


def test_the_interval_without_swapping_can_be_interrupted(place: Path) -> None:
    path = prepared(place / "swap", "64M")
    command = [*COMMAND, "prove", str(path), "--size", "4M", "--time", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # One child finds out how the pages go; the next moves them, for 4 seconds. Then there is
        # none.
        seen: dict[int, float] = {}

        def idle() -> bool:
            now, moment = children(process.pid), time.monotonic()
            for child in now:
                seen.setdefault(child, moment)
            moved = len(seen) > 1 or any(moment - first > 3 for first in seen.values())
            return process.poll() is not None or (moved and not now)

        wait_until(idle)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LINGERING)
    assert process.returncode == 130
    assert area(path) is None


def test_the_process_with_the_pages_goes_first(place: Path) -> None:
    path = prepared(place / "swap", "64M")
    with proving(path) as (process, child):
        assert Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n"
        assert len(os.sched_getaffinity(child)) == 1
        os.kill(child, signal.SIGKILL)
        out, err = process.communicate(timeout=LINGERING)
    assert (process.returncode, err) == (3, "")
    assert out.startswith(f"{path}: inconclusive\n")
    assert "was killed" in out
    assert area(path) is None


def test_killed_leaves_the_area_and_no_process(place: Path) -> None:
    path = prepared(place / "swap", "64M")
    with proving(path) as (process, child):
        process.kill()
        process.communicate(timeout=LINGERING)
        wait_until(lambda: gone(child))
    assert area(path) is not None
    assert swapctl("off", path).returncode == 0


def test_pages_that_come_back_wrong(ext4: Mounted, place: Path) -> None:
    """Somebody writes zeros into the image, where the swap file is."""
    path = prepared(place / "swap", "64M")
    with path.open("rb") as file:
        extents = list(fiemap.extents(file.fileno(), 64 * MIB))
    (image,) = ext4.scratch.glob("image*")
    with proving(path) as (process, child), image.open("r+b", buffering=0) as file:
        while not gone(child):
            with stopped(child):  # it would meet pages of which a part is zeros
                for extent in extents:
                    skip = PAGE if not extent.logical else 0
                    os.pwrite(file.fileno(), bytes(extent.length - skip), extent.physical + skip)
            time.sleep(0.2)
        out, err = process.communicate(timeout=MINUTES)
    assert (process.returncode, err) == (1, "")
    assert out.startswith(f"{path}: disproved\n")
    assert "memory that is swapped to this area is corrupted" in " ".join(out.split())
    assert "all zeros" in out
    assert area(path) is None
