"""The walk over directories that stand for sysfs: what no machine should be made to show."""

import itertools
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.gather.walk import MOST_DEEP, MOST_LAYERS, Walk
from swapctl.linux import dm, sockets, sysblock
from swapctl.unknown import Unknown


class Tree:
    """A sysfs of block devices."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/dev/block").mkdir(parents=True)

    def add(self, name: str, number: str, *, at: str = "devices/virtual/block") -> Path:
        directory = self.root / "sys" / at / name
        self.write(directory, dev=number, size="2048", ro="0", removable="0")
        self.write(directory / "queue", rotational="0", discard_max_bytes="0", zoned="none")
        (self.root / "sys/dev/block" / number).symlink_to(directory)
        return directory

    @staticmethod
    def write(directory: Path, **attributes: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in attributes.items():
            (directory / name).write_text(f"{text}\n")

    @staticmethod
    def stack(upper: Path, lower: Path) -> None:
        (upper / "slaves").mkdir(exist_ok=True)
        (upper / "slaves" / lower.name).symlink_to(lower)

    def walk(self, number: str) -> Walk:
        walk = Walk(str(self.root))
        walk.visit(number, None)
        return walk


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def mapper(tree: Tree, minor: int) -> Path:
    directory = tree.add(f"dm-{minor}", f"252:{minor}")
    tree.write(directory / "dm", name=f"volume{minor}", uuid="LVM-x", suspended="0")
    return directory


def test_a_cycle_ends_in_a_layer_that_says_so(tree: Tree) -> None:
    first, second = mapper(tree, 0), mapper(tree, 1)
    tree.stack(first, second)
    tree.stack(second, first)
    found = tree.walk("252:0").layers
    assert [(layer.kind, layer.depth) for layer in found] == [("dm", 0), ("dm", 1), ("cycle", 2)]


def test_a_deep_stack_ends_in_what_is_not_known(tree: Tree) -> None:
    devices = [mapper(tree, n) for n in range(MOST_DEEP + 5)]
    for upper, lower in itertools.pairwise(devices):
        tree.stack(upper, lower)
    found = tree.walk("252:0").layers
    assert len(found) == MOST_DEEP + 1
    assert found[-1].lacks is not None
    assert found[-1].lacks.reason == "too many layers"


def test_a_wide_stack_is_bounded(tree: Tree) -> None:
    """Two ways at each of many levels are as many paths as a chessboard has grains."""
    devices = [mapper(tree, n) for n in range(60)]
    for n in range(0, 58, 2):
        for upper in devices[n : n + 2]:
            for lower in devices[n + 2 : n + 4]:
                tree.stack(upper, lower)
    assert len(tree.walk("252:0").layers) < MOST_LAYERS * 3


def test_without_its_control_node_a_table_is_not_known(tree: Tree) -> None:
    upper = mapper(tree, 0)
    tree.stack(upper, tree.add("sda", "8:0", at="devices/pci/ata1/host0/block"))
    first, second = tree.walk("252:0").layers
    assert first.mapper is not None
    assert isinstance(first.mapper.targets, Unknown)
    assert second.attributes is not None
    assert second.attributes.transport == "ata"


@pytest.mark.parametrize("gone", ["size", "ro", "queue/rotational", "dm/name", "dm/suspended"])
def test_an_attribute_that_vanishes(tree: Tree, gone: str) -> None:
    (mapper(tree, 0) / gone).unlink()
    (layer,) = tree.walk("252:0").layers
    assert layer.lacks is not None
    assert gone in layer.lacks.reason


@pytest.mark.parametrize("text", ["", "x", "-", "9" * 5000])
def test_an_attribute_that_is_no_number(tree: Tree, text: str) -> None:
    (tree.add("sda", "8:0") / "size").write_text(text)
    (layer,) = tree.walk("8:0").layers
    assert layer.kind == "unknown"
    assert layer.lacks is not None


def test_a_device_without_an_entry(tree: Tree) -> None:
    (layer,) = tree.walk("0:42").layers
    assert (layer.kind, layer.lacks is not None) == ("unknown", True)


def test_a_member_that_vanishes_is_a_layer_of_its_own(tree: Tree) -> None:
    upper, lower = mapper(tree, 0), mapper(tree, 1)
    tree.stack(upper, lower)
    (tree.root / "sys/dev/block/252:1").unlink()
    assert [layer.kind for layer in tree.walk("252:0").layers] == ["dm", "unknown"]


def test_a_partition_is_on_its_disk(tree: Tree) -> None:
    disk = mapper(tree, 0)
    partition = disk / "dm-0p1"
    tree.write(partition, dev="252:9", size="1024", ro="0", partition="1", start="64")
    (tree.root / "sys/dev/block/252:9").symlink_to(partition)
    first, second = tree.walk("252:9").layers
    assert (first.kind, second.kind, second.name) == ("partition", "dm", "dm-0")
    assert second.part is not None
    assert [tuple(span) for span in second.part.first] == [(64 * 512, 1024 * 512)]


def test_a_mirror_and_its_members(tree: Tree) -> None:
    array = tree.add("md0", "9:0")
    tree.write(
        array / "md", level="raid1", metadata_version="1.2", array_state="clean", degraded="1"
    )
    disk = tree.add("sda", "8:0")
    tree.write(array / "md/dev-sda", offset="2048", size="512", slot="0")
    (array / "md/dev-sda/block").symlink_to(disk)
    (array / "md/rd0").symlink_to("dev-sda")
    tree.stack(array, disk)
    first, second = tree.walk("9:0").layers
    assert (first.kind, first.array and first.array.degraded) == ("md-raid1", 1)
    assert second.part is not None
    assert [tuple(span) for span in second.part.first] == [(2048 * 512, 2048 * 512)]


def test_kinds_and_transports(tree: Tree) -> None:
    kinds = {
        "nbd0": "nbd",
        "ublkb3": "ublkb",
        "zram0": "zram",
        "ram0": "ram",
        "sda": "disk",
        "md127": "md",
        "mdev": "disk",
    }
    for n, (name, kind) in enumerate(kinds.items()):
        tree.add(name, f"1:{n}")
        assert sysblock.entry(f"1:{n}", str(tree.root)).kind == kind
    assert sysblock.transport("/sys/devices/platform/host2/session1/target/block/sda") == "iscsi"
    assert sysblock.transport("/sys/devices/pci0/usb2/2-1/host3/block/sdb") == "usb"
    assert sysblock.transport("/sys/devices/virtual/nvme-fabrics/ctl/nvme0/nvme0n1").endswith("s")
    assert sysblock.transport("/sys/devices/pci0/0000:01/nvme/nvme0/nvme0n1") == "nvme"
    assert sysblock.transport("/sys/devices/virtual/block/loop0") == ""


SPEC = struct.Struct("=QQiI16s")


def answer(*targets: tuple[int, int, bytes, bytes]) -> bytes:
    """What the kernel writes: each says where the next is, counted from the first."""
    found = b""
    for first, length, kind, words in targets:
        text = words + b"\0" * (8 - len(words) % 8)
        following = len(found) + SPEC.size + len(text)
        found += SPEC.pack(first, length, 0, following, kind) + text
    return found


def test_a_table_is_parsed() -> None:
    raw = answer((0, 8, b"linear", b"8:1 0"), (8, 16, b"striped", b"2 8 8:1 8 8:2 0"))
    assert dm.parse(raw, 0, 2) == [
        (0, 8, "linear", "8:1 0"),
        (8, 16, "striped", "2 8 8:1 8 8:2 0"),
    ]


@given(st.binary(max_size=120), st.integers(-8, 130), st.integers(0, 5))
def test_any_answer_is_survived(raw: bytes, start: int, count: int) -> None:
    assert len(dm.parse(raw, start, count)) <= count


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2A39 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11
   1: 0100007F:8000 0100007F:2A39 01 00000000:00000000 00:00000000 00000000     0        0 12
   2: 0100007F:2A39 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 13
torn
"""


def test_both_ends_of_a_connection(tmp_path: Path) -> None:
    (tmp_path / "proc/self/net").mkdir(parents=True)
    (tmp_path / "proc/self/net/tcp").write_text(TCP)
    listening, client, server = sockets.tcp(str(tmp_path))
    assert not listening.connected
    assert sockets.far_end(client, str(tmp_path)) == server
    assert sockets.shown(client.remote) == "127.0.0.1:10809"
    assert sockets.loopback(client.remote)
    assert sockets.shown("0" * 24 + "01000000:0016") == "[::1]:22"
    assert sockets.loopback("0" * 24 + "01000000:0016")
    assert not sockets.loopback("0202000A:0016")


def test_names_of_any_bytes(tree: Tree) -> None:
    directory = mapper(tree, 0)
    (directory / "dm/name").write_bytes(b"odd\xff\nname\n")
    (layer,) = tree.walk("252:0").layers
    assert layer.mapper is not None
    assert os.fsencode(layer.mapper.name) == b"odd\xff\nname"
