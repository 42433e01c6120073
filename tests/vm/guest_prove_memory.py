"""Proofs that change settings of the whole machine: zswap is switched on.

To be run as root in a machine of its own that has control groups of version 2:
`python -m pytest tests/vm/guest_prove_memory.py`.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import cgroup
from tests.kernel.loopfs import MIB, attach, image, mount, run, write_out
from tests.kernel.support import area, document, prepared, swapctl

GROUPS = Path("/sys/fs/cgroup")
ZSWAP = Path("/sys/module/zswap/parameters/enabled")


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def path(tmp_path: Path, undo: ExitStack) -> Path:
    """A swap file on ext4 on an image that has all its blocks."""
    file = image(tmp_path / "image", 160 * MIB, undo)
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(file))
    write_out(file)
    mount(attach(file, undo), tmp_path / "mnt", "ext4", "", undo)
    (tmp_path / "mnt/home").mkdir(mode=0o700)
    return prepared(tmp_path / "mnt/home/swap", "64M")


def switched(file: Path, text: str, back: str, undo: ExitStack) -> None:
    """Write to a file of the kernel's, and undo it afterwards."""
    file.write_text(text)
    undo.callback(file.write_text, back)


def compressed() -> int:
    """Pages that zswap has taken."""
    lines = Path("/proc/vmstat").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("zswpout "))


def test_without_zswap(path: Path) -> None:
    assert ZSWAP.read_text() == "N\n"
    done = swapctl("prove", path, "--size", "8M", seconds=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_zswap_is_kept_out(path: Path, undo: ExitStack) -> None:
    switched(ZSWAP, "Y", "N", undo)
    switched(GROUPS / "cgroup.subtree_control", "+memory", "-memory", undo)
    before = compressed()
    done = swapctl("prove", path, "--size", "8M", seconds=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert compressed() == before
    assert ZSWAP.read_text() == "Y\n"
    assert not list(GROUPS.glob("swapctl-*"))
    assert area(path) is None


def test_zswap_that_cannot_be_kept_out(path: Path, undo: ExitStack) -> None:
    """Linux 6.18 takes pages that cannot be compressed; before that they went to the area."""
    switched(ZSWAP, "Y", "N", undo)
    before = compressed()
    done = swapctl("prove", path, "--size", "8M", "--json", seconds=300)
    (target,) = document(done)["targets"]
    found = target["proof"]
    if compressed() == before:
        assert (done.returncode, found["verdict"], found["reasons"]) == (0, "proven", [])
    else:
        assert (done.returncode, found["verdict"]) == (3, "inconclusive")
        (text,) = [r["text"] for r in found["reasons"] if "zswap took " in r["text"]]
        assert "no control group above has the memory controller" in text
    assert area(path) is None


def test_a_group_that_may_not_swap(path: Path, undo: ExitStack) -> None:
    switched(GROUPS / "cgroup.subtree_control", "+memory", "-memory", undo)
    group = GROUPS / "no-swap"
    group.mkdir()
    undo.callback(cgroup.remove, str(group))
    (group / "memory.swap.max").write_text("0")
    inside = ["sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh"]
    done = swapctl("prove", path, "--size", "8M", before=inside, seconds=300)
    assert (done.returncode, done.stderr) == (3, "")
    assert "1024 of 1024 stay in memory" in done.stdout
    assert area(path) is None
