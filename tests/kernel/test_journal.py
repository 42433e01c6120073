"""`status --format journal` against systemd-journald: what journalctl reads is what was meant."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from swapctl.linux.swaps import parse_swaps
from swapctl.render.journal import MESSAGE_IDS
from tests.kernel.journald import Journal, journald
from tests.kernel.loopfs import attach, image, mount, run
from tests.kernel.test_status_monitor import MIB, active, covered, make_area
from tests.test_linters import ROOT

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.ext4", "tool journalctl"),
    pytest.mark.needs("systemd-journald"),
]


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as undo:
        file = image(tmp_path / "image", 96 * MIB, undo)
        run("mkfs.ext4", "-q", "-F", "-b", "4096", str(file))
        mount(attach(file, undo), tmp_path / "mnt", "ext4", "", undo)
        yield tmp_path / "mnt"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with journald(tmp_path_factory.mktemp("run")) as one:
        yield one


def raw(value: str | list[int]) -> bytes:
    """A field as it was sent: journalctl prints what is no UTF-8, or does not print, as bytes."""
    return value.encode() if isinstance(value, str) else bytes(value)


def logged(journal: Journal, kind: str, path: Path) -> list[dict[str, Any]]:
    """The entries of a kind on a path."""
    return [
        entry
        for entry in journal.entries()
        if entry["MESSAGE_ID"] == MESSAGE_IDS[kind]
        and raw(entry.get("SWAPCTL_PATH", "")) == os.fsencode(path)
    ]


NAMES = ("plain", "two words", "line\nfeed", "caf\udce9=\ttab", "\udcff\n=\n\n", "f\u00e4hre")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_an_area_is_what_the_kernel_says(ext4: Path, journal: Journal, name: str) -> None:
    path = make_area(ext4 / name)
    with active(path):
        done = journal.swapctl("status", "--format", "journal", path)
        (kernel,) = (
            a
            for a in parse_swaps(Path("/proc/swaps").read_text(errors="surrogateescape"))
            if a.path == str(path)
        )
        document = json.loads(journal.swapctl("status", "--json", path).stdout)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (entry,) = logged(journal, "area", path)
    (area,) = document["areas"]
    assert entry["PRIORITY"] == "6"
    assert raw(entry["MESSAGE"]).decode().isprintable()
    assert (entry["SWAPCTL_SIZE_BYTES"], entry["SWAPCTL_PRIORITY"]) == (
        str(kernel.size),
        str(kernel.priority),
    )
    named = ("type", "fstype", "device", "extents", "label", "uuid", "verdict")
    assert {key: entry[f"SWAPCTL_{key.upper()}"] for key in named} == {
        key: str(area[key]) for key in named
    }
    assert raw(entry["SWAPCTL_MOUNT"]) == os.fsencode(ext4)


def test_what_check_finds_is_a_warning(ext4: Path, journal: Journal) -> None:
    """Lines and all."""
    path = make_area(ext4 / "swapfile")
    path.chmod(0o644)
    with active(path):
        assert journal.swapctl("status", "--format", "journal", path).returncode == 0
        checked = json.loads(journal.swapctl("check", "--json", path).stdout)["targets"][0]
    found = {entry["SWAPCTL_RULE"]: entry for entry in logged(journal, "finding", path)}
    wanted = {f["rule"]: f for f in checked["findings"] if f["severity"] != "note"}
    assert set(found) == set(wanted) >= {"file-mode"}
    for rule, finding in wanted.items():
        entry = found[rule]
        assert entry["SWAPCTL_SEVERITY"] == finding["severity"]
        assert entry["PRIORITY"] == ("5" if finding["severity"] == "warning" else "4")
        assert raw(entry["SWAPCTL_FIX"]).decode().split("\n") == [
            finding["fix"]["text"],
            *finding["fix"]["commands"],
        ]


def test_an_area_behind_another_mount_is_a_warning(ext4: Path, journal: Journal) -> None:
    folder = ext4 / "folder"
    folder.mkdir()
    path = make_area(folder / "swapfile")
    with active(path), covered(folder):
        assert journal.swapctl("status", "--format", "journal").returncode in (0, 3)
    (entry,) = logged(journal, "stale", path)
    assert (entry["PRIORITY"], entry["SWAPCTL_NOTE"]) == ("4", "the path leads nowhere (ENOENT)")
    (area,) = logged(journal, "area", path)
    assert area["SWAPCTL_VERDICT"] == "stale"


def test_the_machine(journal: Journal) -> None:
    counters = Path("/proc/vmstat").read_text().split()
    before = int(counters[counters.index("pswpin") + 1]) * os.sysconf("SC_PAGE_SIZE")
    assert journal.swapctl("status", "--format", "journal").returncode in (0, 3)
    entry = [e for e in journal.entries() if e["MESSAGE_ID"] == MESSAGE_IDS["machine"]][-1]
    total = Path("/proc/meminfo").read_text().split()[1]
    assert entry["SWAPCTL_MEMORY_TOTAL_BYTES"] == str(int(total) * 1024)
    assert int(entry["SWAPCTL_IN_BYTES"]) >= before
    assert {"_PID", "_BOOT_ID"} <= set(entry)


def test_a_path_that_is_no_area(ext4: Path, journal: Journal) -> None:
    path = make_area(ext4 / "swapfile")
    done = journal.swapctl("status", "--format", "journal", path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.endswith(b"not active\n")


def test_enabled_and_not_active(journal: Journal, tmp_path: Path) -> None:
    """In a copy of /etc."""
    etc = tmp_path / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=False)  # some of it may go meanwhile
    path = Path("/var/lib/swapctl test 100%/swapfile")

    def swapctl(*arguments: str | Path) -> int:
        return journal.swapctl(*arguments, over=(etc, "/etc")).returncode

    assert swapctl("enable", path, "--size", "1M", "--root", "/") == 0
    assert swapctl("status", "--format", "journal") in (0, 3)
    (entry,) = logged(journal, "inactive", path)
    assert entry["PRIORITY"] == "4"
    assert swapctl("disable", path, "--root", "/") == 0
    assert swapctl("status", "--format", "journal") in (0, 3)
    assert logged(journal, "inactive", path) == [entry]


def test_without_a_journal(journal: Journal, tmp_path: Path) -> None:
    status = ("status", "--format", "journal")
    done = journal.swapctl(*status, over=(tmp_path, "/run"))
    assert (done.returncode, done.stdout) == (4, b"")
    first, second = done.stderr.decode().splitlines()
    assert first == (
        "swapctl: /run/systemd/journal/socket: cannot log to the journal: No such file or directory"
    )
    assert second.strip() == "systemd-journald has to run here."


def test_catalog(tmp_path: Path, journal: Journal) -> None:
    """journalctl(1) compiles it, and puts the fields of an entry into its text."""
    for directory in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
        (tmp_path / directory).mkdir(parents=True)
    shutil.copy(ROOT / "packaging/systemd/swapctl.catalog", tmp_path / "usr/lib/systemd/catalog")
    done = journal.run("journalctl", f"--root={tmp_path}", "--update-catalog")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    listed = journal.run("journalctl", f"--root={tmp_path}", "--list-catalog").stdout.decode()
    assert {line.split()[0] for line in listed.splitlines()} == set(MESSAGE_IDS.values())
