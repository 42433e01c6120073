"""Where `prepare` makes a file: the mount that it chooses, and the directories that it refuses."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import mounts
from tests.conftest import kernel_lacks
from tests.kernel.loopfs import MIB, Mounted, attach, image, make, mount, run
from tests.kernel.support import (
    ROWS,
    cleared,
    document,
    findings,
    private,
    rows,
    settles,
    state,
    swapctl,
    used,
    verdict,
    volume,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

SOMEBODY = 12345


@pytest.fixture(scope="module", params=rows("ext4"))
def ext4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("place")) as mounted:
        yield mounted


@pytest.fixture
def home(ext4: Mounted) -> Iterator[Path]:
    with cleared(ext4.path / "home") as directory:
        yield directory


@pytest.fixture(params=rows("xfs", "btrfs"))
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Mounted]]:
    """Three filesystems of one type; the second is the largest."""
    row = request.param
    if any(m.path == "/" and m.fstype == row.fstype for m in mounts.read()):
        pytest.skip(f"/ is {row.fstype}, which comes first")
    with ExitStack() as undo:
        sizes = (row.size, row.size + 256 * MIB, row.size + 64 * MIB)
        yield [
            make(row._replace(size=size), tmp_path / f"v{n}", tmp_path, undo, written=True)
            for n, size in enumerate(sizes)
        ]


@pytest.mark.needs("tool unshare")
def test_the_mount_with_most_space_is_chosen(three: list[Mounted], tmp_path: Path) -> None:
    fstype, best = three[1].filesystem.fstype, three[1].path
    path = best / ("swap/swapfile" if fstype == "btrfs" else "swapfile")
    alone = private(fstype, tmp_path)
    asked = ("prepare", "--fs", fstype, "--size", "16M")
    before = [state(one.path) for one in three]
    dry = swapctl(*asked, "--dry-run", before=alone)
    assert dry.returncode == 0, dry
    assert str(path) in dry.stdout
    assert [state(one.path) for one in three] == before
    done = swapctl(*asked, "--json", before=alone)
    (made,) = document(done)["targets"]
    assert (made["path"], made["verdict"], made["changed"]) == (str(path), "ready", True)
    assert verdict(path) == "ready"
    assert [state(one.path) for one in (three[0], three[2])] == [before[0], before[2]]
    if fstype == "btrfs":
        assert path.parent.stat().st_ino == 256  # the root of a subvolume
        assert path.parent.stat().st_mode & 0o7777 == 0o700
        run("btrfs", "subvolume", "snapshot", "-r", str(best), str(best / "snapshot"))
    again = swapctl(*asked, before=alone)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)


@pytest.mark.needs("tool unshare")
@pytest.mark.parametrize("three", rows("btrfs"), indirect=True)
def test_the_subvolume_goes_when_the_file_cannot_be_made(
    three: list[Mounted], tmp_path: Path
) -> None:
    before = [state(one.path) for one in three]
    space = used(three[1])
    words = ("--method", "write-zeroes", "--allow", "place-zeros-dropped")
    asked = ("prepare", "--fs", "btrfs", "--size", "16M", *words)
    done = swapctl(*asked, before=private("btrfs", tmp_path))
    assert done.returncode == 4, done
    assert [list(s) for s in map(state, [v.path for v in three])] == [list(s) for s in before]
    assert settles(three[1], space)


@pytest.mark.needs("tool unshare")
def test_below_var_where_the_root_is_read_only(ext4: Mounted) -> None:
    script = 'mount --bind "$1" /var; mount -o remount,bind,ro /; shift; exec "$@"'
    aside = ("unshare", "-m", "sh", "-ec", script, "sh", str(ext4.path))
    done = swapctl("prepare", "--size", "8M", "--dry-run", before=aside)
    assert done.returncode == 0, done
    assert "make the directory /var/swap" in done.stdout
    done = swapctl("prepare", "--size", "8M", before=aside)
    try:
        assert done.returncode == 0, done
        made = ext4.path / "swap" / "swapfile"
        assert verdict(made) == "ready"
        assert made.parent.stat().st_mode & 0o7777 == 0o700
    finally:
        run("rm", "-rf", str(ext4.path / "swap"))


def test_another_type_than_asked_for(home: Path) -> None:
    done = swapctl("prepare", home / "swap", "--fs", "xfs", "--size", "1M", "--json")
    assert findings(done) == {"place-filesystem-differs": {"asked for": "xfs", "found": "ext4"}}
    text = swapctl("prepare", home / "swap", "--fs", "xfs", "--size", "1M").stdout
    assert f"ext4 at {home.parent}" in text
    assert list(home.iterdir()) == []


def test_a_type_that_is_not_mounted(home: Path) -> None:
    done = swapctl("prepare", "--fs", "nonesuch", "--size", "1M")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no writable filesystem of type nonesuch is mounted" in done.stderr
    listed = done.stderr.partition("Mounted for writing: ")[2].rstrip(".\n").split(", ")
    assert "ext4" in listed
    assert not {"proc", "sysfs", "tmpfs"} & set(listed)


def test_filesystems_without_a_recipe(tmp_path: Path) -> None:
    with ExitStack() as undo:
        mount("none", tmp_path / "mnt", "tmpfs", "mode=0700", undo)
        done = swapctl("prepare", tmp_path / "mnt" / "swap", "--size", "1M", "--json")
        found = findings(done)["place-filesystem-unsuitable"]
        assert (found["filesystem"], "no disk below" in found["reason"]) == ("tmpfs", True)
        assert list((tmp_path / "mnt").iterdir()) == []


def test_a_read_only_mount(home: Path, tmp_path: Path) -> None:
    with ExitStack() as undo:
        mount(str(home), tmp_path / "mnt", "none", "bind", undo)
        run("mount", "-o", "remount,bind,ro", str(tmp_path / "mnt"))
        done = swapctl("prepare", tmp_path / "mnt" / "swap", "--size", "1M", "--json")
        assert list(findings(done)) == ["place-read-only"]


@pytest.mark.needs("tool mkfs.btrfs", "filesystem btrfs")
def test_data_stored_twice(tmp_path: Path) -> None:
    row = ROWS["btrfs"]._replace(mkfs="mkfs.btrfs -q -f -d dup")
    with volume(row, tmp_path) as mounted:
        done = swapctl("prepare", mounted.path / "swap", "--size", "1M", "--json")
        assert findings(done) == {"place-profile": {"data profile": "dup"}}


def _open_to_all(home: Path) -> tuple[Path, Path]:
    (home / "d").mkdir()
    (home / "d").chmod(0o777)
    return home / "d", home / "d"


def _open_to_a_group(home: Path) -> tuple[Path, Path]:
    (home / "d").mkdir()
    os.chown(home / "d", 0, SOMEBODY)
    (home / "d").chmod(0o770)
    return home / "d", home / "d"


def _sticky(home: Path) -> tuple[Path, Path]:
    (home / "d").mkdir()
    (home / "d").chmod(0o1777)
    return home / "d", home / "d"


def _somebodys(home: Path) -> tuple[Path, Path]:
    (home / "d").mkdir(mode=0o700)
    os.chown(home / "d", SOMEBODY, SOMEBODY)
    return home / "d", home / "d"


def _below_somebodys(home: Path) -> tuple[Path, Path]:
    (home / "d" / "e" / "f").mkdir(parents=True)
    os.chown(home / "d", SOMEBODY, SOMEBODY)
    return home / "d" / "e" / "f", home / "d"


def _behind_a_link(home: Path) -> tuple[Path, Path]:
    (home / "far" / "open").mkdir(parents=True)
    (home / "far").chmod(0o777)
    (home / "near").symlink_to("far/open")
    return home / "near", home / "far"


@pytest.mark.parametrize(
    "prepare",
    [
        _open_to_all,
        _open_to_a_group,
        _sticky,
        _somebodys,
        _below_somebodys,
        _behind_a_link,
    ],
)
def test_directories_that_others_control(
    home: Path, prepare: Callable[[Path], tuple[Path, Path]]
) -> None:
    directory, component = prepare(home)
    before = state(home)
    done = swapctl("prepare", directory / "swap", "--size", "1M", "--json")
    assert findings(done) == {"place-untrusted": {"directory": str(component)}}
    text = swapctl("prepare", directory / "swap", "--size", "1M").stdout
    assert f"directory: {component}: mode " in text
    assert state(home) == before


def test_a_directory_of_roots_own_in_a_sticky_one(home: Path) -> None:
    (home / "shared" / "own").mkdir(parents=True)
    (home / "shared" / "own").chmod(0o700)
    (home / "shared").chmod(0o1777)
    assert swapctl("prepare", home / "shared" / "own" / "swap", "--size", "1M").returncode == 0


def test_a_link_that_leads_to_a_good_place(home: Path) -> None:
    (home / "real").mkdir(mode=0o700)
    (home / "link").symlink_to("real")
    assert swapctl("prepare", home / "link" / "swap", "--size", "1M").returncode == 0
    assert verdict(home / "real" / "swap") == "ready"


@pytest.mark.parametrize("name", ["absent/swap", "file/swap", "loop/swap"])
def test_directories_that_are_none(home: Path, name: str) -> None:
    (home / "file").touch()
    (home / "loop").symlink_to("loop")
    before = state(home)
    done = swapctl("prepare", home / name, "--size", "1M")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot use the directory" in done.stderr
    assert state(home) == before


@pytest.mark.needs("tool setquota", "tool chattr", "tool mkfs.ext4")
def test_the_limit_of_a_project_is_that_of_its_directory(tmp_path: Path) -> None:
    with ExitStack() as undo:
        file = image(tmp_path / "image", 320 * MIB, undo)
        run("mkfs.ext4", "-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota", str(file))
        try:
            mount(attach(file, undo), tmp_path / "mnt", "ext4", "prjquota", undo)
        except OSError:
            kernel_lacks("project quotas on ext4 (QFMT_V2)")
        home = tmp_path / "mnt" / "home"
        home.mkdir(mode=0o700)
        run("chattr", "+P", "-p", "7", str(home))
        run("setquota", "-P", "7", "0", "32768", "0", "0", str(tmp_path / "mnt"))
        found = findings(swapctl("prepare", home / "swap", "--size", "48M", "--json"))
        assert found["place-no-space"]["available"] <= 32 * MIB
        assert list(home.iterdir()) == []


@pytest.mark.needs("tool mkfs.btrfs", "filesystem btrfs")
def test_the_limit_of_a_btrfs_subvolume(tmp_path: Path) -> None:
    with volume(ROWS["btrfs"], tmp_path) as mounted:
        home = mounted.path / "home"
        run("btrfs", "subvolume", "create", str(home))
        run("btrfs", "quota", "enable", str(mounted.path))
        run("btrfs", "qgroup", "limit", "32M", str(home))
        before, space = state(home), used(mounted)
        done = swapctl("prepare", home / "swap", "--size", "48M")
        assert (done.returncode, done.stdout) == (4, "")
        assert "cannot allocate 48.0 MiB in one go: a quota is exhausted" in done.stderr
        assert list(state(home)) == list(before)
        assert settles(mounted, space)
        assert swapctl("prepare", home / "swap", "--size", "16M").returncode == 0
