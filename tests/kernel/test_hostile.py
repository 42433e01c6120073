"""Directories, links, access lists and open files of others: what is refused, and what is named."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kernel.loopfs import Mounted, run
from tests.kernel.races import SOMEBODY, racing
from tests.kernel.support import (
    area,
    cleared,
    document,
    findings,
    prepared,
    rows,
    state,
    swapctl,
    verdict,
    volume,
)
from tests.kernel.test_configured import conf, configured

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool setfacl"),
    pytest.mark.needs("tool unshare", "tool setpriv"),
]
__all__ = ["conf"]


@pytest.fixture(scope="module", params=rows("ext4"))
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture
def home(mounted: Mounted) -> Iterator[Path]:
    with cleared(mounted.path / "home") as directory:
        directory.chmod(0o711)
        yield directory


def _open_to_group(one: Path) -> None:
    os.chown(one, 0, SOMEBODY)
    one.chmod(0o770)


def _owned(one: Path) -> None:
    os.chown(one, SOMEBODY, 0)


def _listed(*entries: str) -> Callable[[Path], None]:
    def spoil(one: Path) -> None:
        run("setfacl", "-m", ",".join(entries), str(one))

    return spoil


def _link_of_somebody(one: Path) -> None:
    """The directory is a good one of root's, and so is the other; the link can lead anywhere."""
    shared = one.parent / "shared"
    one.rename(one.parent / "good")
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to("../good")
    os.chown(shared / "link", SOMEBODY, SOMEBODY, follow_symlinks=False)
    one.symlink_to("shared/link")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "open to a group": (_open_to_group, ""),
    "open to all": (lambda one: one.chmod(0o777), ""),
    "of somebody": (_owned, ""),
    "list, a user": (_listed(f"u:{SOMEBODY}:rwx"), ""),
    "list, a group": (_listed(f"g:{SOMEBODY}:rwx"), ""),
    "link in a sticky directory": (_link_of_somebody, "shared"),
}
FINE: dict[str, Callable[[Path], None]] = {
    "open to root's group": lambda one: one.chmod(0o770),
    "list, to read": _listed(f"u:{SOMEBODY}:r-x"),
    "list, root": _listed("u:0:rwx"),
    "list, masked": _listed(f"u:{SOMEBODY}:rwx", "m::rx"),
    "list, for what is made": _listed(f"d:u:{SOMEBODY}:rwx"),
}
DEPTHS = {"one above": "a", "the last": "a/b"}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("case", HOSTILE)
def test_directories(home: Path, conf: Path, case: str, depth: str) -> None:
    """Wherever on the way it is: prepare makes nothing, check says it of a file that is there."""
    spoil, named = HOSTILE[case]
    (home / "a" / "b").mkdir(parents=True)
    prepared(home / "a" / "b" / "there", "64K")
    weak = home / DEPTHS[depth]
    spoil(weak)
    component = str(weak.parent / named if named else weak)
    before = state(home)
    target = home / "a" / "b" / "swap"
    done = swapctl("prepare", target, "--size", "64K", "--json")
    assert findings(done) == {"place-untrusted": {"directory": component}}
    assert f"directory: {component}: mode" in swapctl("prepare", target, "--size", "64K").stdout
    conf.write_text(f"[{target}]\nsize = 64K\n")
    assert findings(configured(conf, target, "--json")) == findings(done)
    (judged,) = document(swapctl("check", "--json", target.parent / "there"))["targets"]
    (found,) = (f for f in judged["findings"] if f["rule"] == "directory-untrusted")
    assert (judged["verdict"], found["evidence"][0]["value"]) == ("unsafe", component)
    assert swapctl("on", target.parent / "there").returncode == 1
    assert area(target.parent / "there") is None
    assert state(home) == before


@pytest.mark.parametrize("case", FINE)
def test_directories_that_are_fine(home: Path, case: str) -> None:
    (home / "a").mkdir(mode=0o700)
    FINE[case](home / "a")
    assert swapctl("prepare", home / "a" / "swap", "--size", "64K").returncode == 0
    assert verdict(home / "a" / "swap") == "ready"
    assert (home / "a" / "swap").stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("at", ["etc", "etc/swapctl.conf.d"])
def test_directories_of_the_configuration(home: Path, case: str, at: str) -> None:
    spoil, named = HOSTILE[case]
    tree = home / "tree"
    (tree / "etc" / "swapctl.conf.d").mkdir(parents=True)
    (tree / "etc" / "swapctl.conf.d" / "50-x.conf").write_text("[/s]\nsize = 1G\n")
    spoil(tree / at)
    weak = (tree / at).parent / named if named else tree / at
    before = state(home)
    done = swapctl("enable", "/s", "--root", tree)
    assert done.returncode == 1, done
    assert f"others can write the configuration: {weak}: mode" in done.stderr
    assert state(home) == before


@pytest.mark.parametrize("name", ["swapctl.conf", "swapctl.conf.d/50-x.conf"])
def test_files_of_the_configuration(home: Path, name: str) -> None:
    tree = home / "tree"
    file = tree / "etc" / name
    file.parent.mkdir(parents=True)
    file.write_text("[/s]\nsize = 1G\n")
    run("setfacl", "-m", f"u:{SOMEBODY}:rw", str(file))
    before = state(home)
    done = swapctl("enable", "/s", "--root", tree)
    assert done.returncode == 1, done
    assert f"ACL user:{SOMEBODY}:rw-" in done.stderr
    assert str(file) in done.stderr
    assert state(home) == before
    run("setfacl", "-m", f"u:{SOMEBODY}:r", str(file))
    assert swapctl("enable", "/s", "--root", tree).returncode == 0


# The module mmap would keep a descriptor of its own.
HOLDER = """
import ctypes, os, sys
path, uid, how = sys.argv[1:]
os.setgroups([])
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
fd = os.open(path, os.O_RDWR if how == "write" else os.O_RDONLY)
if how == "map":
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0))
    os.close(fd)
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_open(path: Path, how: str, uid: int = SOMEBODY) -> Iterator[int]:
    """Somebody opens the file while they may, and keeps it after that; their process."""
    for above in path.parents:
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    path.chmod(0o666)
    command = [sys.executable, "-c", HOLDER, str(path), str(uid), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        path.chmod(0o600)
        yield process.pid
        process.communicate()


def openers(path: Path) -> list[tuple[object, str]]:
    (judged,) = document(swapctl("check", "--json", path))["targets"]
    (found,) = (f for f in judged["findings"] if f["rule"] == "file-open-by-others")
    assert judged["verdict"] == "unsafe"
    return [(one["value"], one["text"]) for one in found["evidence"]]


@pytest.mark.parametrize("mounted", rows("ext4", "btrfs"), indirect=True)
@pytest.mark.parametrize("how", ["read", "write", "map"])
def test_a_file_that_somebody_opened_before_it_was_closed_to_them(
    home: Path, conf: Path, how: str
) -> None:
    path = prepared(home / "swap", "1M")
    with held_open(path, how) as pid:
        (found,) = openers(path)
        assert found[0] == pid
        assert f"({pid}), uid {SOMEBODY}, access: {how}" in found[1]
        refused = swapctl("on", path)
        assert (refused.returncode, str(pid) in refused.stdout) == (1, True)
        assert area(path) is None
        again = swapctl("prepare", path, "--size", "1M")
        assert again.returncode == 1
        conf.write_text(f"[{path}]\nsize = 1M\n")
        # The service may not look at processes of others, and says so.
        assert "undecided" in configured(conf, path).stdout
        assert swapctl("on", path, "--allow", "file-open-by-others").returncode == 0
        assert [one[0] for one in openers(path)] == [pid]
        assert swapctl("off", path).returncode == 0
    assert verdict(path) == "ready"


def test_a_file_that_root_has_open(home: Path) -> None:
    path = prepared(home / "swap", "1M")
    with held_open(path, "read", 0):
        assert verdict(path) == "ready"


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_new_file_is_closed_to_others_from_its_first_moment(home: Path, umask: int) -> None:
    """Somebody tries to open what is in the directory, ten thousand times while there is something:
    the hidden name, and the name that it gets."""
    from swapctl import newfile

    target = home / "target"
    target.mkdir()
    target.chmod(0o755)
    directory = os.open(target, os.O_RDONLY)
    before = os.umask(umask)
    try:
        with racing(home, "read", "target", uid=SOMEBODY) as racer:
            for making in (newfile.create, newfile._named):
                until = racer.counts()[1] + 5000
                while racer.counts()[1] < until:
                    with making(directory, "swap") as file:
                        file.publish("swap")
                    os.unlink("swap", dir_fd=directory)
                    assert racer.process.poll() is None
    finally:
        os.umask(before)
        os.close(directory)
