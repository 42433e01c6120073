"""f2fs: the superblock, the walk of swapon(2) through a file, and what kernels make of it."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.f2fs_facts import F2fsWalk
from swapctl.facts import need
from swapctl.linux.f2fs import Superblock, parse, room
from swapctl.linux.f2fs_map import walk
from swapctl.linux.fiemap import FIEMAP_EXTENT_UNWRITTEN, Row
from swapctl.rules import judge
from tests.unit.snapshots_f2fs import FAR, GOOD, TAIL, made, optioned

MIB = 2**20
BLOCK = 4096
SECTION = 2 * MIB
# Sections begin at odd MiBs, as nothing says that they are aligned to their size.
FS = Superblock(
    block=BLOCK, segment=SECTION, section=SECTION, main=17 * MIB, zoned=False, devices=1
)
# Of `mkfs.f2fs -f -s 4` on 256 MiB (f2fs-tools 1.15).
HEAD = (0xF2F52010, 1, 15, 9, 3, 12, 9, 4, 1, 0)


def superblock(
    head: tuple[int, ...] = HEAD, feature: int = 0, paths: tuple[bytes, ...] = ()
) -> bytes:
    raw = bytearray(1024 + 3072)
    struct.pack_into("<IHH7I", raw, 1024, *head)
    struct.pack_into("<I", raw, 1024 + 92, 4096)
    struct.pack_into("<I", raw, 1024 + 2180, feature)
    for index, path in enumerate(paths):
        struct.pack_into("<64sI", raw, 1024 + 2201 + index * 68, path, 57)
    return bytes(raw)


def test_superblock() -> None:
    assert parse(superblock()) == Superblock(BLOCK, 2 * MIB, 8 * MIB, 16 * MIB, False, 1)
    several = parse(superblock(feature=0x2, paths=(b"/dev/loop0", b"/dev/loop1")))
    assert (several.zoned, several.devices) == (True, 2)


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(4096), superblock()[:4000], superblock((0xF2F52010, 1, 15, 9, 3, 99, 9, 4, 1, 0))],
)
def test_what_is_no_superblock_is_an_error(raw: bytes) -> None:
    with pytest.raises(OSError, match="superblock"):
        parse(raw)


def test_room_is_what_the_filesystem_does_not_keep(tmp_path: Path) -> None:
    shown = tmp_path / "sys/fs/f2fs/vda1"
    shown.mkdir(parents=True)
    (shown / "ovp_segments").write_text("40\n")
    for free, left in ((43, 6 * MIB), (39, 0)):
        (shown / "free_segments").write_text(f"{free}\n")
        assert room("vda1", 2 * MIB, str(tmp_path)) == left


def piece(offset: int, length: int, at: int | None) -> Row:
    """In MiB; None where it has no place yet."""
    if at is None:
        return offset * MIB, 0, length * MIB, FIEMAP_EXTENT_UNWRITTEN
    return offset * MIB, at * MIB, length * MIB, 0


def walked(size: int, *rows: Row, limit: int | None = None) -> F2fsWalk:
    return walk(rows, size * MIB, FS, (size if limit is None else limit) * MIB)


def differs(found: F2fsWalk, **wanted: Any) -> dict[str, tuple[Any, Any]]:
    fields = {**dict.fromkeys(F2fsWalk._fields, 0), "hole_at": None, "hole_met": False}
    fields |= {"tail_at": None, "tail_hole_at": None, **wanted}
    return {n: (got, fields[n]) for n, got in found._asdict().items() if got != fields[n]}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (walked(0), {}),
        (walked(4, piece(0, 4, 17)), {"end": 21 * MIB}),
        # Two extents that follow each other are one.
        (walked(4, piece(0, 3, 17), piece(3, 1, 20)), {"end": 21 * MIB}),
        # FIEMAP may show blocks behind the end of the file.
        (walked(4, piece(0, 6, 17)), {"end": 21 * MIB}),
        (walked(4, piece(0, 4, 18)), {"passes": 1, "moved": 4 * MIB, "end": 22 * MIB}),
        (
            walked(4, piece(0, 1, 17), piece(1, 3, 31)),
            {"passes": 2, "moved": 4 * MIB, "end": 34 * MIB},
        ),
        (walked(4, piece(0, 4, None)), {"passes": 1, "moved": 4 * MIB}),
        # Whole sections that go on as a part of one are moved as well.
        (
            walked(5, piece(0, 5, 17)),
            {
                "passes": 1,
                "moved": 4 * MIB,
                "tail_at": 4 * MIB,
                "tail_bytes": MIB,
                "tail_pieces": 1,
                "end": 22 * MIB,
            },
        ),
        (
            walked(1, piece(0, 1, None)),
            {"tail_at": 0, "tail_bytes": MIB, "tail_pieces": 1, "tail_unplaced": MIB},
        ),
        (walked(4), {"hole_at": 0, "hole_met": True}),
        (
            walked(6, piece(0, 2, 17), piece(4, 2, 21)),
            {"hole_at": 2 * MIB, "hole_met": True, "end": 23 * MIB},
        ),
        (
            walked(4, piece(0, 3, 17)),
            {"passes": 1, "moved": 4 * MIB, "hole_at": 3 * MIB, "end": 20 * MIB},
        ),
        (walked(6, piece(0, 2, 17), limit=2), {"end": 19 * MIB}),
        # A section is moved whole, also where the header ends within it.
        (
            walked(4, piece(0, 3, 17), limit=1),
            {"passes": 1, "moved": 2 * MIB, "end": 20 * MIB},
        ),
        (
            walked(4, piece(0, 1, 17), limit=1),
            {
                "tail_at": 0,
                "tail_bytes": 4 * MIB,
                "tail_pieces": 1,
                "tail_hole_at": MIB,
                "end": 18 * MIB,
            },
        ),
    ],
)
def test_walk(found: F2fsWalk, wanted: dict[str, Any]) -> None:
    assert differs(found, **wanted) == {}


@given(
    lengths=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from(["gap", "new", "far"])), max_size=9
    ),
    limit=st.integers(0, 40),
)
def test_every_walk_ends_and_counts_what_there_is(
    lengths: list[tuple[int, str]], limit: int
) -> None:
    rows, size = [], 0
    for number, (length, kind) in enumerate(lengths):
        if kind != "gap":
            rows.append(piece(size, length, None if kind == "new" else 100 * number + 17))
        size += length
    found = walked(size, *rows, limit=min(limit, size))
    assert found.moved % SECTION == 0
    assert found.moved <= size * MIB
    assert (found.hole_at is None) or (found.tail_at is None)
    holes = sum(length for length, kind in lengths if kind == "gap")
    assert holes or (found.hole_at, found.tail_hole_at) == (None, None)


OLD, NEW = "6.1.0-50-amd64", "7.2.13-amd64"
ALIGN = "Swapfile ({}) is not align to section: 1) creat(), 2) ioctl(F2FS_IOC_SET_PIN_FILE), 3) "
LAST = "Swapfile: last extent is not aligned to section"


def answer(kernel: str, **found: Any) -> tuple[str | None, list[str]]:
    """The errno, and what is logged without the device's name in front."""
    said = judge(made(kernel, **found)).swapon
    lines = (said.kernel_log or "").splitlines()
    return said.errno, [line.partition("): ")[2] for line in lines]


def aligned(passes: int) -> str:
    return ALIGN.format(passes) + "fallocate(2097152 * N)"


@pytest.mark.parametrize(
    ("found", "old", "new"),
    [
        ({}, (None, []), (None, [])),
        ({"passes": 3, "moved": MIB}, (None, [aligned(3)]), (None, [aligned(3)])),
        (
            {**TAIL, "tail_pieces": 2},
            (None, [LAST, LAST, aligned(2)]),
            (None, [aligned(1)]),
        ),
        ({"passes": 1, "hole_at": MIB}, ("ENOENT", [aligned(1)]), ("EINVAL", [aligned(1)])),
        (
            {"hole_at": MIB, "hole_met": True},
            ("EINVAL", ["Swapfile has holes"]),
            ("EINVAL", ["Swapfile has holes"]),
        ),
        (
            {**TAIL, "tail_hole_at": 63 * MIB},
            ("EINVAL", [LAST, "Swapfile has holes", aligned(1)]),
            ("EINVAL", [aligned(1)]),
        ),
        # Behind what the header counts: a newer kernel moves it all the same.
        (
            {**TAIL, "tail_hole_at": FAR},
            (None, [LAST, aligned(1)]),
            ("EINVAL", [aligned(1)]),
        ),
    ],
)
def test_what_kernels_answer(
    found: dict[str, Any], old: tuple[str | None, list[str]], new: tuple[str | None, list[str]]
) -> None:
    assert answer(OLD, **found) == old
    assert answer(NEW, **found) == new


def unsafe(kernel: str, **found: Any) -> list[str]:
    findings = judge(made(kernel, **found)).outcome.findings
    return [f.rule_id for f in findings if f.severity == "unsafe"]


@pytest.mark.parametrize(
    ("kernel", "wrong"),
    [
        ("6.1.176", False),
        ("6.6.126", True),
        ("6.6.127", False),
        ("6.8.0-60-generic", False),
        ("6.9.0", True),
        ("6.12.73+deb13-amd64", True),
        ("6.12.117+deb13-amd64", False),
        ("6.18.4", True),
        ("6.18.13", False),
        ("6.19.2", True),
        ("6.19.3", False),
        ("7.0", False),
    ],
)
def test_kernels_that_map_a_tail_wrong(kernel: str, wrong: bool) -> None:
    assert unsafe(kernel, **TAIL) == ["f2fs-wrong-blocks"] * wrong


def test_blocks_without_a_place_at_the_end() -> None:
    assert unsafe(OLD, **TAIL, tail_unplaced=MIB) == ["f2fs-wrong-blocks"]
    assert unsafe(NEW, **TAIL, tail_unplaced=MIB) == []


def test_several_devices() -> None:
    assert unsafe(NEW, devices=2, end=FAR) == ["f2fs-other-device"]
    assert unsafe(NEW, devices=2, passes=1, moved=MIB) == ["f2fs-other-device"]
    assert unsafe(NEW, devices=1, passes=1, moved=MIB) == []


def test_zoned_devices_are_in_lfs_mode_always() -> None:
    state = need(GOOD.f2fs)
    assert state is not None
    zoned = optioned(GOOD, "mode=lfs")._replace(f2fs=state._replace(zoned=True))
    assert judge(zoned).swapon.accepts is True
    older = zoned._replace(host=zoned.host._replace(kernel=OLD))
    assert judge(older).swapon.accepts is False
