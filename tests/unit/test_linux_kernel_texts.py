"""Kernel log records, build configuration, block devices in a made-up sysfs."""

import errno
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.linux import block, config, kmsg

RECORD = (
    b"6,1234,56789012,-;Adding 36k swap on /a\\x5cb \\xc3\\xa9.  Priority:-2\n"
    b" SUBSYSTEM=block\n DEVICE=b8:1\n"
)


def test_record_text_is_unescaped_without_its_dictionary() -> None:
    assert kmsg.parse_record(RECORD) == "Adding 36k swap on /a\\b \u00e9.  Priority:-2"


def test_record_text_may_contain_a_semicolon() -> None:
    assert kmsg.parse_record(b"4,1,2,c,extra;a;b\n") == "a;b"


def test_record_without_text_is_none() -> None:
    assert kmsg.parse_record(b"garbage\n") is None
    assert kmsg.parse_record(b"6,1,2,-;\n") == ""


def test_bytes_that_are_not_utf8_round_trip() -> None:
    text = kmsg.parse_record(b"6,1,2,-;/\\xff\\x\n")
    assert text is not None
    assert os.fsencode(text) == b"/\xff\\x"


@given(st.binary())
def test_any_record_is_survived(record: bytes) -> None:
    kmsg.parse_record(record)


@given(st.binary())
def test_record_round_trips(text: bytes) -> None:
    escaped = "".join(
        chr(c) if 32 <= c < 127 and c != 0x5C else f"\\x{c:02x}" for c in text
    ).encode()
    parsed = kmsg.parse_record(b"6,1,2,-;" + escaped + b"\n")
    assert parsed is not None
    assert parsed.encode("utf-8", "surrogateescape") == text


CONFIG = """#
# Linux/x86 6.18.44 Kernel Configuration
#
CONFIG_SWAP=y
# CONFIG_DEVICE_PRIVATE is not set
CONFIG_LOCALVERSION="-a=b"
CONFIG_ZSMALLOC=m
"""
PARSED = {"CONFIG_SWAP": "y", "CONFIG_LOCALVERSION": '"-a=b"', "CONFIG_ZSMALLOC": "m"}


def test_config_text() -> None:
    assert config.parse_config(CONFIG) == PARSED


def _config_root(root: Path, running: str) -> str:
    (root / "proc/sys/kernel").mkdir(parents=True)
    (root / "proc/sys/kernel/osrelease").write_text(running + "\n")
    (root / "proc/config.gz").write_bytes(gzip.compress(CONFIG.encode()))
    return str(root)


def test_config_of_the_running_kernel(tmp_path: Path) -> None:
    assert config.read("6.18.44", _config_root(tmp_path, "6.18.44")) == PARSED


def test_config_of_another_kernel_is_not_the_running_one_s(tmp_path: Path) -> None:
    root = _config_root(tmp_path, "6.1.0-2")
    with pytest.raises(FileNotFoundError):
        config.read("6.18.44", root)


@pytest.mark.parametrize("name", ["boot/config-6.1.0", "lib/modules/6.1.0/config"])
def test_installed_config(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(CONFIG)
    assert config.read("6.1.0", str(tmp_path)) == PARSED


ALL = {
    f"CONFIG_{name}": "y"
    for name in ("DEVICE_PRIVATE", "MIGRATION", "MEMORY_FAILURE", "PTE_MARKER")
}


@pytest.mark.parametrize(
    ("options", "release", "areas"),
    [
        (ALL, "", 24),
        (ALL, "7.3.4", 24),
        (ALL, "6.15.0", 24),
        (ALL, "6.12.117-1-amd64", 23),
        (ALL, "6.1.0-25-amd64", 22),
        (ALL, "5.15.0", 25),
        (ALL, "5.10.0", 27),
        ({}, "6.18.44", 31),
        ({}, "6.1.0", 31),
        ({}, "5.10.0", 32),
        ({"CONFIG_MIGRATION": "y"}, "6.18.44-custom", 28),
    ],
)
def test_max_swap_areas(options: dict[str, str], release: str, areas: int) -> None:
    assert config.max_swap_areas(options, release) == areas


@pytest.mark.parametrize(
    ("release", "numbers"),
    [
        ("6.12.1-arch", (6, 12)),
        ("6.1-rc3", (6, 1)),
        ("6", (99, 0)),
        ("x.y", (99, 0)),
        ("", (99, 0)),
    ],
)
def test_version(release: str, numbers: tuple[int, int]) -> None:
    assert config.version(release) == numbers


def _write(directory: Path, values: dict[str, str]) -> None:
    for name, text in values.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def _sysfs(root: Path) -> str:
    disk = root / "sys/devices/pci0/block/cciss!c0d0"
    queue = {
        "queue/logical_block_size": "4096",
        "queue/rotational": "1",
        "queue/zoned": "host-managed",
        "queue/discard_max_bytes": "1048576",
    }
    _write(disk, {"size": "2048", "ro": "0", "removable": "1", "dev": "104:0", **queue})
    _write(disk / "cciss!c0d0p1", {"size": "1000", "ro": "1", "partition": "1"})
    (disk / "cciss!c0d0p1/holders").mkdir()
    (disk / "cciss!c0d0p1/holders/dm-0").touch()
    (disk / "slaves").mkdir()
    links = root / "sys/dev/block"
    links.mkdir(parents=True)
    (links / "104:0").symlink_to("../../devices/pci0/block/cciss!c0d0")
    (links / "104:1").symlink_to("../../devices/pci0/block/cciss!c0d0/cciss!c0d0p1")
    _write(
        root / "proc/self",
        {
            "mountinfo": "1 0 104:1 / /data rw - ext4 /dev/root rw\n"
            "2 1 0:40 / /b\\040c rw - btrfs /dev/cciss/c0d0p1 rw\n"
            "3 1 0:41 / /n rw - btrfs /dev/absent rw\n"
        },
    )
    return str(root)


def test_disk(tmp_path: Path) -> None:
    disk = block.device("104:0", _sysfs(tmp_path))
    assert (disk.name, disk.partition, disk.size) == ("cciss/c0d0", False, 2048 * 512)
    assert (disk.read_only, disk.logical_block_size, disk.rotational) == (False, 4096, True)
    assert (disk.removable, disk.zoned, disk.discard_max_bytes) == (True, "host-managed", 1048576)
    assert (disk.write_zeroes_unmap_max_bytes, disk.backing_file) == (None, None)
    assert (disk.slaves, disk.holders, disk.mounted_at) == ((), (), ())


def test_partition_has_its_disk_s_queue(tmp_path: Path) -> None:
    root = _sysfs(tmp_path)
    _write(
        tmp_path / "sys/devices/pci0/block/cciss!c0d0",
        {"loop/backing_file": "/img ", "queue/write_zeroes_unmap_max_bytes": "512"},
    )
    part = block.device("104:1", root)
    assert (part.name, part.partition, part.size) == ("cciss/c0d0p1", True, 1000 * 512)
    assert (part.read_only, part.removable, part.zoned) == (True, True, "host-managed")
    assert (part.backing_file, part.write_zeroes_unmap_max_bytes) == ("/img ", 512)
    assert part.holders == ("dm-0",)
    assert part.mounted_at == ("/data", "/b c")


def test_absent_device(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="9:9") as caught:
        block.device("9:9", _sysfs(tmp_path))
    assert caught.value.errno == errno.ENOENT


def test_zoned_is_none_where_the_kernel_does_not_know_zones(tmp_path: Path) -> None:
    root = _sysfs(tmp_path)
    (tmp_path / "sys/devices/pci0/block/cciss!c0d0/queue/zoned").unlink()
    assert block.device("104:0", root).zoned == "none"
