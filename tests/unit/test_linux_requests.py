"""ioctl numbers of other machines, ACL values, btrfs items, and the paging of extent maps."""

import errno
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.linux import btrfs, fiemap, inode, ioctl, libc

GENERIC = ["x86_64", "i686", "armv7l", "aarch64", "riscv64", "s390x", "loongarch64", "m68k"]
OTHER = ["ppc64le", "ppc", "mips64", "sparc64", "alpha"]


@pytest.mark.parametrize("machine", GENERIC)
def test_generic_numbers(machine: str) -> None:
    assert ioctl.encode(machine, "rw", "f", 11, 32) == 0xC020660B
    assert ioctl.encode(machine, "r", "f", 1, 8) == 0x80086601
    assert ioctl.encode(machine, "w", "f", 2, 8) == 0x40086602
    assert ioctl.encode(machine, "", 0x12, 104, 0) == 0x1268


@pytest.mark.parametrize("machine", OTHER)
def test_numbers_with_three_direction_bits(machine: str) -> None:
    assert ioctl.encode(machine, "rw", "f", 11, 32) == 0xC020660B
    assert ioctl.encode(machine, "r", "f", 1, 8) == 0x40086601
    assert ioctl.encode(machine, "w", "f", 2, 8) == 0x80086602
    assert ioctl.encode(machine, "", 0x12, 104, 0) == 0x20001268


def test_parisc_numbers() -> None:
    assert ioctl.encode("parisc64", "r", "f", 1, 8) == 0x40086601
    assert ioctl.encode("parisc64", "w", "f", 2, 8) == 0x80086602
    assert ioctl.encode("parisc64", "", 0x12, 104, 0) == 0x1268


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(OSError, match="vax") as caught:
        ioctl.encode("vax", "r", "f", 1, 8)
    assert caught.value.errno == errno.ENOSYS


def test_an_argument_too_large_for_the_field_is_refused() -> None:
    assert ioctl.encode("x86_64", "w", 0, 0, 16383) == 0x7FFF0000
    with pytest.raises(ValueError, match="8192"):
        ioctl.encode("ppc64", "w", 0, 0, 8192)


def test_ioctl_errors_name_the_request(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError, match="NONSENSE"):
        ioctl.call(file.fileno(), ioctl.io("\xff", 255), bytearray(4), "NONSENSE")


def _acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ANY = 0xFFFFFFFF


def test_named_acl_entries_are_masked() -> None:
    value = _acl(
        *((0x01, 7, ANY), (0x02, 6, 1000), (0x04, 4, ANY), (0x08, 5, 50)),
        *((0x10, 4, ANY), (0x20, 0, ANY)),
    )
    assert inode.parse_acl(value) == ("user:1000:r--", "group:50:r--")


def test_acl_without_mask_counts_in_full() -> None:
    assert inode.parse_acl(_acl((0x02, 7, 0))) == ("user:0:rwx",)


@pytest.mark.parametrize("value", [b"", b"\2\0", struct.pack("<IHHI", 3, 2, 7, 0), _acl()])
def test_acl_without_named_entries(value: bytes) -> None:
    assert inode.parse_acl(value) == ()


@given(st.binary())
def test_any_acl_is_survived(value: bytes) -> None:
    inode.parse_acl(value)
    inode.parse_acl(struct.pack("<I", 2) + value)


def _chunk(length: int, flags: int, *stripes: tuple[int, int]) -> bytes:
    head = struct.pack("<QQQQIIIHH", length, 2, 65536, flags, 0, 0, 4096, len(stripes), 1)
    return head + b"".join(struct.pack("<QQ16s", *stripe, bytes(16)) for stripe in stripes)


def test_chunk_item() -> None:
    chunk = btrfs.parse_chunk(100, _chunk(50, 0x11, (1, 4096), (2, 8192)))
    assert chunk == (100, 50, 0x11, ((1, 4096), (2, 8192)))


def test_torn_chunk_item() -> None:
    for length in (0, 47, 48, 79, 111):
        with pytest.raises(OSError, match="torn") as caught:
            btrfs.parse_chunk(0, _chunk(1, 1, (1, 0), (2, 0))[:length])
        assert caught.value.errno == errno.EUCLEAN


def test_addresses_are_located() -> None:
    chunks = [btrfs.Chunk(100, 50, 1, ()), btrfs.Chunk(150, 50, 1, ()), btrfs.Chunk(300, 9, 1, ())]
    found = {at: btrfs.locate(chunks, at) for at in (99, 100, 149, 150, 200, 308, 309)}
    assert found == {
        99: None,
        100: (chunks[0], 0),
        149: (chunks[0], 49),
        150: (chunks[1], 0),
        200: None,
        308: (chunks[2], 8),
        309: None,
    }
    assert btrfs.locate([], 5) is None


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (0x1, "single"),
        (0x9, "raid0"),
        (0x11, "raid1"),
        (0x22, "dup"),
        (0x41, "raid10"),
        (0x81, "raid5"),
        (0x101, "raid6"),
        (0x201, "raid1c3"),
        (0x401, "raid1c4"),
    ],
)
def test_profiles(flags: int, name: str) -> None:
    assert btrfs.profile_name(flags) == name


def test_exclusive_operation_is_read_below_a_root(tmp_path: Path) -> None:
    directory = tmp_path / "sys/fs/btrfs/f"
    directory.mkdir(parents=True)
    (directory / "exclusive_operation").write_text("balance paused\n")
    assert btrfs.exclusive_operation("f", str(tmp_path)) == "balance paused"


def test_a_subvolume_name_too_long_for_the_request() -> None:
    with pytest.raises(OSError) as caught:
        btrfs.create_subvolume(0, b"a" * 4088)
    assert caught.value.errno == errno.ENAMETOOLONG


Answer = list[tuple[int, int, int, int]]
Asked = list[tuple[int, int, int]]


def _kernel(answers: list[Answer], asked: Asked) -> Callable[[int, int, bytearray, str], None]:
    """A stand-in for the ioctl that gives the prepared answers one after the other."""
    remaining = iter(answers)

    def answer(_fd: int, _request: int, buffer: bytearray, _name: str) -> None:
        asked.append(struct.unpack_from("=QQI", buffer))
        extents = next(remaining)
        struct.pack_into("=I", buffer, 20, len(extents))
        for index, extent in enumerate(extents):
            struct.pack_into("=QQQ16xI12x", buffer, 32 + 56 * index, *extent)

    return answer


def _run(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer], length: int, *, sync: bool = True
) -> tuple[list[fiemap.Extent], Asked]:
    asked: Asked = []
    monkeypatch.setattr(fiemap, "call", _kernel(answers, asked))
    return list(fiemap.extents(0, length, sync=sync, batch=4)), asked


def test_extent_pages_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(0, 100, 10, 0), (20, 200, 10, 0x800)], [(30, 300, 10, 1)]]
    found, asked = _run(monkeypatch, answers, 40)
    assert found == [extent for answer in answers for extent in answer]
    assert isinstance(found[0], fiemap.Extent)
    assert asked == [(0, 40, 1), (30, 10, 0)]


def test_an_empty_answer_ends_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = _run(monkeypatch, [[(0, 100, 10, 0)], []], 40, sync=False)
    assert found == [(0, 100, 10, 0)]
    assert asked == [(0, 40, 0), (10, 30, 0)]


def test_extents_behind_the_length_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = _run(monkeypatch, [[(0, 100, 10, 0), (40, 200, 10, 0)]], 40)
    assert found == [(0, 100, 10, 0)]


def test_a_map_that_does_not_advance_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="no progress"):
        _run(monkeypatch, [[(0, 100, 10, 0)], [(0, 100, 10, 0)]], 40)


def test_an_empty_range_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, [], 0) == ([], [])


def test_swapon_errors_carry_path_and_call() -> None:
    with pytest.raises(OSError, match=r"swapon: .*/nowhere") as caught:
        libc.swapon(b"/nowhere", 0x80000)
    assert caught.value.errno == errno.EINVAL
    assert caught.value.filename == "/nowhere"


def test_a_symbol_that_the_c_library_lacks_is_enosys() -> None:
    with pytest.raises(OSError, match="no_such_call") as caught:
        libc._call("no_such_call")
    assert caught.value.errno == errno.ENOSYS


def test_statx_and_statfs_of_a_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert libc.statx(file.fileno(), libc.STATX_BASIC_STATS).mask & 0x7FF == 0x7FF
        state = libc.statfs(file.fileno())
    assert 0 < state.magic < 2**32
    assert state.size >= state.available
    with pytest.raises(OSError, match="statx") as caught:
        libc.statx(-1, 0)
    assert caught.value.errno == errno.EBADF
