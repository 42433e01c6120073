"""Users of a file's data in the extent tree: what is committed, and what is not yet."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import btrfs_refs
from swapctl.unknown import Unknown
from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import FILESYSTEMS, Mounted, make, run

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.btrfs", "filesystem btrfs"),
]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    [row] = [row for row in FILESYSTEMS if row.name == "btrfs"]
    with ExitStack() as undo:
        yield make(row, tmp_path / "btrfs", tmp_path, undo)


def test_from_one_user_to_two_and_back(mounted: Mounted) -> None:
    """That the other user is gone is seen at once in the map, on the disk with the next commit."""
    file, other = mounted.path / "file", mounted.path / "other"
    for path in (file, other):
        path.touch()
        run("chattr", "+C", str(path))
    file.write_bytes(header(PAGES) + os.urandom((PAGES - 1) * PAGE))
    commit = ("btrfs", "filesystem", "sync", str(mounted.path))
    with file.open("rb") as reader:
        fd, number = reader.fileno(), os.stat(file).st_ino

        def used_before() -> bool | Unknown:
            return btrfs_refs.used_before(fd, number, mounted.devices[0])

        os.fsync(fd)
        assert not used_before(), "not committed, but newer than what is"
        run(*commit)
        assert not used_before()
        run("cp", "--reflink=always", str(file), str(other))
        run(*commit)
        assert used_before() is True
        other.unlink()
        assert used_before() is True
        run(*commit)
        assert not used_before()


def test_what_is_no_device_of_btrfs(tmp_path: Path) -> None:
    short, zeros = tmp_path / "short", tmp_path / "zeros"
    short.write_bytes(bytes(70))
    zeros.write_bytes(bytes(1 << 17))
    for path in (short, zeros, tmp_path / "missing"):
        with pytest.raises(OSError):
            btrfs_refs.committed_generation(str(path))


def test_one_user_in_the_form_that_older_kernels_take() -> None:
    """struct btrfs_extent_item with one inline reference, <linux/btrfs_tree.h>."""
    one = (2).to_bytes(8, "little") + bytes(16) + bytes([178])
    one += b"".join(n.to_bytes(8, "little") for n in (5, 257, 0)) + (2).to_bytes(4, "little")
    assert btrfs_refs.sole_user(one, 257)
    assert not btrfs_refs.sole_user(one, 258)
    assert not btrfs_refs.sole_user((3).to_bytes(8, "little") + one[8:], 257)
    assert not btrfs_refs.sole_user(one[:24] + bytes([184]) + one[25:], 257)
    assert not btrfs_refs.sole_user(one + bytes(29), 257)
