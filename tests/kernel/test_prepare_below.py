"""What `prepare` and `on` look at below the place of a file, before they change anything."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import libc
from tests.conftest import UNLOGGED
from tests.kernel.loopfs import MIB, attach, image, mount, run, write_out
from tests.kernel.support import area, document, findings, swapctl, unlike, verdict

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", UNLOGGED, "tool mkfs.ext4", "tool losetup"),
]
PAGE = os.sysconf("SC_PAGE_SIZE")
IMAGE = 64 * MIB
SIZE = 16 * MIB
MKFS = (
    "mkfs.ext4",
    "-q",
    "-F",
    "-O",
    "^has_journal",
    "-b",
    "4096",
    "-E",
    "nodiscard,lazy_itable_init=0",
)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def formatted(file: Path, undo: ExitStack, *, written: bool, size: int = IMAGE) -> Path:
    """An image with an ext4."""
    image(file, size, undo)
    run(*MKFS, str(file))
    if written:
        write_out(file)
    return file


def home(file: Path, place: Path, undo: ExitStack) -> Path:
    """A directory of root's own in the filesystem of an image."""
    mount(attach(file, undo), place, "ext4", "", undo)
    (place / "home").mkdir(mode=0o700)
    return place / "home"


def lower(fstype: str, mkfs: str, size: int, tmp_path: Path, undo: ExitStack) -> Path:
    """A filesystem on a written image, for images to be put on."""
    file = image(tmp_path / fstype, size, undo)
    run(*mkfs.split(), str(file))
    write_out(file)
    mount(attach(file, undo), tmp_path / f"{fstype}-mnt", fstype, "", undo)
    return tmp_path / f"{fstype}-mnt"


def _sparse(tmp_path: Path, undo: ExitStack) -> Path:
    return formatted(tmp_path / "image", undo, written=False)


def _unwritten(tmp_path: Path, undo: ExitStack) -> Path:
    file = image(tmp_path / "image", IMAGE, undo)
    run("fallocate", "-l", str(IMAGE), str(file))
    run(*MKFS, str(file))
    return file


@pytest.mark.parametrize("make", [_sparse, _unwritten])
def test_what_writing_mends(
    make: Callable[[Path, ExitStack], Path], tmp_path: Path, undo: ExitStack
) -> None:
    """Holes and unwritten blocks: afterwards there are none under the file."""
    path = home(make(tmp_path, undo), tmp_path / "mnt", undo) / "swap"
    done = swapctl("prepare", path, "--size", str(SIZE))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert verdict(path) == "ready"


def unsafe(path: Path) -> set[str]:
    (target,) = document(swapctl("check", "--json", path))["targets"]
    return {f["rule"] for f in target["findings"] if f["severity"] == "unsafe"}


@pytest.mark.needs("tool mkfs.xfs", "filesystem xfs")
def test_writing_gives_a_shared_image_blocks_of_its_own(tmp_path: Path, undo: ExitStack) -> None:
    """What is said of the product is what was said of a file there before there was a clone."""
    place = lower("xfs", "mkfs.xfs -q -f", 400 * MIB, tmp_path, undo)
    file = formatted(place / "image", undo, written=True)
    path = home(file, tmp_path / "mnt", undo) / "swap"
    with path.with_name("first").open("xb") as first:
        first.write(bytes(MIB))
    path.with_name("first").chmod(0o600)
    before = unsafe(path.with_name("first"))
    run("cp", "--reflink=always", str(file), str(place / "clone"))
    assert unsafe(path.with_name("first")) - before == {"storage-loop-shared"}
    copy = (place / "clone").read_bytes()
    allow = [word for rule in before for word in ("--allow", rule)]
    done = swapctl("prepare", path, "--size", str(SIZE), *allow)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert unsafe(path) == before
    assert (place / "clone").read_bytes() == copy


def blocks(file: Path) -> int:
    run("sync", "-f", str(file))
    return file.stat().st_blocks


@pytest.mark.needs("tool mkfs.btrfs", "filesystem btrfs")
def test_copy_on_write_below_is_refused_before_anything_is_written(
    tmp_path: Path, undo: ExitStack
) -> None:
    place = lower("btrfs", "mkfs.btrfs -q -f -d single -m single", 256 * MIB, tmp_path, undo)
    file = formatted(place / "image", undo, written=False)
    path = home(file, tmp_path / "mnt", undo) / "swap"
    before = blocks(file)
    done = swapctl("prepare", path, "--size", str(SIZE), "--json")
    rules = ["storage-loop-cow", "storage-loop-timestamps"]
    assert list(findings(done)) == rules
    assert list(path.parent.iterdir()) == []
    assert blocks(file) < before + SIZE // 512 // 4
    allow = [word for rule in rules for word in ("--allow", rule)]
    done = swapctl("prepare", path, "--size", str(SIZE), *allow)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert verdict(path) == "unsafe"


def test_memory_below_is_refused(tmp_path: Path, undo: ExitStack) -> None:
    mount("none", tmp_path / "memory", "tmpfs", "size=96m", undo)
    file = formatted(tmp_path / "memory" / "image", undo, written=True)
    path = home(file, tmp_path / "mnt", undo) / "swap"
    done = swapctl("prepare", path, "--size", str(SIZE))
    assert (done.returncode, done.stderr) == (1, "")
    assert "storage-loop-memory" in done.stdout
    assert list(path.parent.iterdir()) == []


def test_too_little_room_below(tmp_path: Path, undo: ExitStack) -> None:
    """A sparse image that is larger than what is free in the filesystem that it is in."""
    bottom = formatted(tmp_path / "bottom", undo, written=True, size=32 * MIB)
    place = home(bottom, tmp_path / "lower", undo)
    file = formatted(place / "image", undo, written=False)
    path = home(file, tmp_path / "mnt", undo) / "swap"
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    done = swapctl("prepare", path, "--size", "40M", "--json")
    found = findings(done)["place-no-room-below"]
    assert found["layer"] == str(tmp_path / "lower")
    assert abs(int(found["free"]) - free) < MIB
    assert list(path.parent.iterdir()) == []
    done = swapctl("prepare", path, "--size", "8M")
    assert (done.returncode, done.stderr) == (0, ""), done


def test_what_is_written_is_random_or_zero(tmp_path: Path, undo: ExitStack) -> None:
    """Random data has no two pages alike, so that nothing below can leave one out."""
    path = home(formatted(tmp_path / "image", undo, written=True), tmp_path / "mnt", undo) / "swap"
    asked = ("prepare", path, "--size", "40M")
    plan = document(swapctl(*asked, "--dry-run", "--json"))["plan"]
    (step,) = (s["action"] for s in plan["steps"] if s["action"].startswith("write"))
    assert swapctl(*asked).returncode == 0
    content = path.read_bytes()[PAGE:]
    assert content.count(0) == len(content) if step == "write" else unlike(content)


def holes(file: Path, size: int) -> bool:
    with file.open("rb") as data:
        return os.lseek(data.fileno(), 0, os.SEEK_HOLE) < size


def test_no_discard_on_a_loop_device(tmp_path: Path, undo: ExitStack) -> None:
    """Neither by `prepare --on` nor by `on`, unless it is allowed; and what that would do."""
    file = formatted(tmp_path / "image", undo, written=True)
    path = home(file, tmp_path / "mnt", undo) / "swap"
    asked = ("prepare", path, "--size", str(SIZE), "--on", "--discard", "once")
    assert list(findings(swapctl(*asked, "--json"))) == ["discard-unmaps"]
    assert list(path.parent.iterdir()) == []
    assert swapctl("prepare", path, "--size", str(SIZE)).returncode == 0
    done = swapctl(*asked)  # the file is there now
    assert (done.returncode, "discard-unmaps" in done.stdout) == (1, True)
    done = swapctl("on", path, "--discard", "pages", "--json")
    assert done.returncode == 1
    (target,) = document(done)["targets"]
    assert target["verdict"] == "unsafe"
    assert target["swapon"]["accepts"] is True
    assert "discard-unmaps" in {f["rule"] for f in target["findings"]}
    assert area(path) is None
    assert not holes(file, IMAGE)
    done = swapctl("on", path, "--discard", "once", "--allow", "discard-unmaps")
    assert (done.returncode, done.stderr) == (0, ""), done
    libc.swapoff(os.fsencode(path))
    assert holes(file, IMAGE)


def test_without_sysfs_a_file_is_made_and_undecided(tmp_path: Path, undo: ExitStack) -> None:
    """What cannot be looked at does not stop it."""
    path = home(formatted(tmp_path / "image", undo, written=True), tmp_path / "mnt", undo) / "swap"
    script = 'mount -t tmpfs none /sys && exec "$@"'
    aside = ("unshare", "-m", "sh", "-ec", script, "sh")
    done = swapctl("prepare", path, "--size", "4M", before=aside)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "verdict undecided" in done.stdout
    assert done.stdout.count("    lacks ") == 1
