"""What every test may rely on: named probes for what a machine lacks, and the table of all cases in
which swapctl was held against the kernel."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.kernel.oracle import Agreed, Row, compare, recorded, table

CAP_SYS_ADMIN = 21
UNLOGGED = "a temporary directory without a journal"
ROWS = pytest.StashKey[list[Row]]()


def _admin() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> CAP_SYS_ADMIN & 1)
    return False


def _filesystem(name: str) -> bool:
    """Built in or loaded, or a module that mount(2) would load."""
    if name in Path("/proc/filesystems").read_text().split():
        return True
    loader = shutil.which("modprobe")
    dry_run = ["-n", "-q", f"fs-{name}"]
    return loader is not None and not subprocess.run([loader, *dry_run], check=False).returncode


def _kernel(major: int, minor: int) -> bool:
    """Whether the running kernel is at least of this version."""
    running = os.uname().release.split(".")
    return (int(running[0]), int(running[1].partition("-")[0])) >= (major, minor)


def _unlogged() -> bool:
    """Whether the temporary directory is on ext4 without a journal: only above images that lie on
    such a filesystem is a swap file safe, because others log the time of every write."""
    words = ["findmnt", "-n", "-o", "FSTYPE,MAJ:MIN", "-T", tempfile.gettempdir()]
    fstype, number = subprocess.run(
        words, capture_output=True, text=True, check=True
    ).stdout.split()
    name = Path(f"/sys/dev/block/{number}").resolve().name
    return fstype == "ext4" and not list(Path("/proc/fs").glob(f"jbd2/{name}-*"))


def _holds_swap() -> bool:
    """Whether a file in the temporary directory itself can be activated, without an image."""
    words = ["findmnt", "-n", "-o", "FSTYPE", "-T", tempfile.gettempdir()]
    fstype = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return fstype in ("ext4", "xfs", "btrfs")


def _new_enough() -> bool:
    """Whether the system's own interpreter is one that swapctl runs with."""
    python = Path("/usr/bin/python3")
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and not subprocess.run([python, "-c", probe], check=False).returncode


PROBES: dict[str, Callable[[], bool]] = {
    "systemd-journald": lambda: Path("/lib/systemd/systemd-journald").exists(),
    "a /usr/bin/python3 of 3.11 or newer": _new_enough,
    UNLOGGED: _unlogged,
    "CAP_SYS_ADMIN": _admin,
    "loop devices": lambda: Path("/dev/loop-control").exists(),
    "the kernel log": lambda: Path("/dev/kmsg").exists(),
    "a temporary directory that can hold swap": _holds_swap,
    "zram": lambda: Path("/sys/class/zram-control/hot_add").exists(),
    "xfs blocks larger than pages": lambda: _kernel(6, 12),
    "sectors larger than pages": lambda: _kernel(6, 15),
}


def lacks(need: str) -> str | None:
    """Why `need` is not met: a name in PROBES, `tool NAME` or `filesystem TYPE`."""
    kind, _, name = need.partition(" ")
    if kind == "tool":
        met = shutil.which(name) is not None
    elif kind == "filesystem":
        met = _filesystem(name)
    else:
        met = PROBES[need]()
    return None if met else f"this machine lacks {need}"


def kernel_lacks(what: str) -> NoReturn:
    """Skip what only another kernel can show; nothing that could be installed would help."""
    pytest.skip(f"the running kernel lacks {what}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): skipped where the machine lacks one of them")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here; SWAPCTL_REQUIRE_KERNEL=1 says that all of it can, but for what the
    machine's own disk decides: guests bring one that is as it should be."""
    for need in (need for mark in item.iter_markers("needs") for need in mark.args):
        if reason := lacks(need):
            if need != UNLOGGED and os.environ.get("SWAPCTL_REQUIRE_KERNEL") == "1":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    return pytestconfig.stash.setdefault(ROWS, [])


@pytest.fixture
def agreed(rows: list[Row]) -> Agreed:
    """Hold a file against the kernel; the case becomes a part of the table and has to agree."""

    def hold(filesystem: str, condition: str, path: Path) -> Row:
        row = compare(filesystem, condition, str(path))
        rows.append(row)
        assert row.agrees, row
        return row

    return hold


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    config = terminalreporter.config
    rows = config.stash.get(ROWS, [])
    if rows:
        text = table(rows)
        # A guest's own tree is gone when it ends.
        folder = Path(os.environ.get("SWAPCTL_ORACLE_DIR") or config.rootpath / "build")
        folder.mkdir(exist_ok=True)
        (folder / "oracle.md").write_text(text)
        skipped = terminalreporter.getreports("skipped")
        left_out: dict[str, list[str]] = {}
        for report in skipped:
            left_out.setdefault(report.longrepr[2], []).append(report.nodeid.partition("::")[2])
        (folder / "oracle.json").write_text(recorded(rows, left_out))
        terminalreporter.section("swapctl and the kernel")
        terminalreporter.write(text)
