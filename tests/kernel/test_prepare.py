"""What `prepare` makes, seen by other tools; what it leaves alone; sizes; progress."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from swapctl.linux import meminfo
from swapctl.units import parse_size, resolve_size
from tests.kernel.loopfs import MIB, Mounted, run
from tests.kernel.support import (
    SLACK,
    area,
    cleared,
    document,
    findings,
    prepared,
    rows,
    settles,
    state,
    swapctl,
    unlike,
    used,
    verdict,
    volume,
    with_terminal,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

PAGE = os.sysconf("SC_PAGE_SIZE")
UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
ALL = ("ext4", "ext4-1k", "ext3", "xfs", "btrfs")
EXTENT = re.compile(r"\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*\d+\.\.\s*\d+:\s*\d+:(.*)")
BAD_FLAGS = ("unwritten", "unknown", "delalloc", "shared", "inline", "encoded", "not_aligned")


@pytest.fixture(scope="module", params=rows(*ALL))
def every(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("prepare")) as mounted:
        yield mounted


@pytest.fixture(scope="module", params=rows("ext4"))
def ext4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("prepare")) as mounted:
        yield mounted


@pytest.fixture
def home(every: Mounted) -> Iterator[Path]:
    with cleared(every.path / "home") as directory:
        yield directory


@pytest.fixture
def place(ext4: Mounted) -> Iterator[Path]:
    with cleared(ext4.path / "place") as directory:
        yield directory


def best(on: Mounted) -> str:
    """The verdict on a good file. Blocks of 1 KiB are numbered from 1 on, so that the block groups
    do not begin with a page, and every extent loses one."""
    return "usable" if on.filesystem.name == "ext4-1k" else "ready"


def assert_every_block_written(path: Path) -> None:
    """By filefrag, which asks the kernel with code of its own."""
    text = run("filefrag", "-v", str(path))
    (blocks,) = re.findall(r"\((\d+) blocks of", text)
    expected = 0
    for first, last, flags in (m.groups() for m in map(EXTENT.match, text.splitlines()) if m):
        assert int(first) == expected, text
        assert not any(word in flags for word in BAD_FLAGS), text
        expected = int(last) + 1
    assert expected == int(blocks), text


@pytest.mark.needs("tool filefrag", "tool blkid", "tool lsattr", "tool swapon")
def test_other_tools_agree_with_the_product(every: Mounted, home: Path) -> None:
    before = used(every)
    path = home / "two words"
    done = swapctl("prepare", path, "--size", "48M", "--label", "a b", "--uuid", UUID.upper())
    assert (done.returncode, done.stderr) == (0, "")
    assert "48.0 MiB (50331648 bytes) prepared" in done.stdout
    assert f"verdict {best(every)}" in done.stdout
    seen = path.stat()
    assert (seen.st_size, seen.st_uid, seen.st_gid, seen.st_nlink) == (48 * MIB, 0, 0, 1)
    assert seen.st_mode == 0o100600
    assert abs(used(every) - before - 48 * MIB) <= SLACK[every.filesystem.fstype]
    assert verdict(path) == best(every)
    assert_every_block_written(path)
    assert [p.name for p in home.iterdir()] == ["two words"]
    for tag, value in (("TYPE", "swap"), ("LABEL", "a b"), ("UUID", UUID)):
        assert run("blkid", "-p", "-s", tag, "-o", "value", str(path)).strip() == value
    flags = run("lsattr", str(path)).split()[0]
    assert ("C" in flags) == (every.filesystem.fstype == "btrfs")
    content = path.read_bytes()[PAGE:]
    assert content.count(0) == len(content) or unlike(content)
    theirs = subprocess.run(["swapon", path], capture_output=True, text=True, check=False)
    assert (theirs.returncode, theirs.stdout, theirs.stderr) == (0, "", "")
    active = area(path)
    assert active is not None
    (judged,) = document(swapctl("check", "--json", path))["targets"]
    assert active.size == judged["swapon"]["usable_bytes"]
    assert 48 * MIB - active.size <= (16 if best(every) == "usable" else 1) * PAGE


@pytest.mark.needs("tool mkswap", "tool chattr", "tool fallocate", "tool filefrag")
def test_dry_run_changes_nothing_and_its_commands_do_the_same(every: Mounted, home: Path) -> None:
    path = home / "a 'quoted' name"
    before, space = state(home), used(every)
    done = swapctl("prepare", path, "--size", "20M", "--label", "x y", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert state(home) == before
    assert settles(every, space)
    assert "would make" in done.stdout
    commands = [line[4:] for line in done.stdout.splitlines() if line.startswith("    ")]
    assert commands[-1].startswith("swapctl check ")
    if every.filesystem.name == "ext3":
        # The format has no fallocate(2); there the tool goes on without it, as the text says.
        commands = [one for one in commands if not one.startswith("fallocate")]
    run("bash", "-ec", "\n".join(commands[:-1]))
    assert verdict(path) == best(every)
    assert_every_block_written(path)
    assert run("blkid", "-p", "-s", "LABEL", "-o", "value", str(path)).strip() == "x y"


def test_fallocate_only_is_a_note(every: Mounted, home: Path) -> None:
    before = used(every)
    done = swapctl("prepare", home / "swap", "--size", "8M", "--method", "fallocate", "--json")
    if every.filesystem.name == "ext3":
        assert done.returncode == 4
        assert document(done)["error"]["errno"] == "EOPNOTSUPP"
        assert list(home.iterdir()) == []
        assert settles(every, before)
        return
    (made,) = document(done)["targets"]
    assert (done.returncode, made["method"], made["verdict"]) == (0, "fallocate", best(every))
    assert "extents-unwritten" in [f["rule"] for f in made["findings"]]
    assert "unwritten" in run("filefrag", "-v", str(home / "swap"))


@pytest.mark.parametrize("method", ["auto", "write"])
def test_json_says_how(place: Path, method: str) -> None:
    done = swapctl("prepare", place / "swap", "--size", "8M", "--method", method, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (made,) = document(done)["targets"]
    assert (made["changed"], made["bytes"], made["method"]) == (True, 8 * MIB, "write")
    assert (made["verdict"], made["path"]) == ("ready", str(place / "swap"))
    assert made["seconds"] >= 0


def test_zeroes_by_the_device_where_it_cannot(ext4: Mounted, place: Path) -> None:
    before = used(ext4)
    words = ("--method", "write-zeroes", "--allow", "place-zeros-dropped")
    done = swapctl("prepare", place / "swap", "--size", "8M", *words)
    assert (done.returncode, done.stdout) == (4, "")
    assert "FALLOC_FL_WRITE_ZEROES" in done.stderr
    assert "--method write" in done.stderr
    assert "Nothing was left behind." in done.stderr
    assert list(place.iterdir()) == []
    assert settles(ext4, before)


def _occupy(kind: str, path: Path) -> None:
    if kind == "directory":
        (path / "inner").mkdir(parents=True)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "link":
        (path.parent / "elsewhere").write_bytes(b"data")
        path.symlink_to("elsewhere")
    else:
        path.write_bytes(os.urandom(MIB) if kind == "data" else b"")


@pytest.mark.parametrize("kind", ["data", "empty", "directory", "fifo", "link", "dangling"])
def test_what_stands_there_is_not_touched(place: Path, kind: str) -> None:
    path = place / "swap"
    _occupy(kind, path)
    content = path.read_bytes() if kind == "data" else b""
    before = state(place)
    done = swapctl("prepare", path, "--size", "1M", "--json")
    assert list(findings(done)) == ["place-exists"]
    assert document(done)["changed"] is False
    assert state(place) == before
    assert kind != "data" or path.read_bytes() == content


def test_what_was_asked_for_already(place: Path) -> None:
    path = prepared(place / "swap", "4M", "--label", "one", "--uuid", UUID)
    before, content = state(place), path.read_bytes()
    for more in ((), ("--label", "one"), ("--uuid", UUID.upper()), ("--fs", "ext4")):
        done = swapctl("prepare", path, "--size", "4M", *more)
        assert (done.returncode, done.stderr) == (0, "")
        assert "nothing to do" in done.stdout
    (found,) = document(swapctl("prepare", path, "--size", "4M", "--json"))["targets"]
    assert (found["changed"], found["bytes"], found["verdict"]) == (False, 0, "ready")
    for more in (("--label", "two"), ("--uuid", UUID[::-1]), ("--fs", "xfs")):
        done = swapctl("prepare", path, "--size", "4M", *more, "--json")
        assert "place-exists" in findings(done)
    assert "place-exists" in findings(swapctl("prepare", path, "--size", "8M", "--json"))
    assert (state(place), path.read_bytes()) == (before, content)


def test_an_active_area_is_not_touched(place: Path) -> None:
    path = prepared(place / "swap", "4M", "--on")
    before, content = state(place), path.read_bytes()
    assert area(path) is not None
    done = swapctl("prepare", path, "--size", "8M", "--json")
    assert list(findings(done)) == ["place-exists"]
    done = swapctl("prepare", path, "--size", "4M", "--on")
    assert (done.returncode, "nothing to do" in done.stdout) == (0, True)
    assert area(path) is not None
    assert (state(place), path.read_bytes()) == (before, content)


@pytest.mark.parametrize("text", ["auto", "50%RAM", "2xRAM"])
def test_sizes_from_memory_are_echoed(place: Path, text: str) -> None:
    size = resolve_size(parse_size(text), meminfo.read()["MemTotal"], PAGE)
    done = swapctl("prepare", place / "swap", "--size", text, "--dry-run", "--json")
    assert findings(done)["place-no-space"]["size"] == size
    assert list(place.iterdir()) == []


def test_sizes_at_the_limits(place: Path) -> None:
    path = place / "swap"
    small = swapctl("prepare", path, "--size", str(10 * PAGE - 1024), "--json")
    assert list(findings(small)) == ["size-too-small"]
    large = swapctl("prepare", path, "--size", str(2**32 * PAGE), "--json")
    assert set(findings(large)) == {"place-no-space", "size-too-large"}
    for text in ("8Q", "0", "-1", "1e9", "8 G", ""):
        assert swapctl("prepare", path, "--size", text).returncode == 2
    assert swapctl("prepare", path).returncode == 2
    assert list(place.iterdir()) == []
    assert prepared(path, str(10 * PAGE + 1)).stat().st_size == 10 * PAGE


@pytest.mark.parametrize("reserve", ["0", "0%", "10%", "1G"])
def test_reserve_with_the_numbers(ext4: Mounted, place: Path, reserve: str) -> None:
    run("sync", "-f", str(place))
    seen = os.statvfs(place)
    available = seen.f_bavail * seen.f_frsize
    whole = seen.f_blocks * seen.f_frsize
    kept = {"0": 0, "0%": 0, "10%": int(whole * 0.1), "1G": 2**30}[reserve]
    fits = (available - kept) // PAGE * PAGE
    over = max(fits + PAGE, 10 * PAGE)
    asked = ("prepare", place / "swap", "--reserve", reserve, "--dry-run", "--json")
    found = findings(swapctl(*asked, "--size", str(over)))
    assert found["place-no-space"] == {"available": available, "size": over, "reserve": kept}
    if fits > 0:
        assert swapctl(*asked, "--size", str(fits)).returncode == 0
    assert list(place.iterdir()) == []


def test_progress_on_a_terminal_only(place: Path) -> None:
    text = with_terminal("prepare", place / "first", "--size", "64M")
    lines = [line for line in re.split(r"[\r\n]+", text) if line]
    assert len(lines) >= 2
    for line in lines:
        assert re.search(r"\[#*\.*\] +\d+% [\d.]+ MiB  [\d.]+ [KMG]iB/s  \d+s left", line), text
    assert "100%" in lines[-1]
    assert text.endswith("\n")
    assert with_terminal("prepare", place / "second", "--size", "64M", "--quiet") == ""
    assert swapctl("prepare", place / "third", "--size", "64M").stderr == ""


def test_any_name(place: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(place) + b"/a\nb \\c\xff"))
    prepared(path, "1M", "--on", "--priority", "7")
    active = area(path)
    assert active is not None
    assert active.priority == 7
    assert swapctl("off", path).returncode == 0
    assert area(path) is None
