"""`prepare` on f2fs: whole sections, taken by swapon(2) as they are."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from swapctl.linux import fiemap
from tests.conftest import kernel_lacks, lacks
from tests.kernel.conditions import header
from tests.kernel.loopfs import FILESYSTEMS, MIB, Filesystem, Mounted, run
from tests.kernel.oracle import compare, swapoff, swapon
from tests.kernel.support import area, cleared, document, findings, swapctl, unlike, verdict, volume

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "the kernel log", "tool mkfs.f2fs"),
]

PAGE = os.sysconf("SC_PAGE_SIZE")
ROWS = {row.name: row for row in FILESYSTEMS if row.fstype == "f2fs"}
SECTIONS = {"f2fs": 2 * MIB, "f2fs-compress": 2 * MIB, "f2fs-large-sections": 8 * MIB}
FIRST_DEVICE = 128 * MIB


def made(row: Filesystem, scratch: Path) -> Iterator[Mounted]:
    if lacks("filesystem f2fs"):
        kernel_lacks("f2fs")
    with volume(row, scratch) as mounted:
        yield mounted


@pytest.fixture(scope="module", params=SECTIONS)
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    yield from made(ROWS[request.param], tmp_path_factory.mktemp("prepare"))


@pytest.fixture
def home(every: Mounted) -> Iterator[Path]:
    with cleared(every.path / "home") as directory:
        yield directory


def places(path: Path) -> list[tuple[int, int]]:
    """Where the pieces lie, by FIEMAP: address and length; none of them is unwritten."""
    fd = os.open(path, os.O_RDONLY)
    try:
        found = list(fiemap.extents(fd, os.fstat(fd).st_size))
    finally:
        os.close(fd)
    assert [e for e in found if e.flags & ~(fiemap.FIEMAP_EXTENT_MERGED | 1)] == []
    return [(e.physical, e.length) for e in found]


def main_area(mounted: Mounted) -> int:
    """Where sections begin, as f2fs says in sysfs."""
    device = os.path.basename(mounted.devices[0])
    return int(Path(f"/sys/fs/f2fs/{device}/main_blkaddr").read_text()) * 4096


@pytest.mark.parametrize("size", ["1M", "2M", "9M", "24M"])
def test_the_product_is_taken_as_it_is(every: Mounted, home: Path, size: str) -> None:
    section = SECTIONS[every.filesystem.name]
    path = home / "swapfile"
    done = swapctl("prepare", path, "--size", size)
    assert (done.returncode, done.stderr) == (0, "")
    asked = int(size.removesuffix("M")) * MIB
    assert path.stat().st_size == -(-asked // section) * section
    before = places(path)
    for at, length in before:
        assert (at - main_area(every)) % section == length % section == 0
    content = path.read_bytes()[PAGE:]
    assert content.count(0) == len(content) or unlike(content)
    assert verdict(path) == "ready"
    row = compare(every.filesystem.name, "prepared", str(path))
    assert row.agrees
    assert (row.actual.accepts, row.actual.log) == (True, None)
    assert row.actual.usable == path.stat().st_size - PAGE
    assert places(path) == before
    again = swapctl("prepare", path, "--size", size)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)


def test_on_and_off_leave_the_blocks_where_they_are(home: Path) -> None:
    path = home / "swapfile"
    done = swapctl("prepare", path, "--size", "4M", "--on")
    assert (done.returncode, done.stderr) == (0, "")
    before = places(path)
    assert area(path) is not None
    assert swapctl("off", path).returncode == 0
    assert area(path) is None
    assert places(path) == before
    assert verdict(path) == "ready"


def test_after_an_activation_that_moved_a_part_of_a_section(every: Mounted, home: Path) -> None:
    """Where sections have several segments, the kernel then says once that there is no space."""
    pages = SECTIONS[every.filesystem.name] // PAGE // 2 * 3
    for number in range(2):
        odd = home / f"odd{number}"
        odd.write_bytes(header(pages) + bytes((pages - 1) * PAGE))
        swapon(str(odd))
        swapoff(str(odd))
        done = swapctl("prepare", home / f"swap{number}", "--size", "16M", "--json")
        (target,) = document(done)["targets"]
        assert (done.returncode, target["verdict"]) == (0, "ready")


def test_in_a_compressed_directory(every: Mounted, home: Path) -> None:
    if every.filesystem.has("compression"):
        run("chattr", "+c", str(home))
    path = home / "swapfile.txt"
    done = swapctl("prepare", path, "--size", "4M")
    assert (done.returncode, done.stderr) == (0, "")
    assert verdict(path) == "ready"


def test_allocated_only(home: Path) -> None:
    """Pinned blocks have their place at once."""
    path = home / "swapfile"
    done = swapctl("prepare", path, "--size", "4M", "--method", "fallocate", "--json")
    (target,) = document(done)["targets"]
    assert (done.returncode, target["verdict"], target["method"]) == (0, "ready", "fallocate")
    assert len(places(path)) >= 1


@pytest.mark.needs("tool f2fs_io", "tool mkswap", "tool fallocate")
def test_the_commands_of_a_dry_run_do_the_same(every: Mounted, home: Path) -> None:
    path = home / "swapfile"
    done = swapctl("prepare", path, "--size", "3M", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "whole sections" in done.stdout
    commands = [line[4:] for line in done.stdout.splitlines() if line.startswith("    ")]
    run("bash", "-ec", "\n".join(commands[:-1]))
    assert verdict(path) == "ready"
    assert path.stat().st_size % SECTIONS[every.filesystem.name] == 0


def test_no_file_in_lfs_mode(tmp_path: Path) -> None:
    for mounted in made(ROWS["f2fs-lfs"], tmp_path):
        with cleared(mounted.path / "home") as directory:
            done = swapctl("prepare", directory / "swapfile", "--size", "4M", "--json")
            assert list(findings(done)) == ["place-lfs-mode"]
            assert list(directory.iterdir()) == []


def test_too_little_room_names_a_size_that_fits(every: Mounted, home: Path) -> None:
    path = home / "swapfile"
    done = swapctl("prepare", path, "--size", "100G")
    assert done.returncode == 1
    (size,) = re.findall(r"At most this fits: (\d+)M", done.stdout)
    assert int(size) * MIB % SECTIONS[every.filesystem.name] == 0
    assert swapctl("prepare", path, "--size", f"{size}M", "--dry-run").returncode == 0


def test_every_file_lies_on_the_first_device(tmp_path: Path) -> None:
    """The first is full at some time; then nothing is made, and the reason is told."""
    for mounted in made(ROWS["f2fs-2dev"], tmp_path):
        with cleared(mounted.path / "home") as directory:
            refused = []
            for number in range(5):
                path = directory / f"swap{number}"
                done = swapctl("prepare", path, "--size", "40M", "--reserve", "0")
                if done.returncode:
                    assert not path.exists()
                    refused.append(done.stderr + done.stdout)
                    continue
                assert max(at + length for at, length in places(path)) <= FIRST_DEVICE
                assert compare("f2fs-2dev", "prepared", str(path)).agrees
            assert any("f2fs-other-device" in text for text in refused), refused
