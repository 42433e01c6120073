"""Filesystems that need more than a loop device, each with swapon(2) as oracle.

To be run as root in a machine of its own, since modules are loaded and devices made that stay:
`python -m pytest tests/vm/guest_rare.py`. 9p is there only in a guest of tests/vm (OUT).
"""

import errno
import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from swapctl.gather import snapshot
from swapctl.rules import judge
from tests.conftest import lacks
from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import unmount
from tests.kernel.oracle import Agreed

ZONE_MIB, CONVENTIONAL = 4, 3
# include/uapi/linux/zonefs.h of the kernel: the magic number, and the bytes of its super block
ZONEFS_MAGIC, ZONEFS_SUPER = 0x5A4F4653, 4096


def run(*words: str) -> str:
    """Run a tool; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def mount(source: str, point: Path, fstype: str, options: str, undo: ExitStack) -> Path:
    point.mkdir()
    run("mount", "-i", "-t", fstype, "-o", options, source, str(point))
    undo.callback(unmount, point)
    return point


def flash(scratch: Path, undo: ExitStack) -> str:
    """A flash chip in memory."""
    run("modprobe", "mtdram", "total_size=32768", "erase_size=128")
    undo.callback(run, "modprobe", "-r", "mtdram")
    return "mtd0"


def jffs2(scratch: Path, undo: ExitStack) -> Path:
    return mount(flash(scratch, undo), scratch / "jffs2", "jffs2", "rw", undo)


def ubifs(scratch: Path, undo: ExitStack) -> Path:
    flash(scratch, undo)
    run("modprobe", "ubi", "mtd=0")
    undo.callback(run, "modprobe", "-r", "ubifs", "ubi")
    run("ubimkvol", "/dev/ubi0", "-N", "swap", "-m")
    return mount("ubi0:swap", scratch / "ubifs", "ubifs", "rw", undo)


def ninep(scratch: Path, undo: ExitStack) -> Path:
    folder = Path(os.environ["OUT"]) / "rare"
    folder.mkdir(exist_ok=True)
    undo.callback(folder.rmdir)
    return folder


def ecryptfs(scratch: Path, undo: ExitStack) -> Path:
    """Over ext4, with a key in the kernel's own format."""
    lower = scratch / "lower"
    lower.mkdir()
    signature = "1000100010001000"
    run("modprobe", "encrypted-keys")
    undo.callback(run, "keyctl", "clear", "@u")
    run("keyctl", "add", "user", "kmk", "0123456789abcdef0123456789abcdef", "@u")
    run("keyctl", "add", "encrypted", signature, "new ecryptfs user:kmk 64", "@u")
    run("keyctl", "link", "@u", "@s")
    options = f"ecryptfs_sig={signature},ecryptfs_cipher=aes,ecryptfs_key_bytes=32"
    return mount(str(lower), scratch / "upper", "ecryptfs", options, undo)


class Rare(NamedTuple):
    """`needs` are probes of tests/conftest.py."""

    fstype: str
    make: Callable[[Path, ExitStack], Path]
    needs: tuple[str, ...]


RARE = (
    Rare("jffs2", jffs2, ("filesystem jffs2",)),
    Rare("ubifs", ubifs, ("filesystem ubifs", "tool ubimkvol")),
    Rare("9p", ninep, ("filesystem 9p",)),
    Rare("ecryptfs", ecryptfs, ("filesystem ecryptfs", "tool keyctl")),
)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def written(path: Path) -> None:
    path.write_bytes(header(PAGES) + os.urandom((PAGES - 1) * PAGE))


def sparse(path: Path) -> None:
    path.write_bytes(header(PAGES))
    os.truncate(path, PAGES * PAGE)


def headerless(path: Path) -> None:
    path.write_bytes(os.urandom(PAGES * PAGE))


@pytest.mark.parametrize("make", [written, sparse, headerless], ids=lambda make: make.__name__)
@pytest.mark.parametrize("rare", RARE, ids=lambda rare: rare.fstype)
def test_the_kernel_answers_as_predicted(
    rare: Rare, make: Callable[[Path], None], tmp_path: Path, undo: ExitStack, agreed: Agreed
) -> None:
    for reason in filter(None, map(lacks, rare.needs)):
        pytest.skip(reason)
    path = rare.make(tmp_path, undo) / make.__name__
    make(path)
    undo.callback(path.unlink)
    path.chmod(0o600)
    seen = snapshot(str(path))
    assert getattr(seen.mount, "fstype", None) == rare.fstype
    agreed(rare.fstype, make.__name__, path)


@pytest.fixture(scope="module")
def zoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """zonefs on a zoned disk in memory; its first zone holds the super block."""
    scratch = tmp_path_factory.mktemp("zoned")
    for reason in filter(None, [lacks("filesystem zonefs")]):
        pytest.skip(reason)
    size = f"zone_size={ZONE_MIB}", f"zone_nr_conv={CONVENTIONAL}"
    run("modprobe", "null_blk", "zoned=1", "memory_backed=1", "gb=1", "bs=4096", *size)
    block = bytearray(ZONEFS_SUPER)
    block[0:4] = ZONEFS_MAGIC.to_bytes(4, "little")
    # The check sum is crc32_le() without the inversion of its end.
    block[4:8] = (zlib.crc32(block) ^ 0xFFFFFFFF).to_bytes(4, "little")
    with open("/dev/nullb0", "r+b", buffering=0) as disk:
        disk.write(block)
        os.fsync(disk.fileno())
    with ExitStack() as stack:
        yield mount("/dev/nullb0", scratch / "zonefs", "zonefs", "rw", stack)


@pytest.mark.parametrize("zone", [0, 1])
def test_conventional_zones(zoned: Path, zone: int, agreed: Agreed) -> None:
    path = zoned / "cnv" / str(zone)
    with path.open("r+b") as file:
        file.write(header(ZONE_MIB * 256) if zone else os.urandom(PAGE))
    agreed("zonefs", f"conventional-zone-{'with' if zone else 'without'}-header", path)


def test_a_sequential_zone(zoned: Path, agreed: Agreed) -> None:
    """Only appended to, with O_DIRECT; swap would write anywhere."""
    path = zoned / "seq" / "0"
    first = zoned.parent / "first"
    first.write_bytes(header(64) + os.urandom(63 * PAGE))
    words = ["dd", f"if={first}", f"of={path}", "bs=4k", "oflag=direct", "conv=notrunc"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this machine lacks appending to the zones of null_blk")
    row = agreed("zonefs", "sequential-zone", path)
    assert judge(snapshot(str(path))).swapon.accepts is False
    assert row.actual.errno == errno.errorcode[errno.EINVAL]
