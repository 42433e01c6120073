"""Device-mapper, arrays, network block devices, memory and SCSI: the tree and the findings.

To be run as root in a machine of its own: `python -m pytest tests/vm/guest_storage.py`. It loads
modules and makes devices under names of its own, on loop devices over images that have all their
blocks. It needs dmsetup.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.facts import Span, need
from swapctl.gather import snapshot
from swapctl.linux import header, libc
from swapctl.record import dump, load
from swapctl.render.storage import storage_lines
from swapctl.rules import Report, judge
from swapctl.storage_facts import Layer, Server
from tests.kernel.loopfs import MIB, attach, image, mount, run, write_out

PAGE = os.sysconf("SC_PAGE_SIZE")
SIZE = 32 * MIB
SECTORS = SIZE // 512
KEY = "0123456789abcdef" * 4


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def modprobe(*words: str) -> None:
    done = subprocess.run(["modprobe", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the running kernel lacks {words[0]}")


def loop(tmp_path: Path, name: str, undo: ExitStack, size: int = SIZE, *options: str) -> str:
    """A loop device over an image that has all its blocks."""
    file = image(tmp_path / name, size, undo)
    write_out(file)
    return attach(file, undo, *options)


def area(device: str) -> str:
    """Make the device a swap area."""
    fd = os.open(device, os.O_RDWR)
    try:
        size = os.lseek(fd, 0, os.SEEK_END)
        os.pwrite(fd, header.pack(PAGE, size // PAGE, bytes(range(16)), ""), 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    return device


def table(name: str, lines: str, undo: ExitStack, *options: str) -> str:
    """A device-mapper device with this table; its node is made, as there is no udev."""
    run("dmsetup", "create", name, "--noudevsync", "--table", lines, *options)
    undo.callback(run, "dmsetup", "remove", "--noudevsync", "--retry", name)
    run("dmsetup", "mknodes", name)
    return f"/dev/mapper/{name}"


def look(device: str) -> Report:
    """The report; what was recorded says the same, and the kernel takes the area."""
    seen = snapshot(device)
    assert load(dump(seen), "facts") == seen
    report = judge(seen)
    assert report.swapon.accepts is True
    libc.swapon(os.fsencode(device), 0)
    libc.swapoff(os.fsencode(device))
    return report


def layers(report: Report) -> tuple[Layer, ...]:
    found = need(report.snapshot.storage)
    assert found is not None
    return found


def found(report: Report) -> set[str]:
    """The findings about storage, but those that every stack on this loop device and disk has."""
    everywhere = {"storage-loop-discard", "storage-loop-buffered", "storage-virtual-disk"}
    ids = {f.rule_id for f in report.outcome.findings if f.rule_id.startswith("storage-")}
    return ids - everywhere


def kinds(report: Report) -> list[str]:
    return [layer.kind for layer in layers(report)]


def first(layer: Layer) -> Span:
    assert layer.part is not None
    return layer.part.first[0]


BELOW = ["loop", "filesystem", "disk"]


def test_linear_and_its_range(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-mod")
    lower = loop(tmp_path, "image", undo)
    line = f"0 {SECTORS // 2} linear {lower} 2048"
    report = look(area(table("swlinear", line, undo)))
    assert kinds(report) == ["dm-linear", *BELOW]
    assert found(report) == set()
    assert report.verdict == "ready"
    assert first(layers(report)[1]) == Span(MIB, SIZE // 2)
    # The signature is where the range begins.
    assert (tmp_path / "image").read_bytes().find(b"SWAPSPACE2") == MIB + PAGE - 10


def test_a_hole_below_linear_counts_only_under_the_area(tmp_path: Path, undo: ExitStack) -> None:
    lower = loop(tmp_path, "image", undo)
    device = area(table("swlinear", f"0 {SECTORS // 2} linear {lower} 2048", undo))
    run("fallocate", "-p", "-o", "0", "-l", str(MIB), str(tmp_path / "image"))
    assert found(look(device)) == set()
    run("fallocate", "-p", "-o", str(5 * MIB), "-l", "4096", str(tmp_path / "image"))
    report = look(device)
    assert found(report) == {"storage-loop-holes"}
    (finding,) = (f for f in report.outcome.findings if f.rule_id == "storage-loop-holes")
    assert finding.violation.evidence[1].value == 5 * MIB


def test_striped(tmp_path: Path, undo: ExitStack) -> None:
    one, two = loop(tmp_path, "one", undo), loop(tmp_path, "two", undo)
    line = f"0 {SECTORS} striped 2 128 {one} 0 {two} 2048"
    report = look(area(table("swstriped", line, undo)))
    assert kinds(report) == ["dm-striped", *BELOW, *BELOW]
    assert first(layers(report)[1]) == Span(0, SIZE // 2)
    assert first(layers(report)[4]) == Span(MIB, SIZE // 2)
    assert found(report) == set()


def test_crypt_keeps_its_key_to_itself(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-crypt")
    lower = loop(tmp_path, "image", undo)
    line = f"0 {SECTORS - 2048} crypt aes-xts-plain64 {KEY} 0 {lower} 2048"
    report = look(area(table("swcrypt", line, undo, "--uuid", "CRYPT-PLAIN-swcrypt")))
    assert kinds(report) == ["dm-crypt", *BELOW]
    assert found(report) == {"storage-crypt-key"}
    assert first(layers(report)[1]) == Span(MIB, SIZE - MIB)
    assert KEY[:16] not in dump(report.snapshot)


def test_thin(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-thin-pool")
    data, meta = loop(tmp_path, "data", undo), loop(tmp_path, "meta", undo, 4 * MIB)
    table("swpool", f"0 {SECTORS} thin-pool {meta} {data} 128 0", undo)
    run("dmsetup", "message", "swpool", "0", "create_thin 0")
    pool = "/dev/mapper/swpool"
    report = look(area(table("swthin", f"0 {SECTORS} thin {pool} 0", undo)))
    assert kinds(report)[:2] == ["dm-thin", "dm-thin-pool"]
    assert found(report) == {"storage-thin"}
    assert report.verdict == "unsafe"


def test_snapshot_and_origin(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-snapshot")
    real, cow = loop(tmp_path, "real", undo), loop(tmp_path, "cow", undo)
    origin = area(table("sworigin", f"0 {SECTORS} snapshot-origin {real}", undo))
    report = look(origin)
    assert kinds(report) == ["dm-snapshot-origin", *BELOW]
    assert found(report) == {"storage-snapshot-origin"}
    report = look(table("swsnap", f"0 {SECTORS} snapshot {real} {cow} P 16", undo))
    assert kinds(report) == ["dm-snapshot", *BELOW, *BELOW]
    assert found(report) == {"storage-snapshot"}


def test_cache(tmp_path: Path, undo: ExitStack) -> None:
    modprobe("dm-cache")
    modprobe("dm-cache-smq")
    meta, fast = loop(tmp_path, "meta", undo, 4 * MIB), loop(tmp_path, "fast", undo)
    slow = loop(tmp_path, "slow", undo)
    line = f"0 {SECTORS} cache {meta} {fast} {slow} 512 1 writethrough smq 0"
    report = look(area(table("swcache", line, undo)))
    assert kinds(report)[0] == "dm-cache"
    assert found(report) == {"storage-cache"}
    assert report.verdict == "usable"


def test_suspended(tmp_path: Path, undo: ExitStack) -> None:
    """Looked at as the layer below another one: opening a suspended device itself would wait."""
    lower = loop(tmp_path, "image", undo)
    inner = table("swinner", f"0 {SECTORS} linear {lower} 0", undo)
    device = area(table("swouter", f"0 {SECTORS} linear {inner} 0", undo))
    seen = look(device).snapshot
    run("dmsetup", "suspend", "--noflush", "swinner")
    try:
        from swapctl.gather.walk import Walk

        walk = Walk()
        file = need(seen.file)
        assert file is not None
        walk.visit(file.special or "", None)
    finally:
        run("dmsetup", "resume", "swinner")
    report = judge(seen._replace(storage=tuple(walk.layers)))
    assert "storage-suspended" in found(report)


def array(name: str, level: str, members: list[str], undo: ExitStack) -> str:
    """An array without metadata, made through sysfs, so that no tool has to be there."""
    modprobe(level)
    Path("/sys/module/md_mod/parameters/new_array").write_text(name)
    md = Path(f"/sys/block/{name}/md")
    (md / "level").write_text(level)
    (md / "raid_disks").write_text(str(len(members)))
    if level != "raid1":
        (md / "chunk_size").write_text("65536")
    for slot, member in enumerate(members):
        device = os.stat(member).st_rdev
        (md / "new_dev").write_text(f"{os.major(device)}:{os.minor(device)}")
        one = md / f"dev-{Path(member).name}"
        (one / "slot").write_text(str(slot))
        (one / "size").write_text(str(SIZE // 1024))
    (md / "component_size").write_text(str(SIZE // 1024))
    if level not in ("raid0", "linear"):
        (md / "resync_start").write_text("none")
    (md / "array_state").write_text("active")
    undo.callback((md / "array_state").write_text, "clear")
    node = Path(f"/dev/{name}")
    for _ in range(50):
        if node.exists():
            break
        time.sleep(0.1)
    return str(node)


def test_a_mirror(tmp_path: Path, undo: ExitStack) -> None:
    members = [loop(tmp_path, name, undo) for name in ("one", "two")]
    report = look(area(array("md101", "raid1", members, undo)))
    assert kinds(report) == ["md-raid1", *BELOW, *BELOW]
    assert found(report) == set()
    run("fallocate", "-p", "-o", str(MIB), "-l", "4096", str(tmp_path / "two"))
    report = look("/dev/md101")
    assert found(report) == {"storage-loop-holes"}
    one = Path("/sys/block/md101/md") / f"dev-{Path(members[0]).name}"
    (one / "state").write_text("faulty")
    report = look("/dev/md101")
    assert "storage-array-degraded" in found(report)


def test_stripes(tmp_path: Path, undo: ExitStack) -> None:
    members = [loop(tmp_path, name, undo) for name in ("one", "two")]
    report = look(area(array("md102", "raid0", members, undo)))
    assert kinds(report) == ["md-raid0", *BELOW, *BELOW]
    assert found(report) == set()
    assert sum(first(layer).length for layer in layers(report) if layer.kind == "loop") == (
        layers(report)[0].size
    )


def test_parity(tmp_path: Path, undo: ExitStack) -> None:
    members = [loop(tmp_path, name, undo) for name in ("one", "two", "three")]
    report = look(area(array("md103", "raid5", members, undo)))
    assert kinds(report) == ["md-raid5", *BELOW, *BELOW, *BELOW]
    assert found(report) - {"storage-array-syncing"} == {"storage-raid-parity"}


def network_block_device(name: str, undo: ExitStack) -> subprocess.Popen[bytes]:
    """nbd0 or nbd1, served by a process of this machine. It gets its size a moment after it is
    connected."""
    modprobe("nbd", "nbds_max=2")
    words = [sys.executable, "-m", "tests.vm.nbd_device", f"/dev/{name}", str(SIZE)]
    server = undo.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE))
    undo.callback(server.kill)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 20
    while Path(f"/sys/block/{name}/size").read_text() == "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return server


def test_a_network_block_device_served_here(undo: ExitStack) -> None:
    server = network_block_device("nbd0", undo)
    report = look(area("/dev/nbd0"))
    assert found(report) == {"storage-nbd", "storage-nbd-local"}
    (layer,) = layers(report)
    assert isinstance(layer.server, Server)
    assert layer.server.local
    assert layer.server.peer.startswith("127.0.0.1:")
    assert f"({server.pid})" in layer.server.process


def test_compressed_memory(undo: ExitStack) -> None:
    modprobe("zram", "num_devices=1")
    Path("/sys/block/zram0/disksize").write_text(str(SIZE))
    undo.callback(Path("/sys/block/zram0/reset").write_text, "1")
    report = look(area("/dev/zram0"))
    assert (kinds(report), found(report)) == (["zram"], {"storage-zram"})
    assert report.verdict == "ready"


def test_a_disk_in_memory() -> None:
    modprobe("brd", "rd_nr=1", f"rd_size={SIZE // 1024}")
    report = look(area("/dev/ram0"))
    assert (kinds(report), found(report)) == (["ram"], {"storage-ramdisk"})


def test_a_thin_scsi_disk(undo: ExitStack) -> None:
    modprobe("sd_mod")
    modprobe("scsi_debug", "lbpu=1", "dev_size_mb=32")
    undo.callback(run, "modprobe", "-r", "scsi_debug")
    deadline = time.monotonic() + 20
    names: list[str] = []
    while not names:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        disks = Path("/sys/block").glob("sd*")
        names = [d.name for d in disks if Path(f"/dev/{d.name}").exists()]
    report = look(area(f"/dev/{names[0]}"))
    assert "storage-thin-disk" in found(report)


def test_eight_layers(tmp_path: Path, undo: ExitStack) -> None:
    """Loop, linear, file, loop, crypt, file, loop, linear: down to the disk in one report."""
    modprobe("dm-crypt")
    place, size = tmp_path, 160 * MIB
    for n, target in enumerate(("linear", "crypt", "linear")):
        file = image(place / "image", size, undo)
        write_out(file)
        lower = attach(file, undo)
        sectors = size // 512
        middle = f"aes-xts-plain64 {KEY} 0 {lower}" if target == "crypt" else lower
        device = table(f"swdeep{n}", f"0 {sectors} {target} {middle} 0", undo)
        words = ("-q", "-F", "-b", "4096", "-E", "nodiscard", "-O", "^has_journal")
        run("mkfs.ext4", *words, device)
        write_out(file)  # mkfs clears the end of the device, which leaves blocks unwritten
        place = tmp_path / f"mnt{n}"
        mount(device, place, "ext4", "", undo)
        size //= 2
    path = place / "swapfile"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    libc.fallocate(fd, 0, 0, 8 * MIB)
    os.pwrite(fd, header.pack(PAGE, 8 * MIB // PAGE, bytes(range(16)), ""), 0)
    os.fsync(fd)
    os.close(fd)
    report = look(str(path))
    assert kinds(report) == [
        *("dm-linear", "loop", "filesystem"),
        *("dm-crypt", "loop", "filesystem"),
        *("dm-linear", "loop", "filesystem", "disk"),
    ]
    assert [layer.depth for layer in layers(report)] == list(range(10))
    assert found(report) == set(), "\n".join(storage_lines(report.snapshot.storage))
