"""What `check` says of the machine around a file, held against systemd and btrfs themselves."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.facts import Snapshot
from swapctl.gather import setup, snapshot
from swapctl.linux import libc
from swapctl.rules import judge
from swapctl.systemd.escape import unit_name
from tests.golden.regenerate import report
from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import FILESYSTEMS, Mounted, make, run

GENERATOR = "/lib/systemd/system-generators/systemd-fstab-generator"
EXT4 = report("ext4-ready").snapshot
# The generator does nothing about swap where it takes the machine for a container, as it does in
# most that tests run in: in a root without what tells them so, it does not.
IN_A_ROOT = f"""
mount --bind /usr "$1/usr"
mount -t proc proc "$1/proc"
exec chroot "$1" /usr/bin/env SYSTEMD_LOG_TARGET=console {GENERATOR} /out /out/early /out/late
"""

pytestmark = pytest.mark.kernel


def found_by(s: Snapshot, root: Path) -> set[str]:
    """The rules that find something about the file in that root."""
    outcome = judge(s._replace(setup=setup.look(s, str(root)))).outcome
    return {finding.rule_id for finding in outcome.findings}


def generated(root: Path, fstab: str) -> str:
    """The units that systemd makes of a table are in /out below the root; its complaints."""
    for name in ("usr", "proc", "dev", "run", "etc", "sys", "out/early", "out/late"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc/fstab").write_text(fstab)
    command = ("unshare", "--mount", "bash", "-ec", IN_A_ROOT, "bash", str(root))
    # Its status is that of the worst line.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done
    if "container" in done.stderr:
        pytest.skip("systemd takes this machine for a container")
    return done.stderr


@pytest.mark.needs("CAP_SYS_ADMIN", "tool unshare", "tool systemctl")
@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ("sw", True),
        ("nofail", True),
        ("noauto", False),
        ("x-systemd.makefs", False),
        ("nofail,x-systemd.makefs", False),
    ],
)
def test_makefs_starts_nothing(options: str, starts: bool, tmp_path: Path) -> None:
    complaints = generated(tmp_path, f"{EXT4.path} none swap {options} 0 0\n")
    name = unit_name(EXT4.path, "swap")
    assert (tmp_path / "out" / name).exists()
    started = list((tmp_path / "out").glob(f"swap.target.*/{name}"))
    assert bool(started) == starts
    makefs = "makefs" in options
    assert ("not a device node" in complaints) == makefs
    assert ("fstab-makefs" in found_by(EXT4, tmp_path)) == makefs


@pytest.mark.needs("CAP_SYS_ADMIN", "tool unshare", "tool systemctl")
def test_the_first_of_two_lines_counts(tmp_path: Path) -> None:
    lines = f"{EXT4.path} none swap pri=3 0 0\n{EXT4.path} none swap pri=5 0 0\n"
    assert "Duplicate entry" in generated(tmp_path, lines)
    unit = (tmp_path / "out" / unit_name(EXT4.path, "swap")).read_text(encoding="utf-8")
    assert "pri=3" in unit
    assert "fstab-duplicate" in found_by(EXT4, tmp_path)


@pytest.mark.needs("tool systemd-analyze")
@pytest.mark.parametrize(
    ("what", "loads"),
    [(f"What={EXT4.path}", True), ("Priority=1", True), ("What=/data/other", False)],
)
def test_a_unit_of_another_path_is_not_loaded(what: str, loads: bool, tmp_path: Path) -> None:
    unit = tmp_path / "etc/systemd/system" / unit_name(EXT4.path, "swap")
    unit.parent.mkdir(parents=True)
    unit.write_text(f"[Unit]\nDescription=x\n[Swap]\n{what}\n")
    verify = ("systemd-analyze", "verify", "--recursive-errors=no", "--man=no")
    done = subprocess.run(
        (*verify, f"--root={tmp_path}", unit), capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == loads, done.stderr
    assert ("bad unit file setting" in done.stderr) != loads
    assert ("unit-path" in found_by(EXT4, tmp_path)) != loads


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    [row] = [row for row in FILESYSTEMS if row.name == "btrfs"]
    with ExitStack() as undo:
        yield make(row, tmp_path / "btrfs", tmp_path, undo)


@pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.btrfs", "filesystem btrfs")
def test_snapshots_of_the_subvolume_of_a_file(mounted: Mounted, tmp_path: Path) -> None:
    """Active, it keeps them from being made; made before, they keep it from being activated. Of
    the subvolume above they take no copy."""
    root = tmp_path / "root"
    (root / "etc/snapper/configs").mkdir(parents=True)
    (root / "volume").symlink_to(mounted.path)
    config = root / "etc/snapper/configs/data"
    subvolume = mounted.path / "swap"
    run("btrfs", "subvolume", "create", str(subvolume))
    file = subvolume / "file"
    file.touch(mode=0o600)
    run("chattr", "+C", str(file))
    file.write_bytes(header(PAGES) + os.urandom((PAGES - 1) * PAGE))
    seen = snapshot(str(file))

    def snapshot_of(what: Path, name: str) -> tuple[bool, bool, str]:
        """Does the rule find something, was it made, and what was said?"""
        config.write_text(f'SUBVOLUME="/volume/{what.relative_to(mounted.path)}"\n')
        command = ("btrfs", "subvolume", "snapshot", str(what), str(mounted.path / name))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = "snapshot-subvolume" in found_by(seen, root)
        return told, done.returncode == 0, done.stderr

    libc.swapon(os.fsencode(file), 0)
    try:
        told, made, said = snapshot_of(subvolume, "first")
        assert (told, made) == (True, False)
        assert os.strerror(errno.ETXTBSY) in said
        assert snapshot_of(mounted.path, "above")[:2] == (False, True)
    finally:
        libc.swapoff(os.fsencode(file))
    assert snapshot_of(subvolume, "second")[:2] == (True, True)
    with pytest.raises(OSError) as refused:
        libc.swapon(os.fsencode(file), 0)
    assert refused.value.errno == errno.EINVAL
