"""prepare above volumes that allocate, a stack that rests on itself, and devices that come and go.

To be run as root in a machine of its own, like guest_storage.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.facts import Unknown, need
from swapctl.gather import snapshot
from swapctl.gather.carrier import mount_of
from swapctl.gather.layers import below
from swapctl.linux import libc
from swapctl.rules import judge
from swapctl.storage_facts import Layer
from tests.kernel.loopfs import MIB, attach, mount, run
from tests.kernel.support import document, findings
from tests.vm.guest_prepare import swapctl
from tests.vm.guest_storage import (
    PAGE,
    SECTORS,
    area,
    first,
    found,
    kinds,
    layers,
    loop,
    modprobe,
    table,
)

# Nothing is written later by the kernel on its own.
INIT = "nodiscard,lazy_itable_init=0"
MKFS = ("mkfs.ext4", "-q", "-F", "-b", "4096", "-N", "1024", "-O", "^has_journal", "-E", INIT)
SIZE = 8 * MIB
CHUNK = 64 << 10
VIRTUAL = 256 * MIB
XFS = 320 * MIB


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def home(device: str, place: Path, undo: ExitStack) -> Path:
    run(*MKFS, device)
    mount(device, place, "ext4", "", undo)
    (place / "home").mkdir(mode=0o700)
    return place / "home"


def in_use(pool: str) -> int:
    """The bytes of the pool that have been given out."""
    run("sync")
    return int(run("dmsetup", "status", pool).split()[5].split("/")[0]) * CHUNK


def test_prepare_above_a_thin_volume(tmp_path: Path, undo: ExitStack) -> None:
    """Refused before a block is taken; allowed, it takes them all; more than there is, not."""
    modprobe("dm-thin-pool")
    data, meta = loop(tmp_path, "data", undo), loop(tmp_path, "meta", undo, 4 * MIB)
    table("swpool", f"0 {SECTORS} thin-pool {meta} {data} {CHUNK // 512} 0", undo)
    run("dmsetup", "message", "swpool", "0", "create_thin 0")
    thin = table("swthin", f"0 {VIRTUAL // 512} thin /dev/mapper/swpool 0", undo)
    path = home(thin, tmp_path / "mnt", undo) / "swap"
    before = in_use("swpool")
    done = swapctl("prepare", path, "--size", str(SIZE), "--json")
    assert list(findings(done)) == ["storage-thin"]
    assert in_use("swpool") - before < MIB
    assert list(path.parent.iterdir()) == []
    allow = ("--allow", "storage-thin")
    done = swapctl("prepare", path, "--size", "48M", *allow, "--json")
    assert list(findings(done)) == ["place-no-room-below"]
    done = swapctl("prepare", path, "--size", str(SIZE), *allow, "--on", "--discard", "once")
    assert (done.returncode, "discard-unmaps" in done.stdout) == (1, True), done
    done = swapctl("prepare", path, "--size", str(SIZE), *allow, "--json")
    (made,) = document(done)["targets"]
    assert (done.returncode, made["method"], made["verdict"]) == (0, "write", "unsafe")
    assert in_use("swpool") - before >= SIZE


def test_a_discard_that_gets_nowhere(tmp_path: Path, undo: ExitStack) -> None:
    """Not on the machine that tests: what is written there stays when the device is detached."""
    device = loop(tmp_path, "image", undo)
    Path(f"/sys/block/{Path(device).name}/queue/discard_max_bytes").write_text("0")
    path = home(device, tmp_path / "mnt", undo) / "swap"
    done = swapctl("prepare", path, "--size", str(SIZE), "--on", "--discard", "once")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert swapctl("off", path).returncode == 0
    assert swapctl("check", path).returncode == 0


@pytest.mark.parametrize("kind", ["snapshot", "snapshot-origin"])
def test_prepare_above_a_snapshot(tmp_path: Path, undo: ExitStack, kind: str) -> None:
    modprobe("dm-snapshot")
    real, cow = loop(tmp_path, "real", undo), loop(tmp_path, "cow", undo)
    run(*MKFS, real)
    words = {"snapshot": f"{real} {cow} P 16", "snapshot-origin": real}
    device = table("swsnap", f"0 {SECTORS} {kind} {words[kind]}", undo)
    mount(device, tmp_path / "mnt", "ext4", "", undo)
    (tmp_path / "mnt/home").mkdir(mode=0o700)
    done = swapctl("prepare", tmp_path / "mnt/home/swap", "--size", str(SIZE), "--json")
    assert list(findings(done)) == [f"storage-{kind}"]
    assert list((tmp_path / "mnt/home").iterdir()) == []


def test_prepare_leaves_no_page_out_in_compressed_memory(tmp_path: Path, undo: ExitStack) -> None:
    """zram keeps one word of a page that is all the same."""
    modprobe("zram", "num_devices=1")
    Path("/sys/block/zram0/disksize").write_text(str(64 * MIB))
    undo.callback(Path("/sys/block/zram0/reset").write_text, "1")
    path = home("/dev/zram0", tmp_path / "mnt", undo) / "swap"

    def stored() -> tuple[int, int]:
        run("sync")
        words = Path("/sys/block/zram0/mm_stat").read_text().split()
        return int(words[1]), int(words[5])

    (compressed, same) = stored()
    done = swapctl("prepare", path, "--size", str(SIZE))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert stored()[0] - compressed >= SIZE * 0.98
    assert stored()[1] - same < SIZE // 4096 // 10


def test_a_stack_that_rests_on_itself(tmp_path: Path, undo: ExitStack) -> None:
    """A linear volume over a loop device whose file, seen through a bind mount, is in the
    filesystem on the volume. Nothing is written to it, and all that is read is in memory."""
    modprobe("dm-mod")
    lower = loop(tmp_path, "image", undo)
    line = f"0 {SECTORS} linear {lower} 0"
    device = table("swself", line, undo)
    path = home(device, tmp_path / "mnt", undo) / "swap"
    assert swapctl("prepare", path, "--size", str(SIZE)).returncode == 0
    inner = path.with_name("inner")
    inner.write_bytes(bytes(4 * MIB))
    run("sync")
    mount(str(path.parent), tmp_path / "bind", "none", "bind", undo)
    run("mount", "-o", "remount,ro", str(tmp_path / "mnt"))
    assert len(inner.read_bytes()) == 4 * MIB
    upper = attach(tmp_path / "bind/inner", undo, "-r")
    assert "cycle" not in kinds(judge(snapshot(str(path))))

    def reload(words: str) -> None:
        run("dmsetup", "suspend", "--nolockfs", "swself")
        run("dmsetup", "load", "swself", "--readonly", "--table", words)
        run("dmsetup", "resume", "--noudevsync", "swself")

    reload(f"0 {4 * MIB // 512} linear {upper} 0")
    try:
        report = judge(snapshot(str(path)))
    finally:
        reload(line)
    assert kinds(report) == ["dm-linear", "loop", "filesystem", "cycle"]
    assert "storage-cycle" in found(report)
    assert report.outcome.undecided == ()


RACE = """
import subprocess, sys
lower, name = sys.argv[1:]
while True:
    subprocess.run(["dmsetup", "create", name, "--noudevsync", "--table", lower], check=False)
    subprocess.run(["dmsetup", "mknodes", name], check=False)
    subprocess.run(["dmsetup", "remove", "--noudevsync", "--retry", name], check=False)
    subprocess.run(["dmsetup", "mknodes", name], check=False)
"""


def test_a_volume_that_comes_and_goes(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-mod")
    lower = loop(tmp_path, "image", undo)
    words = [sys.executable, "-c", RACE, f"0 {SECTORS} linear {lower} 0", "swrace"]
    race = undo.enter_context(subprocess.Popen(words, stderr=subprocess.DEVNULL))
    undo.callback(race.kill)
    verdicts = [judge(snapshot("/dev/mapper/swrace")).verdict for _ in range(200)]
    assert set(verdicts) <= {"refused", "undecided", "unsafe"}, set(verdicts)


@pytest.mark.needs("filesystem xfs", "tool mkfs.xfs")
def test_a_realtime_file_is_on_the_realtime_device(tmp_path: Path, undo: ExitStack) -> None:
    """Its blocks are followed there: a block of it is where the walk says, and a hole counts. So
    they are below a loop device whose image is a realtime file."""
    data, realtime = loop(tmp_path, "data", undo, XFS), loop(tmp_path, "realtime", undo, 64 * MIB)
    run("mkfs.xfs", "-q", "-f", "-K", "-r", f"rtdev={realtime}", "-d", "rtinherit=1", data)
    mount(data, tmp_path / "mnt", "xfs", f"rtdev={realtime}", undo)
    path = tmp_path / "mnt/swap"
    block = os.urandom(PAGE)
    path.write_bytes(bytes(PAGE) + block + bytes(SIZE - 2 * PAGE))
    area(str(path))
    path.chmod(0o600)
    run("sync")
    seen = layers(judge(snapshot(str(path))))
    assert [one.name for one in seen if one.kind == "loop"] == [Path(realtime).name]
    start = first(seen[0]).offset
    assert (tmp_path / "realtime").read_bytes().find(block) == start + PAGE
    run("fallocate", "-p", "-o", str(start), "-l", "4096", str(tmp_path / "realtime"))
    assert "storage-loop-holes" in found(judge(snapshot(str(path))))
    libc.swapon(os.fsencode(path), 0)
    libc.swapoff(os.fsencode(path))
    upper = attach(path, undo)
    names = [one.name for one in layers(judge(snapshot(upper))) if one.kind == "loop"]
    assert names == [Path(upper).name, Path(realtime).name]
    place = layers_below(tmp_path / "mnt")
    assert [one.name for one in place if one.kind == "loop"] == [Path(realtime).name]


def layers_below(directory: Path) -> tuple[Layer, ...]:
    """What lies below new files in a directory."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return need(below(mount_of(fd), fd)) or ()
    finally:
        os.close(fd)


@pytest.mark.needs("filesystem f2fs", "tool mkfs.f2fs")
def test_a_file_on_the_first_of_several_devices(tmp_path: Path, undo: ExitStack) -> None:
    """f2fs: swap I/O knows the first only. What reaches beyond is undecided; Linux 6.1 puts small
    files on the second."""
    one = loop(tmp_path, "one", undo, 128 * MIB)
    two = loop(tmp_path, "two", undo, 128 * MIB)
    run("mkfs.f2fs", "-q", "-f", "-t", "0", "-c", two, one)
    mount(one, tmp_path / "mnt", "f2fs", "nodiscard", undo)
    allow = ("--allow", "storage-loop-holes", "--allow", "f2fs-other-device")
    beyond = {}
    for size in (8, 140):
        path = tmp_path / f"mnt/{size}"
        done = swapctl("prepare", path, "--size", f"{size}M", *allow)
        assert (done.returncode, done.stderr) == (0, ""), done
        report = judge(snapshot(str(path)))
        beyond[size] = "f2fs-other-device" in {f.rule_id for f in report.outcome.findings}
        assert isinstance(report.snapshot.storage, Unknown) == beyond[size]
        assert beyond[size] or layers(report)[0].name == Path(one).name
    assert beyond[140]
