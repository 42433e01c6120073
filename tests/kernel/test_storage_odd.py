"""Storage that is deep, odd, hidden or just going: always a report, never a traceback."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.gather import snapshot
from swapctl.linux import header
from swapctl.rules import judge
from tests.conftest import UNLOGGED
from tests.kernel.layered import (
    area_image,
    layers,
    look,
    part,
    position,
    swapfile,
    unsafe,
    witness,
)
from tests.kernel.loopfs import MIB, attach, image, mount, run, write_out
from tests.kernel.support import document, swapctl

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", UNLOGGED, "tool mkfs.ext4", "tool losetup"),
]
PAGE = os.sysconf("SC_PAGE_SIZE")
MKFS = ("mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal", "-E", "nodiscard")
DEEP = 8


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def formatted(file: Path, size: int, undo: ExitStack) -> Path:
    image(file, size, undo)
    run(*MKFS, str(file))
    write_out(file)
    return file


def test_eight_loop_devices_deep(tmp_path: Path, undo: ExitStack) -> None:
    """Each over an image in the filesystem of the one below it: a block is where it says."""
    place, size = tmp_path, (DEEP + 1) * 6 * MIB
    for n in range(DEEP):
        size -= 6 * MIB
        file = formatted(place / "image", size, undo)
        place = tmp_path / f"mnt{n}"
        mount(attach(file, undo), place, "ext4", "", undo)
    path = swapfile(place, 2 * MIB)
    block = witness(path, MIB)
    report = look(path)
    found = layers(report)[: 2 * DEEP]
    assert [layer.kind for layer in found] == ["loop", "filesystem"] * DEEP
    assert [layer.depth for layer in found] == list(range(2 * DEEP))
    assert unsafe(report) == set()
    # The pieces are by their place, not in the order of the file.
    place_of_it = position(tmp_path / "image", block)
    assert any(s.offset <= place_of_it < s.offset + s.length for s in part(found[-1]).first)
    assert part(found[-1]).bytes == 2 * MIB


NAMES = (
    b"two words",
    b"a\nb",
    b"caf\xe9",
    b"back\\slash\\012",
    b"image (deleted)",
    b" (deleted)",
    b"$(reboot);'\"",
    b"\x1b[31mred",
    b"x" * 255,
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_images(tmp_path: Path, undo: ExitStack, name: bytes) -> None:
    """As the kernel shows them: as they are, and one may end as if it were deleted."""
    file = area_image(tmp_path / os.fsdecode(name), undo, written=True, size=2 * MIB)
    device = attach(file, undo)
    report = look(device)
    _, filesystem, *_ = layers(report)
    assert filesystem.file is not None
    assert filesystem.file.path == str(file)
    assert report.outcome.undecided == ()
    done = swapctl("check", "-v", device)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    (target,) = document(swapctl("check", "--json", device))["targets"]
    assert os.fsencode(target["storage"][0]["below"][0]["file"]["path"]) == os.fsencode(file)


def test_a_path_too_long_to_be_shown(tmp_path: Path, undo: ExitStack) -> None:
    """sysfs has a page for it."""
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(20):
            os.mkdir("d" * 250)
            os.chdir("d" * 250)
        fd = os.open("image", os.O_RDWR | os.O_CREAT, 0o600)
    finally:
        os.chdir(here)
    try:
        os.pwrite(fd, bytes(2 * MIB), 0)
        os.pwrite(fd, header.pack(PAGE, 2 * MIB // PAGE, bytes(range(16)), ""), 0)
        os.fsync(fd)
        device = attach(Path(f"/proc/{os.getpid()}/fd/{fd}"), undo)
    finally:
        os.close(fd)
    undo.callback(run, "rm", "-rf", str(tmp_path / ("d" * 250)))
    done = swapctl("check", device)
    assert (done.returncode, done.stderr) == (3, "")
    assert "setup of loop" in done.stdout


HIDE = 'mount -t tmpfs none /sys && exec "$@"'


def hidden(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """In a mount namespace where sysfs is empty, as in some containers."""
    return swapctl(*arguments, before=("unshare", "-m", "sh", "-ec", HIDE, "sh"))


def _file(tmp_path: Path, undo: ExitStack) -> str:
    return str(swapfile(tmp_path))


def _device(tmp_path: Path, undo: ExitStack) -> str:
    return attach(area_image(tmp_path / "image", undo, written=True), undo)


def _on_btrfs(tmp_path: Path, undo: ExitStack) -> str:
    file = image(tmp_path / "image", 256 * MIB, undo)
    run("mkfs.btrfs", "-q", "-f", "-d", "single", "-m", "single", str(file))
    mount(attach(file, undo), tmp_path / "mnt", "btrfs", "", undo)
    (tmp_path / "mnt/home").mkdir(mode=0o700)
    run("chattr", "+C", str(tmp_path / "mnt/home"))
    return str(swapfile(tmp_path / "mnt/home"))


def over(tmp_path: Path, undo: ExitStack) -> Path:
    """An overlay whose upper layer is in the temporary directory."""
    names = [tmp_path / name for name in ("lower", "upper", "work")]
    for name in names:
        name.mkdir()
    options = "lowerdir={},upperdir={},workdir={}".format(*names)
    mount("overlay", tmp_path / "over", "overlay", options, undo)
    return tmp_path / "over"


def _on_overlay(tmp_path: Path, undo: ExitStack) -> str:
    path = over(tmp_path, undo) / "swapfile"
    path.write_bytes(bytes(MIB))
    path.chmod(0o600)
    return str(path)


BTRFS = pytest.mark.needs("tool mkfs.btrfs", "filesystem btrfs", "tool chattr")
OVERLAY = pytest.mark.needs("filesystem overlay")


@pytest.mark.needs("tool unshare")
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_file, 3),
        (_device, 3),
        pytest.param(_on_btrfs, 3, marks=BTRFS),
        pytest.param(_on_overlay, 1, marks=OVERLAY),
    ],
)
def test_without_sysfs(tmp_path: Path, undo: ExitStack, make: object, code: int) -> None:
    assert callable(make)
    path = make(tmp_path, undo)
    done = hidden("check", "--json", path)
    assert (done.returncode, done.stderr) == (code, "")
    (target,) = document(done)["targets"]
    lacking = {u["rule"]: u["reason"] for u in target["undecided"]}
    if code == 3:
        assert {"storage-cycle", "storage-loop-holes", "storage-suspended"} <= set(lacking)
        assert all(lacking.values())
    for words in (("check", "-v", path), ("facts", path), ("on", "--dry-run", path), ("status",)):
        done = hidden(*words)
        assert done.returncode in (0, 1, 3)
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
    assert json.loads(hidden("facts", path).stdout)


@pytest.mark.needs("filesystem overlay")
def test_an_image_on_an_overlay(tmp_path: Path, undo: ExitStack) -> None:
    """The overlay tells the extents of the real file, and neither where that is nor of what type:
    what is there may be copied on write."""
    place = over(tmp_path, undo)
    file = area_image(place / "image", undo, written=True)
    report = look(attach(file, undo))
    loop, filesystem = layers(report)
    assert (loop.kind, filesystem.kind) == ("loop", "filesystem")
    assert filesystem.lacks is not None
    assert "overlay shows no block device" in filesystem.lacks.reason
    assert report.verdict == "undecided"
    assert "storage-loop-cow" in {u.rule_id for u in report.outcome.undecided}


LOOP_SET_FD, LOOP_CLR_FD, LOOP_CTL_ADD, LOOP_CTL_REMOVE = 0x4C00, 0x4C01, 0x4C80, 0x4C81
# Detaches only what it attached itself: whoever else comes to have the device keeps it.
RACE = f"""
import fcntl, os, sys, time
file, number = os.open(sys.argv[1], os.O_RDWR), int(sys.argv[2])
control = os.open("/dev/loop-control", os.O_RDWR)
for name in ("add", "set", "clear", "remove") * 100000:
    try:
        if name == "add":
            fcntl.ioctl(control, {LOOP_CTL_ADD}, number)
        elif name == "remove":
            fcntl.ioctl(control, {LOOP_CTL_REMOVE}, number)
        elif name == "set":
            ours = False
            device = os.open(f"/dev/loop{{number}}", os.O_RDWR)
            fcntl.ioctl(device, {LOOP_SET_FD}, file)
            ours = True
            time.sleep(0.001)
        elif ours:
            fcntl.ioctl(device, {LOOP_CLR_FD})
            os.close(device)
            ours = False
    except OSError:
        time.sleep(0.001)
"""


def test_a_device_that_comes_and_goes(tmp_path: Path, undo: ExitStack) -> None:
    """Attached, detached and removed from sysfs while it is looked at."""
    number = 700 + os.getpid() % 300
    file = area_image(tmp_path / "image", undo, written=True, size=2 * MIB)
    words = [sys.executable, "-c", RACE, str(file), str(number)]
    race = subprocess.Popen(words)
    seen: dict[str, int] = {}
    try:
        until = time.monotonic() + 60
        # The other one has to have started first.
        while sum(seen.values()) < 400 or len(seen) < 2:
            assert len(seen) > 1 or time.monotonic() < until, seen
            verdict = judge(snapshot(f"/dev/loop{number}")).verdict
            seen[verdict] = seen.get(verdict, 0) + 1
        assert race.poll() is None
    finally:
        race.kill()
        race.wait()
        _gone(number)
    assert set(seen) <= {"refused", "undecided", "ready", "usable", "unsafe"}


def _gone(number: int) -> None:
    """Detach and remove the device, if it is there; its number is nobody else's."""
    node = Path(f"/dev/loop{number}")
    backing = Path(f"/sys/block/loop{number}/loop/backing_file")
    if backing.exists():
        run("losetup", "-d", str(node))
    if node.exists():
        with open("/dev/loop-control", "rb") as control:
            fcntl.ioctl(control, LOOP_CTL_REMOVE, number)
