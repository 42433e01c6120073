"""`on` and `off`: the kernel takes an area as predicted, and gives it back with its pages."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swapctl.linux import header
from tests.kernel.loopfs import MIB, Mounted
from tests.kernel.support import (
    LINGERING,
    area,
    cleared,
    document,
    goes_on,
    held,
    prepared,
    rows,
    strace,
    swapctl,
    volume,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

PAGE = os.sysconf("SC_PAGE_SIZE")
FIRST = ("--priority", "32767")


@pytest.fixture(scope="module", params=rows("ext4"))
def ext4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("on")) as mounted:
        yield mounted


@pytest.fixture
def home(ext4: Mounted) -> Iterator[Path]:
    with cleared(ext4.path / "home") as directory:
        yield directory


def test_on_with_a_priority_then_again(home: Path) -> None:
    path = prepared(home / "swap")
    done = swapctl("on", path, "--priority", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{path}: activated: 4.0 MiB, priority 5" in done.stdout
    found = area(path)
    assert found is not None
    assert (found.priority, found.size) == (5, 4 * MIB - PAGE)
    again = swapctl("on", path)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    (same,) = document(swapctl("on", path, "--json"))["targets"]
    assert (same["changed"], same["active"], same["priority"]) == (False, True, 5)


# These are on loop devices, which pass discards on.
ALLOW = ("--allow", "discard-unmaps")


@pytest.mark.parametrize("policy", ["once", "pages", "both"])
def test_discard_policies(home: Path, policy: str) -> None:
    path = prepared(home / "swap")
    done = swapctl("on", path, "--discard", policy, *ALLOW, "--json")
    (made,) = document(done)["targets"]
    assert (done.returncode, made["changed"], made["active"]) == (0, True, True)
    assert made["size_bytes"] == made["swapon"]["usable_bytes"]
    assert area(path) is not None


def test_prepare_and_on_in_one(home: Path) -> None:
    words = ("--on", "--priority", "3", "--discard", "once", *ALLOW)
    path = prepared(home / "swap", "4M", *words)
    found = area(path)
    assert found is not None
    assert found.priority == 3
    assert swapctl("prepare", home / "b", "--size", "4M", "--priority", "3").returncode == 2
    assert not (home / "b").exists()


def test_a_dry_run_activates_nothing(home: Path) -> None:
    path = prepared(home / "swap")
    done = swapctl("on", path, "--dry-run")
    assert (done.returncode, "would be activated" in done.stdout) == (0, True)
    assert area(path) is None


def test_a_refused_file_stays_inactive(home: Path) -> None:
    path = home / "swap"
    path.write_bytes(bytes(MIB))
    path.chmod(0o600)
    done = swapctl("on", path)
    assert done.returncode == 1
    assert "refused header-missing" in done.stdout
    assert area(path) is None
    done = swapctl("on", path, "--allow", "header-missing")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'header-missing' is not an unsafe rule" in done.stderr
    assert area(path) is None


def test_an_unsafe_file_needs_its_rule_allowed(home: Path) -> None:
    path = prepared(home / "swap")
    path.chmod(0o644)
    done = swapctl("on", path)
    assert (done.returncode, "unsafe file-mode" in done.stdout) == (1, True)
    assert swapctl("on", path, "--allow", "file-owner").returncode == 1
    assert area(path) is None
    assert swapctl("on", path, "--allow", "file-mode").returncode == 0
    assert area(path) is not None


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize(("error", "says"), [("EINVAL", "Invalid argument"), ("ENOMEM", "memory")])
def test_swapon_fails_and_the_kernel_says_nothing(
    home: Path, tmp_path: Path, error: str, says: str
) -> None:
    path = prepared(home / "swap")
    inject = strace(tmp_path / "log", f"swapon:error={error}")
    done = swapctl("on", path, before=inject)
    assert (done.returncode, done.stdout) == (4, "")
    assert "swapon(2) failed: " in done.stderr
    assert says in done.stderr
    # Others' areas may have been refused at the same moment.
    assert "The kernel logged no reason." in done.stderr or "kernel: " in done.stderr
    assert area(path) is None


@pytest.mark.needs("tool strace", "the kernel log")
def test_swapon_fails_and_the_log_says_why(home: Path, tmp_path: Path) -> None:
    path = prepared(home / "swap")
    with held(tmp_path / "log", "swapon", "on", path) as process:
        with path.open("r+b") as file:
            file.write(bytes(PAGE))
        goes_on(process)
        out, err = process.communicate(timeout=LINGERING)
    assert (process.returncode, out) == (4, "")
    assert "swapon(2) failed: Invalid argument" in err
    assert "kernel: Unable to find swap-space signature" in err
    assert "swapctl explain header-missing" in err
    assert area(path) is None


def _shrink(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(header.pack(PAGE, MIB // PAGE, bytes(range(16)), ""))


def _replace(path: Path) -> None:
    (path.parent / "other").rename(path)


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize("change", [_shrink, _replace])
def test_what_was_activated_is_not_what_was_judged(
    home: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = prepared(home / "swap")
    prepared(home / "other")
    with held(tmp_path / "log", "swapon", "on", path) as process:
        change(path)
        goes_on(process)
        out, err = process.communicate(timeout=LINGERING)
    assert (process.returncode, out) == (4, "")
    assert "/proc/swaps shows " in err
    assert "where 4.0 MiB was expected" in err
    assert "deactivated again" in err
    assert area(path) is None


def test_off_of_what_is_not_active(home: Path) -> None:
    path = prepared(home / "swap")
    for one in (path, home / "absent"):
        done = swapctl("off", one)
        assert (done.returncode, done.stdout) == (4, "")
        assert f"swapctl: {one}: not an active swap area" in done.stderr
    error = document(swapctl("off", path, "--json"))["error"]
    assert (error["errno"], error["path"], error["exit_code"]) == ("EINVAL", str(path), 4)


def test_off_of_an_unused_area(home: Path) -> None:
    path = prepared(home / "swap", "4M", "--on", "--priority", "0")
    (home / "link").symlink_to("swap")
    done = swapctl("off", home / "link", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert (document(done)["changed"], document(done)["path"]) == (True, str(path))
    assert area(path) is None


@pytest.mark.needs("tool strace")
@pytest.mark.parametrize(
    ("error", "says"),
    [("ENOMEM", "do not fit into memory"), ("EPERM", "Only root"), ("EINTR", "Interrupted")],
)
def test_off_fails_with_the_kernels_error(
    home: Path, tmp_path: Path, error: str, says: str
) -> None:
    path = prepared(home / "swap", "4M", "--on")
    done = swapctl("off", path, "--json", before=strace(tmp_path / "a", f"swapoff:error={error}"))
    found = document(done)["error"]
    assert (done.returncode, found["errno"], found["exit_code"]) == (4, error, 4)
    done = swapctl("off", path, before=strace(tmp_path / "b", f"swapoff:error={error}"))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"{path}: swapoff(2) failed: " in done.stderr
    assert says in done.stderr
    assert area(path) is not None
