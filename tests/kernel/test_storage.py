"""What lies below a swap file on loop devices: the findings, the ranges, and a second witness.

The swap file is fallocated: its own filesystem writes none of its blocks but the first, so that
what is below stays as it was made. The witness of a translated range is a block that is written
into the file and looked for in the image.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import libc
from swapctl.rules.engine import Severity
from tests.conftest import UNLOGGED
from tests.kernel.layered import (
    IMAGE,
    MKFS,
    PAGE,
    SIZE,
    UNJOURNALLED,
    area_image,
    below,
    layers,
    look,
    made,
    mounted,
    on_loop,
    part,
    position,
    punch,
    swapfile,
    translated,
    unsafe,
    volume_at,
    witness,
)
from tests.kernel.loopfs import FILESYSTEMS, MIB, attach, image, make, mount, run, write_out
from tests.kernel.support import swapctl

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.ext4", "tool losetup"),
    pytest.mark.needs(UNLOGGED),
]


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_written_image_is_good(tmp_path: Path, undo: ExitStack) -> None:
    file = made(tmp_path / "image", IMAGE, undo, written=True)
    report = look(on_loop(file, tmp_path / "mnt", undo))
    assert report.verdict == "ready"
    loop, filesystem, *_ = layers(report)
    assert (loop.kind, filesystem.kind) == ("loop", "filesystem")
    assert part(loop).bytes == SIZE
    assert filesystem.file is not None
    assert filesystem.file.path == str(file)
    assert filesystem.depth == 1


def test_an_empty_file_is_nowhere(tmp_path: Path, undo: ExitStack) -> None:
    file = made(tmp_path / "image", IMAGE, undo, written=False)
    path = mounted(attach(file, undo), tmp_path / "mnt", undo) / "empty"
    path.touch(0o600)
    report = look(path)
    assert report.verdict == "refused"
    assert unsafe(report) == set()


def test_what_mkfs_clears_on_the_device_is_unwritten_below(tmp_path: Path, undo: ExitStack) -> None:
    """It clears the end of the device, where old RAID metadata would be, without writing zeros."""
    file = image(tmp_path / "image", IMAGE, undo)
    write_out(file)
    device = attach(file, undo)
    assert unsafe(look(device)) == set()
    run("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "nodiscard", device)
    assert unsafe(look(device)) == {"storage-loop-unwritten"}


def test_the_range_is_where_the_bytes_are(tmp_path: Path, undo: ExitStack) -> None:
    file = made(tmp_path / "image", IMAGE, undo, written=True)
    path = on_loop(file, tmp_path / "mnt", undo)
    block = witness(path, 5 * MIB)
    _, filesystem, *_ = layers(look(path))
    assert position(file, block) == translated(filesystem, 5 * MIB)


def test_a_sparse_image(tmp_path: Path, undo: ExitStack) -> None:
    file = made(tmp_path / "image", IMAGE, undo, written=False)
    report = look(on_loop(file, tmp_path / "mnt", undo))
    assert report.verdict == "unsafe"
    assert unsafe(report) == {"storage-loop-holes"}
    _, filesystem, *_ = layers(report)
    assert below(filesystem).holes.bytes == SIZE - PAGE


def test_an_unwritten_image(tmp_path: Path, undo: ExitStack) -> None:
    file = image(tmp_path / "image", IMAGE, undo)
    run("fallocate", "-l", str(IMAGE), str(file))
    run(*MKFS, str(file))
    report = look(on_loop(file, tmp_path / "mnt", undo))
    assert unsafe(report) == {"storage-loop-unwritten"}
    _, filesystem, *_ = layers(report)
    assert below(filesystem).unwritten.bytes == SIZE - PAGE


def test_holes_elsewhere_do_not_matter_and_one_under_the_file_does(
    tmp_path: Path, undo: ExitStack
) -> None:
    file = made(tmp_path / "image", IMAGE, undo, written=True)
    path = on_loop(file, tmp_path / "mnt", undo)
    (span,) = part(layers(look(path))[1]).first
    end = span.offset + span.length
    punch(file, end, IMAGE - end)
    assert look(path).verdict == "ready"
    hole = span.offset + 3 * MIB
    punch(file, hole, PAGE)
    report = look(path)
    assert unsafe(report) == {"storage-loop-holes"}
    (found,) = (f for f in report.outcome.findings if f.severity is Severity.UNSAFE)
    assert [(e.name, e.value) for e in found.violation.evidence][1:] == [("hole", hole)]
    assert f"bytes {hole}-{hole + PAGE - 1}" in found.violation.evidence[1].text


@pytest.mark.needs("tool mkfs.btrfs", "filesystem btrfs", "tool chattr")
@pytest.mark.parametrize("nocow", [False, True])
def test_an_image_on_btrfs(tmp_path: Path, undo: ExitStack, nocow: bool) -> None:
    name = "btrfs-nocow" if nocow else "btrfs"
    place = volume_at(tmp_path / "lower", name, tmp_path / "btrfs", undo)
    file = made(place / "image", IMAGE, undo, written=True)
    path = on_loop(file, tmp_path / "mnt", undo)
    block = witness(path, MIB)
    report = look(path)
    assert unsafe(report) == {
        "storage-loop-timestamps",
        *(() if nocow else ("storage-loop-cow",)),
    }
    _, upper, loop, bottom, *_ = layers(report)
    assert [upper.kind, loop.kind, bottom.kind] == ["filesystem", "loop", "filesystem"]
    if nocow:
        # Through the chunk tree: the address that btrfs tells is not the one on the device.
        assert position(tmp_path / "btrfs", block) == translated(bottom, MIB)


@pytest.mark.needs("tool mkfs.xfs", "filesystem xfs")
def test_a_reflinked_image_on_xfs(tmp_path: Path, undo: ExitStack) -> None:
    place = volume_at(tmp_path / "lower", "xfs", tmp_path / "xfs", undo)
    file = made(place / "image", IMAGE, undo, written=True)
    path = on_loop(file, tmp_path / "mnt", undo)
    assert unsafe(look(path)) == {"storage-loop-timestamps"}
    run("cp", "--reflink=always", str(file), str(place / "clone"))
    report = look(path)
    assert unsafe(report) == {"storage-loop-timestamps", "storage-loop-shared"}
    assert below(layers(report)[1]).shared.bytes == SIZE


@pytest.mark.parametrize("written", [False, True])
def test_a_loop_device_itself(tmp_path: Path, undo: ExitStack, written: bool) -> None:
    device = attach(area_image(tmp_path / "image", undo, written=written), undo)
    report = look(device)
    assert unsafe(report) == (set() if written else {"storage-loop-holes"})
    assert report.verdict == ("ready" if written else "unsafe")


def test_a_loop_device_with_an_offset(tmp_path: Path, undo: ExitStack) -> None:
    file = image(tmp_path / "image", IMAGE, undo)
    run(*MKFS, "-E", f"offset={4 * MIB}", str(file), str((IMAGE - 4 * MIB) // 4096))
    write_out(file)
    punch(file, 0, 4 * MIB)
    path = on_loop(file, tmp_path / "mnt", undo, "-o", str(4 * MIB))
    block = witness(path, 2 * MIB)
    report = look(path)
    assert report.verdict == "ready"
    loop, filesystem, *_ = layers(report)
    assert translated(filesystem, 0) == translated(loop, 0) + 4 * MIB
    assert position(file, block) == translated(filesystem, 2 * MIB)


@pytest.mark.needs("tool sfdisk", "tool partx")
def test_a_partition_in_a_loop_device(tmp_path: Path, undo: ExitStack) -> None:
    file = image(tmp_path / "image", IMAGE, undo)
    run("sh", "-c", f"echo '2048,,L' | sfdisk -q {file}")
    write_out(file)
    device = attach(file, undo)
    run("partx", "-a", device)  # -P needs a kernel that reads tables itself
    undo.callback(run, "partx", "-d", device)
    run("mkfs.ext4", "-q", "-b", "4096", "-E", "nodiscard", f"{device}p1")
    # Zeroing the tables of inodes left blocks that were not written.
    path = swapfile(mounted(f"{device}p1", tmp_path / "mnt", undo))
    block = witness(path, MIB)
    report = look(path)
    partition, loop, filesystem, *_ = layers(report)
    assert [partition.kind, loop.kind, filesystem.kind] == ["partition", "loop", "filesystem"]
    assert translated(loop, 0) == translated(partition, 0) + MIB
    assert position(file, block) == translated(filesystem, MIB)
    assert unsafe(report) == set()


@pytest.mark.parametrize("written", [False, True])
def test_three_loop_devices_deep(tmp_path: Path, undo: ExitStack, written: bool) -> None:
    bottom = made(tmp_path / "bottom", 128 * MIB, undo, written=written, journal=False)
    lower = mounted(attach(bottom, undo), tmp_path / "mnt1", undo)
    middle = image(lower / "middle", 96 * MIB, undo)
    run("fallocate", "-l", str(96 * MIB), str(middle))
    run(*MKFS, *UNJOURNALLED, str(middle))
    if written:
        write_out(middle)
    second = mounted(attach(middle, undo), tmp_path / "mnt2", undo)
    top = image(second / "top", 64 * MIB, undo)
    run("fallocate", "-l", str(64 * MIB), str(top))
    run(*MKFS, str(top))
    if written:
        write_out(top)
    path = on_loop(top, tmp_path / "mnt3", undo)
    block = witness(path, MIB)
    report = look(path)
    found = layers(report)
    assert [layer.kind for layer in found[:6]] == ["loop", "filesystem"] * 3
    assert [layer.depth for layer in found[:6]] == list(range(6))
    assert position(bottom, block) == translated(found[5], MIB)
    if written:
        assert report.verdict == "ready"
    else:
        assert unsafe(report) == {"storage-loop-unwritten", "storage-loop-holes"}
        assert below(found[1]).unwritten.bytes > 0
        assert below(found[5]).holes.bytes > 0


def _mount_point(path: Path) -> Path:
    while not path.is_mount():
        path = path.parent
    return path


def test_a_deleted_image(tmp_path: Path, undo: ExitStack) -> None:
    file = area_image(tmp_path / "im\nage (deleted)", undo, written=True)
    device = attach(file, undo)
    assert look(device).verdict == "ready"
    file.unlink()
    file.touch()  # another file, for the fixture to remove
    gone = look(device)
    assert "storage-loop-deleted" in {f.rule_id for f in gone.outcome.findings}
    assert gone.verdict == "undecided"
    assert layers(gone)[1].name == str(_mount_point(tmp_path))
    lacking = {u.rule_id for u in gone.outcome.undecided}
    assert {"storage-loop-holes", "storage-loop-unwritten", "storage-loop-shared"} <= lacking


def test_an_image_in_memory(tmp_path: Path, undo: ExitStack) -> None:
    place = tmp_path / "memory"
    mount("none", place, "tmpfs", "size=96m", undo)
    file = made(place / "image", IMAGE, undo, written=True)
    report = look(on_loop(file, tmp_path / "mnt", undo))
    assert unsafe(report) == {"storage-loop-memory"}
    assert layers(report)[-1].kind == "filesystem"


@pytest.mark.needs("tool fuse2fs", "filesystem fuse")
def test_an_image_that_a_process_serves(tmp_path: Path, undo: ExitStack) -> None:
    (row,) = (f for f in FILESYSTEMS if f.name == "fuse2fs")
    place = make(row, tmp_path / "fuse", tmp_path, undo).path
    device = attach(area_image(place / "image", undo, written=True), undo)
    report = look(device)
    assert unsafe(report) == {"storage-loop-fuse"}
    assert report.outcome.undecided == ()


def test_read_only_below(tmp_path: Path, undo: ExitStack) -> None:
    file = area_image(tmp_path / "image", undo, written=True)
    assert unsafe(look(attach(file, undo, "-r"))) == {"device-read-only"}
    lower_device = attach(file, undo)
    upper = attach(Path(lower_device), undo)
    assert unsafe(look(upper)) == set()
    assert [layer.kind for layer in layers(look(upper))[:3]] == ["loop", "loop", "filesystem"]
    run("blockdev", "--setro", lower_device)
    undo.callback(run, "blockdev", "--setrw", lower_device)
    assert unsafe(look(upper)) == {"storage-read-only"}


def test_an_image_of_another_mount_namespace(tmp_path: Path, undo: ExitStack) -> None:
    """Its filesystem is mounted nowhere here."""
    device = attach(area_image(tmp_path / "image", undo, written=True), undo)
    script = f"""
        mount -t tmpfs none {tmp_path} && cp /bin/true {tmp_path}/image && exec "$@"
    """
    done = swapctl("check", device, before=("unshare", "-m", "sh", "-ec", script, "sh"))
    assert done.returncode == 3
    assert "of another mount namespace" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("journal", "option", "expected"),
    [
        (True, "data=journal", {"storage-loop-timestamps", "storage-loop-journal"}),
        (True, "", {"storage-loop-timestamps"}),
        (True, "lazytime", {"storage-loop-timestamps"}),
        (False, "", set()),
    ],
)
def test_an_image_on_ext4(
    tmp_path: Path, undo: ExitStack, journal: bool, option: str, expected: set[str]
) -> None:
    bottom = made(tmp_path / "bottom", 128 * MIB, undo, written=True, journal=journal)
    mount(attach(bottom, undo), tmp_path / "mnt1", "ext4", option, undo)
    file = made(tmp_path / "mnt1" / "image", IMAGE, undo, written=True)
    report = look(on_loop(file, tmp_path / "mnt", undo))
    assert unsafe(report) == expected
    assert report.outcome.undecided == ()
    _, upper, _, bottom_filesystem, *_ = layers(report)
    assert upper.file is not None
    assert upper.file.journal is journal
    assert bottom_filesystem.file is not None
    assert bottom_filesystem.file.journal is False  # that of the temporary directory


def test_discarding_makes_a_good_area_bad(tmp_path: Path, undo: ExitStack) -> None:
    """What the note on discards says, seen: swapon(2) with the flag punches the image."""
    file = made(tmp_path / "image", IMAGE, undo, written=True)
    path = on_loop(file, tmp_path / "mnt", undo)
    assert look(path).verdict == "ready"
    libc.swapon(os.fsencode(path), libc.SWAP_FLAG_DISCARD | libc.SWAP_FLAG_DISCARD_ONCE)
    libc.swapoff(os.fsencode(path))
    assert unsafe(look(path)) == {"storage-loop-holes"}


def test_without_sysfs_it_is_undecided(tmp_path: Path) -> None:
    """As in a container: nothing below can be looked at, and that is said."""
    path = swapfile(tmp_path)
    script = 'mount -t tmpfs none /sys && exec "$@"'
    done = swapctl("check", path, before=("unshare", "-m", "sh", "-ec", script, "sh"))
    assert done.returncode == 3, done
    assert "storage-cycle" in done.stdout
    assert "Traceback" not in done.stderr


def test_prepare_makes_no_file_above_holes_and_fills_them(tmp_path: Path, undo: ExitStack) -> None:
    """Writing the file gives the image its blocks; allocating it alone does not."""
    file = made(tmp_path / "image", IMAGE, undo, written=False)
    place = mounted(attach(file, undo), tmp_path / "mnt", undo) / "home"
    place.mkdir(mode=0o700)
    done = swapctl("prepare", place / "swap", "--size", "4M", "--method", "fallocate")
    assert done.returncode != 0
    assert "storage-loop-holes" in done.stderr
    assert str(file) in done.stderr
    assert list(place.iterdir()) == []
    done = swapctl("prepare", place / "swap", "--size", "4M")
    assert (done.returncode, done.stderr) == (0, "")
    assert look(place / "swap").verdict == "ready"
