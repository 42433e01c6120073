"""Targets of the device mapper, and bcache, that the other guests' tests leave out.

To be run as root in a machine of its own, like guest_storage.py. Each is made by its table, looked
at as an area, activated and given back.
"""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kernel.loopfs import MIB, run
from tests.vm.guest_storage import (
    BELOW,
    SECTORS,
    SIZE,
    area,
    found,
    kinds,
    layers,
    look,
    loop,
    modprobe,
    table,
)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def loops(tmp_path: Path, undo: ExitStack, *names: str, size: int = SIZE) -> list[str]:
    return [loop(tmp_path, name, undo, size) for name in names]


def test_integrity(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-integrity")
    (lower,) = loops(tmp_path, undo, "image")
    words = f"integrity {lower} 0 4 J 1 internal_hash:crc32c"
    with ExitStack() as once:  # of any size, to have it formatted
        table("swformat", f"0 8 {words}", once)
    with open(lower, "rb") as device:
        # magic, version, log2_interleave_sectors, integrity_tag_size, journal_sections
        (sectors,) = struct.unpack_from("<16xQ", device.read(512))
    report = look(area(table("swintegrity", f"0 {sectors} {words}", undo)))
    assert kinds(report) == ["dm-integrity", *BELOW]
    assert found(report) == {"storage-integrity"}
    assert report.verdict == "usable"


def test_writecache(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-writecache")
    slow, fast = loops(tmp_path, undo, "slow", "fast")
    line = f"0 {SECTORS} writecache s {slow} {fast} 4096 0"
    report = look(area(table("swwritecache", line, undo)))
    assert kinds(report) == ["dm-writecache", *BELOW, *BELOW]
    assert found(report) == {"storage-writecache"}


@pytest.mark.parametrize("target", ["era", "clone"])
def test_what_records_writes(tmp_path: Path, undo: ExitStack, target: str) -> None:
    modprobe(f"dm-{target}")
    (meta,) = loops(tmp_path, undo, "meta", size=4 * MIB)
    one, two = loops(tmp_path, undo, "one", "two")
    words = {"era": f"{meta} {one} 128", "clone": f"{meta} {one} {two} 8"}
    report = look(area(table(f"sw{target}", f"0 {SECTORS} {target} {words[target]}", undo)))
    assert kinds(report)[:2] == [f"dm-{target}", "loop"]
    assert found(report) == {"storage-remapped"}
    assert report.verdict == "unsafe"


def test_an_old_mirror(tmp_path: Path, undo: ExitStack) -> None:
    """Its log is the kernel's own."""
    modprobe("dm-mirror")
    one, two = loops(tmp_path, undo, "one", "two")
    line = f"0 {SECTORS} mirror core 2 1024 nosync 2 {one} 0 {two} 0"
    report = look(area(table("swmirror", line, undo)))
    assert kinds(report) == ["dm-mirror", *BELOW, *BELOW]
    assert found(report) == set()


@pytest.mark.parametrize("waiting", [False, True])
def test_several_paths(tmp_path: Path, undo: ExitStack, waiting: bool) -> None:
    """Two linear volumes over one device stand for paths."""
    modprobe("dm-multipath")
    modprobe("dm-round-robin")
    (lower,) = loops(tmp_path, undo, "image")
    paths = [table(f"swpath{n}", f"0 {SECTORS} linear {lower} 0", undo) for n in (1, 2)]
    features = "3 queue_if_no_path queue_mode bio" if waiting else "2 queue_mode bio"
    group = f"round-robin 0 2 1 {paths[0]} 1000 {paths[1]} 1000"
    line = f"0 {SECTORS} multipath {features} 0 1 1 {group}"
    report = look(area(table("swmultipath", line, undo)))
    assert kinds(report) == ["dm-multipath", "dm-linear", *BELOW, "dm-linear", *BELOW]
    assert found(report) == ({"storage-multipath"} if waiting else set())


@pytest.mark.parametrize("level", ["raid1", "raid5_ls"])
def test_raid_by_the_mapper(tmp_path: Path, undo: ExitStack, level: str) -> None:
    modprobe("dm-raid")
    modprobe("raid1" if level == "raid1" else "raid456")
    one, two, three = loops(tmp_path, undo, "one", "two", "three")
    words = {
        "raid1": f"2 0 nosync 2 - {one} - {two}",
        "raid5_ls": f"2 128 nosync 3 - {one} - {two} - {three}",
    }
    sectors = SECTORS if level == "raid1" else 2 * SECTORS
    report = look(area(table("swraid", f"0 {sectors} raid {level} {words[level]}", undo)))
    members = 2 if level == "raid1" else 3
    assert kinds(report) == ["dm-raid", *BELOW * members]
    expected = {"storage-raid-parity"} if level != "raid1" else set()
    assert found(report) - {"storage-array-syncing"} == expected


def test_mapper_raid_that_lacks_a_member(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-raid")
    (one,) = loops(tmp_path, undo, "one")
    line = f"0 {SECTORS} raid raid1 2 0 nosync 2 - {one} - -"
    report = look(area(table("swraid", line, undo)))
    assert "storage-array-degraded" in found(report)


@pytest.mark.needs("tool make-bcache")
def test_bcache(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("bcache")
    (slow,) = loops(tmp_path, undo, "slow")
    run("make-bcache", "-B", slow)
    Path("/sys/fs/bcache/register").write_text(slow)
    node, device = Path("/dev/bcache0"), Path("/sys/block/bcache0")
    deadline = time.monotonic() + 20
    while not node.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    undo.callback((device / "bcache/stop").write_text, "1")
    report = look(area(str(node)))
    assert kinds(report) == ["bcache", *BELOW]
    assert found(report) == {"storage-bcache"}
    assert layers(report)[1].name == os.path.basename(slow)


def test_writes_that_fail_or_vanish(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-flakey")
    (lower,) = loops(tmp_path, undo, "image")
    line = f"0 {SECTORS} flakey {lower} 0 3600 0"
    report = look(area(table("swflakey", line, undo)))
    assert kinds(report) == ["dm-flakey", *BELOW]
    assert found(report) == {"storage-faulty"}


def test_a_target_without_a_rule(tmp_path: Path, undo: ExitStack) -> None:
    """Which delays writes: known to keep them in place, nothing more is said."""
    modprobe("dm-delay")
    (lower,) = loops(tmp_path, undo, "image")
    report = look(area(table("swdelay", f"0 {SECTORS} delay {lower} 0 0", undo)))
    assert kinds(report) == ["dm-delay", *BELOW]
    assert found(report) == set()
