"""Block devices: loop devices in every state, a partition, zram."""

import os
import stat
from functools import partial
from pathlib import Path

from tests.kernel.conditions import PAGE, Place, add, condition, header, put
from tests.kernel.conditions_header import MAX_BAD
from tests.kernel.loopfs import MIB, attach, image, mount, run
from tests.kernel.support import remove_zram

DEVICE_PAGES = 1024


def _loop(place: Place, head: bytes, size: int = DEVICE_PAGES * PAGE, *options: str) -> str:
    backing = image(place.directory / "image", size, place.undo)
    with backing.open("r+b") as content:
        content.write(head[:size])
    return attach(backing, place.undo, *options)


HEADERS = {
    "with-header": header(DEVICE_PAGES),
    "without-header": bytes(PAGE),
    "header-shorter": header(100),
    "header-longer": header(DEVICE_PAGES + 1),
    "last-page-0": header(1),
    "last-page-huge": header(1, last_page=0xFFFFFFF0),
    "byte-swapped": header(DEVICE_PAGES, swapped=True),
    "byte-swapped-bad-pages": header(DEVICE_PAGES, swapped=True, bad=(7, 9)),
    "version-2": header(DEVICE_PAGES, version=2),
    "bad-pages": header(DEVICE_PAGES, bad=(1, 5, 1023)),
    "bad-page-0": header(DEVICE_PAGES, bad=(5, 0)),
    "bad-page-out-of-range": header(DEVICE_PAGES, bad=(5, DEVICE_PAGES)),
    "bad-page-out-of-header": header(100, bad=(5, 100)),
    "bad-page-twice": header(DEVICE_PAGES, bad=(5, 5)),
    "bad-pages-at-limit": header(DEVICE_PAGES, bad=tuple(range(1, MAX_BAD + 1))),
    "bad-pages-over-limit": header(DEVICE_PAGES, bad_count=MAX_BAD + 1),
    "all-pages-bad": header(8, bad=tuple(range(1, 8))),
    "all-pages-but-one-bad": header(8, bad=tuple(range(2, 8))),
    "longer-and-bad-page-0": header(DEVICE_PAGES + 1, bad=(0,)),
}
for name, head in HEADERS.items():
    add(f"loop-{name}", partial(_loop, head=head), "device")


@condition("device")
def loop_read_only(place: Place) -> str:
    return _loop(place, header(DEVICE_PAGES), DEVICE_PAGES * PAGE, "-r")


@condition("device")
def loop_read_only_without_header(place: Place) -> str:
    return _loop(place, bytes(PAGE), DEVICE_PAGES * PAGE, "-r")


@condition("device")
def loop_of_odd_size(place: Place) -> str:
    return _loop(place, header(DEVICE_PAGES), DEVICE_PAGES * PAGE + 1536)


@condition("device")
def loop_of_odd_size_too_short(place: Place) -> str:
    return _loop(place, header(DEVICE_PAGES), DEVICE_PAGES * PAGE - 512)


@condition("device")
def loop_of_one_page(place: Place) -> str:
    return _loop(place, header(1, last_page=1), PAGE)


@condition("device")
def loop_of_two_pages(place: Place) -> str:
    return _loop(place, header(2), 2 * PAGE)


@condition("device")
def loop_smaller_than_a_page(place: Place) -> str:
    return _loop(place, header(1), 1024)


add("loop-of-no-size", lambda place: _loop(place, b"", 0), "device")


@condition("device")
def loop_with_4k_sectors(place: Place) -> str:
    return _loop(place, header(DEVICE_PAGES), DEVICE_PAGES * PAGE, "-b", "4096")


@condition("device", "sectors larger than pages")
def loop_with_16k_sectors(place: Place) -> str:
    return _loop(place, header(DEVICE_PAGES), DEVICE_PAGES * PAGE, "-b", "16384")


@condition("device", "tool mkfs.ext4")
def loop_mounted(place: Place) -> str:
    """The filesystem leaves the first KiB alone, not more: the header does not survive it."""
    device = _loop(place, b"", 8 * MIB)
    run("mkfs.ext4", "-q", device)
    mount(device, place.directory / "mnt", "ext4", "", place.undo)
    return device


def _held(place: Place, flags: int) -> str:
    device = _loop(place, header(DEVICE_PAGES))
    place.undo.callback(os.close, os.open(device, os.O_RDWR | flags))
    return device


add("loop-held", partial(_held, flags=0), "device")
add("loop-held-exclusively", partial(_held, flags=os.O_EXCL), "device")


@condition("device")
def loop_through_symlink(place: Place) -> str:
    os.symlink(_loop(place, header(DEVICE_PAGES)), place.path("link"))
    return place.path("link")


def _own_node(place: Place, device: str, name: str) -> str:
    os.mknod(place.path(name), stat.S_IFBLK | 0o600, os.stat(device).st_rdev)
    return place.path(name)


@condition("device")
def loop_through_another_node(place: Place) -> str:
    return _own_node(place, _loop(place, header(DEVICE_PAGES)), "node")


@condition("device")
def loop_on_nodev_mount(place: Place) -> str:
    mount("none", place.directory / "nodev", "ramfs", "nodev", place.undo)
    return _own_node(place, _loop(place, header(DEVICE_PAGES)), "nodev/node")


@condition("device")
def loop_on_read_only_mount(place: Place) -> str:
    """A device is written to, its node is not."""
    there = place.directory / "ro"
    mount("none", there, "ramfs", "", place.undo)
    node = _own_node(place, _loop(place, header(DEVICE_PAGES)), "ro/node")
    run("mount", "-o", "remount,bind,ro", str(there))
    return node


def _partition(place: Place, head: bytes) -> tuple[str, str]:
    """A disk and its partition of DEVICE_PAGES at 1 MiB. Without devtmpfs nobody makes its node."""
    backing = image(place.directory / "image", 8 * MIB, place.undo)
    with backing.open("r+b") as content:
        content.seek(MIB)
        content.write(head)
    disk = attach(backing, place.undo)
    run("addpart", disk, "1", str(MIB // 512), str(DEVICE_PAGES * PAGE // 512))
    place.undo.callback(run, "delpart", disk, "1")
    name = f"{Path(disk).name}p1"
    node = Path("/dev", name)
    if not node.exists():
        major, _, minor = Path("/sys/class/block", name, "dev").read_text().partition(":")
        os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(int(major), int(minor)))
        place.undo.callback(node.unlink, missing_ok=True)
    return disk, str(node)


@condition("device", "tool addpart")
def partition(place: Place) -> str:
    return _partition(place, header(DEVICE_PAGES))[1]


@condition("device", "tool addpart")
def partition_header_longer(place: Place) -> str:
    return _partition(place, header(DEVICE_PAGES + 1))[1]


@condition("device", "tool addpart")
def disk_whose_partition_is_held(place: Place) -> str:
    disk, node = _partition(place, header(DEVICE_PAGES))
    put(disk, 0, header(DEVICE_PAGES))
    place.undo.callback(os.close, os.open(node, os.O_RDWR | os.O_EXCL))
    return disk


@condition("device", "tool addpart")
def partition_whose_disk_is_held(place: Place) -> str:
    disk, node = _partition(place, header(DEVICE_PAGES))
    place.undo.callback(os.close, os.open(disk, os.O_RDWR | os.O_EXCL))
    return node


def _zram(place: Place, head: bytes, size: int = DEVICE_PAGES * PAGE) -> str:
    number = Path("/sys/class/zram-control/hot_add").read_text().strip()
    place.undo.callback(remove_zram, number)
    if size:
        Path(f"/sys/block/zram{number}/disksize").write_text(str(size))
        put(f"/dev/zram{number}", 0, head)
    return f"/dev/zram{number}"


add("zram", partial(_zram, head=header(DEVICE_PAGES)), "device", needs=("zram",))
add("zram-without-header", partial(_zram, head=bytes(PAGE)), "device", needs=("zram",))
add("zram-without-size", partial(_zram, head=b"", size=0), "device", needs=("zram",))
