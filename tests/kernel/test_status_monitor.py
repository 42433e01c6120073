"""`status` and `monitor` on areas of their own; others may come and go meanwhile."""

import json
import mmap
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest

from swapctl.linux import header, libc
from swapctl.linux.swaps import parse_swaps
from tests.kernel.loopfs import attach, image, mount, run
from tests.kernel.support import remove_zram

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.ext4"),
]

PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20
FIRST = libc.SWAP_FLAG_PREFER | 32767
COMMAND = (sys.executable, "-m", "swapctl")
LINGERING = 60
PATIENCE = 20


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as undo:
        file = image(tmp_path / "image", 96 * MIB, undo)
        run("mkfs.ext4", "-q", "-F", "-b", "4096", str(file))
        mount(attach(file, undo), tmp_path / "mnt", "ext4", "", undo)
        yield tmp_path / "mnt"


def make_area(path: Path, size: int = MIB) -> Path:
    path.touch(0o600)
    with path.open("r+b") as file:
        file.write(header.pack(PAGE, size // PAGE, bytes(range(16)), "label"))
        file.write(bytes(size - PAGE))
        os.fsync(file.fileno())
    return path


@contextmanager
def active(path: Path | str, flags: int = 0) -> Iterator[None]:
    libc.swapon(os.fsencode(path), flags)
    try:
        yield
    finally:
        libc.swapoff(os.fsencode(path))


def swapctl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=LINGERING
    )


def document(*arguments: str | Path) -> dict[str, Any]:
    done = swapctl("status", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def the_area(path: Path | str, *arguments: str | Path) -> dict[str, Any]:
    (found,) = (a for a in document(*arguments)["areas"] if a["name"] == str(path))
    assert isinstance(found, dict)
    return found


def vmstat(name: str) -> int:
    lines = Path("/proc/vmstat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.split()[0] == name)


def test_status_agrees_with_the_kernel(ext4: Path) -> None:
    path = make_area(ext4 / "two words")
    with active(path, FIRST):
        (kernel,) = (a for a in parse_swaps(Path("/proc/swaps").read_text()) if a.path == str(path))
        found = the_area(path)
    assert (found["size_bytes"], found["priority"]) == (kernel.size, kernel.priority)
    assert found["type"] == "file"
    assert found["fstype"] == "ext4"
    assert found["mount"] == str(ext4)
    assert found["extents"] >= 1
    assert found["label"] == "label"
    assert found["stale"] is False
    assert found["verdict"] in ("ready", "usable", "unsafe")


def test_the_tree_is_that_of_check(ext4: Path) -> None:
    path = make_area(ext4 / "swapfile")
    with active(path):
        checked = json.loads(swapctl("check", "--json", path).stdout)["targets"][0]["storage"]
        assert the_area(path, "--tree")["storage"] == checked
        printed = swapctl("status", "--tree", path).stdout.splitlines()
        lines = [line.strip() for line in swapctl("check", "-v", path).stdout.splitlines()]
    assert checked[0]["kind"] == "loop"
    at = printed.index(f"{path}:")
    drawn = [line.strip() for line in printed[at + 1 :]]
    first = lines.index("storage:") + 1
    assert len(drawn) >= 2
    assert lines[first : first + len(drawn)] == drawn


@pytest.mark.needs("tool swapon")
def test_status_agrees_with_swapon_show(ext4: Path) -> None:
    path = make_area(ext4 / "swapfile")
    show = ("swapon", "--show=NAME,TYPE,SIZE,PRIO,UUID,LABEL", "--bytes", "--noheadings")
    columns = ("--bytes", "--output", "name,type,size,prio,uuid,label", str(path))
    with active(path, FIRST):
        theirs = [line.split() for line in run(*show).splitlines() if str(path) in line]
        ours = swapctl("status", *columns).stdout.splitlines()
    assert [ours[1].split()] == theirs


def test_only_the_paths_asked_for_by_inode(ext4: Path) -> None:
    one, two = make_area(ext4 / "one"), make_area(ext4 / "two")
    link = ext4 / "link"
    link.symlink_to("two")
    with active(one), active(two):
        assert [a["name"] for a in document(link)["areas"]] == [str(two)]
        assert document(link)["totals"]["size_bytes"] == MIB - PAGE


def test_a_path_that_is_not_active(ext4: Path) -> None:
    one, other = make_area(ext4 / "one"), make_area(ext4 / "other")
    with active(one):
        done = swapctl("status", one, other, ext4 / "none")
    assert done.returncode == 1
    assert str(one) in done.stdout
    assert done.stderr.splitlines() == [
        f"swapctl: {other}: not active",
        f"swapctl: {ext4 / 'none'}: not active",
    ]


def test_a_renamed_directory_is_followed(ext4: Path) -> None:
    before, after = ext4 / "before", ext4 / "after"
    before.mkdir()
    libc.swapon(os.fsencode(make_area(before / "swapfile")), 0)
    try:
        before.rename(after)
        assert the_area(after / "swapfile")["stale"] is False
    finally:
        libc.swapoff(os.fsencode(after / "swapfile"))


@contextmanager
def covered(folder: Path) -> Iterator[Path]:
    """The same path, in another filesystem on top."""
    with ExitStack() as undo:
        mount("none", folder, "tmpfs", "size=8m", undo)
        yield folder


DECOYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "leads nowhere"),
    "a twin": (make_area, "not active"),
    "smaller": (lambda path: path.write_bytes(b"x"), "smaller"),
    "a directory": (lambda path: path.mkdir(), "no file"),
}


@pytest.mark.parametrize("decoy", DECOYS)
def test_a_path_that_leads_elsewhere_is_stale(ext4: Path, decoy: str) -> None:
    folder = ext4 / "folder"
    folder.mkdir()
    path = make_area(folder / "swapfile")
    put, words = DECOYS[decoy]
    with active(path):
        with covered(folder):
            put(path)
            found = the_area(path)
            table = swapctl("status", path).stdout
        assert the_area(path)["stale"] is False
    assert (found["stale"], found["verdict"], found["device"]) == (True, "stale", None)
    assert words in found["note"]
    assert found["note"] in table


def test_looking_changes_nothing(ext4: Path) -> None:
    folder = ext4 / "folder"
    folder.mkdir()
    path = make_area(folder / "swapfile")
    with active(path), covered(folder):
        before = make_area(path).stat()
        assert the_area(path)["stale"] is True
        after = path.stat()
        assert (after.st_mtime_ns, after.st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)


def test_two_areas_behind_one_path(ext4: Path, tmp_path: Path) -> None:
    folder = ext4 / "folder"
    folder.mkdir()
    path = make_area(folder / "swapfile")
    with ExitStack() as undo:
        second = image(tmp_path / "second", 32 * MIB, undo)
        run("mkfs.ext4", "-q", "-F", str(second))
        device = attach(second, undo)
        libc.swapon(os.fsencode(path), 0)
        undo.callback(libc.swapoff, os.fsencode(path))
        mount(device, folder, "ext4", "", undo)
        with active(make_area(path)):
            found = [a for a in document()["areas"] if a["name"] == str(path)]
    assert [a["stale"] for a in found] == [None, None]


def test_a_block_device(tmp_path: Path) -> None:
    with ExitStack() as undo:
        path = make_area(tmp_path / "image")
        device = attach(path, undo)
        with active(device):
            found = the_area(device, device)
    assert (found["type"], found["stale"]) == ("partition", False)
    assert found["device"] == device.removeprefix("/dev/")
    assert found["fstype"] is found["extents"] is None


@pytest.mark.needs("zram")
def test_zram() -> None:
    control = Path("/sys/class/zram-control")
    number = (control / "hot_add").read_text().strip()
    try:
        Path(f"/sys/block/zram{number}/disksize").write_text(str(4 * MIB))
        device = Path(f"/dev/zram{number}")
        device.write_bytes(header.pack(PAGE, 4 * MIB // PAGE, bytes(16)))
        with active(device):
            found = document(device)
        (area,), (zram,) = found["areas"], found["zram"]
    finally:
        remove_zram(number)
    assert (area["type"], area["stale"], area["uuid"]) == ("zram", False, None)
    assert (zram["name"], zram["size_bytes"]) == (device.name, 4 * MIB)
    assert zram["original_bytes"] >= zram["compressed_bytes"] >= 0


def test_a_full_device_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "status"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1


@contextmanager
def monitor(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "monitor", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def records(stream: IO[str] | None) -> Iterator[dict[str, Any]]:
    assert stream is not None
    return (json.loads(line) for line in stream)


def test_areas_that_come_and_go_are_told_at_once(ext4: Path) -> None:
    path = make_area(ext4 / "swapfile")

    def first(found: Iterator[dict[str, Any]], event: str) -> dict[str, Any]:
        return next(r for r in found if r["event"] == event and r["area"]["name"] == str(path))

    # The next sample is an hour away: what comes before, poll(2) brought.
    with monitor("--json", "--interval", "3600") as process:
        found = records(process.stdout)
        assert next(found)["event"] == "sample"
        started = time.monotonic()
        with active(path):
            assert first(found, "area-added")["area"]["size_bytes"] == MIB - PAGE
        assert first(found, "area-removed")["area"]["type"] == "file"
        assert time.monotonic() - started < PATIENCE


def test_a_change_that_was_undone_does_not_end_the_listening(ext4: Path) -> None:
    """While it was stopped an area came and went: it wakes, and there is nothing new."""
    path = make_area(ext4 / "swapfile")
    with monitor("--json", "--interval", "30", "--count", "2") as process:
        found = records(process.stdout)
        assert next(found)["event"] == "sample"
        process.send_signal(signal.SIGSTOP)
        with active(path):
            pass
        process.send_signal(signal.SIGCONT)
        time.sleep(1)
        started = time.monotonic()
        with active(path):
            added = (r for r in found if r["event"] == "area-added")
            assert any(r["area"]["name"] == str(path) for r in added)
        # The next sample would have told it too.
        assert time.monotonic() - started < 15


def test_count_samples_between_events(ext4: Path) -> None:
    path = make_area(ext4 / "swapfile")
    with monitor("--json", "--interval", "2", "--count", "3") as process:
        found = records(process.stdout)
        collected = [next(found)]
        with active(path):
            collected += list(found)
        assert process.wait(PATIENCE) == 0
    samples = [r for r in collected if r["event"] == "sample"]
    assert len(samples) == 3
    assert samples[0]["in_bytes_per_second"] is None
    assert samples[1]["in_bytes_per_second"] is not None
    assert str(path) in [a["name"] for a in samples[-1]["areas"]]


def page_out(memory: mmap.mmap) -> None:
    """MADV_PAGEOUT: reclaim the pages now."""
    memory.madvise(21)


@contextmanager
def random_memory(size: int) -> Iterator[mmap.mmap]:
    """Private memory of this process with contents that do not compress."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE) as memory:
        memory.write(os.urandom(size))
        yield memory


def swapped_bytes() -> tuple[int, int]:
    """What was swapped in and out since boot."""
    return vmstat("pswpin") * PAGE, vmstat("pswpout") * PAGE


def clock(record: dict[str, Any]) -> float:
    """When it was taken."""
    return datetime.fromisoformat(record["time"]).timestamp()


def test_rates_agree_with_the_kernel(ext4: Path) -> None:
    size = 16 * MIB
    with active(make_area(ext4 / "swapfile", 2 * size), FIRST), random_memory(size) as memory:
        outer = swapped_bytes()
        with monitor("--json", "--interval", "1") as process:
            found = records(process.stdout)
            samples = [next(found)]
            inner = swapped_bytes()
            page_out(memory)
            assert len(memory[::PAGE]) == size // PAGE
            done, moment = swapped_bytes(), time.time()
            # Its time is read after its counters: the last but one has all of it for sure.
            while len(samples) < 2 or clock(samples[-2]) < moment:
                samples.append(next(r for r in found if r["event"] == "sample"))
        end = swapped_bytes()
    assert done[1] - inner[1] >= size / 2, "the kernel did not swap out"
    moments = [clock(r) for r in samples]
    for n, key in enumerate(("in_bytes_per_second", "out_bytes_per_second")):
        told = sum(
            r[key] * (now - before)
            for r, (before, now) in zip(samples[1:], pairwise(moments), strict=True)
        )
        assert (done[n] - inner[n]) * 0.95 <= told <= (end[n] - outer[n]) * 1.05


def test_who_holds_swap(ext4: Path) -> None:
    size = 16 * MIB
    path = make_area(ext4 / "swapfile", 2 * size)
    with active(path, FIRST), random_memory(size) as memory:
        page_out(memory)
        with monitor("--json", "--count", "1") as process:
            (sample,) = records(process.stdout)
    (area,) = (a for a in sample["areas"] if a["name"] == str(path))
    assert area["used_bytes"] >= size / 2
    (ours,) = (p for p in sample["processes"] if p["pid"] == os.getpid())
    assert ours["swap_bytes"] >= size / 2
    assert ours["name"]


def test_a_reader_that_goes_away_ends_it() -> None:
    with monitor("--interval", "3600") as process:
        assert process.stdout is not None
        assert process.stdout.readline().split()[0] == "TIME"
        process.stdout.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_signals_end_it_without_a_word(number: int, code: int) -> None:
    with monitor("--interval", "3600") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
        assert process.stderr.read().strip() == ""


def on_terminal(kind: str, *arguments: str) -> bytes:
    """What the monitor prints on a terminal of that kind."""
    ours, its = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "monitor", "--interval", "0.2", "--count", "2", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=its,
        env=os.environ | {"TERM": kind},
    ) as process:
        os.close(its)
        printed = b""
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                printed += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    return printed


def test_a_terminal_gets_a_screen_drawn_in_place() -> None:
    printed = on_terminal("xterm")
    assert printed.count(b"\033[H") >= 2  # once more for every area that comes or goes
    assert b"\033[2J" not in printed


@pytest.mark.parametrize(("kind", "arguments"), [("dumb", ()), ("xterm", ("--json",))])
def test_lines_have_no_escapes(kind: str, arguments: tuple[str, ...]) -> None:
    assert b"\033" not in on_terminal(kind, *arguments)
