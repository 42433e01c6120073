"""Which directories on a way others can write, and the way itself."""

import os
import stat
from pathlib import Path

import pytest

from swapctl.facts import Ancestor, NotKnown, Unknown
from swapctl.linux.directories import open_plain, way
from swapctl.linux.openers import parse_fdinfo, parse_uid
from swapctl.trust import described, weak

LOST = Unknown("access control list", "lost")
ROOT = Ancestor("/", 0o755, 0, 0, (), False)
STICKY = ROOT._replace(path="/tmp", mode=0o1777)
LINK = Ancestor("/tmp/link", 0o777, 0, 0, (), True)


def named(*steps: Ancestor, owner: int = 0, trusted: tuple[int, ...] = (0,)) -> list[str]:
    return [one.path for one in weak(steps, owner, trusted)]


def test_modes_and_owners() -> None:
    assert named(ROOT) == []
    assert named(ROOT._replace(mode=0o775)) == []
    assert named(ROOT._replace(mode=0o775, gid=5)) == ["/"]
    assert named(ROOT._replace(mode=0o757)) == ["/"]
    assert named(ROOT._replace(uid=5)) == ["/"]
    assert named(ROOT._replace(uid=5), trusted=(0, 5)) == []


def test_a_sticky_directory_protects_what_is_roots() -> None:
    assert named(ROOT, STICKY) == []
    assert named(ROOT, STICKY, owner=5) == ["/tmp"]
    assert named(ROOT, STICKY, owner=5, trusted=(0, 5)) == []
    assert named(ROOT, STICKY, LINK, ROOT) == []
    assert named(ROOT, STICKY, LINK._replace(uid=5), ROOT) == ["/tmp"]


def test_a_directory_is_named_once() -> None:
    bad = ROOT._replace(path="/open", mode=0o777)
    assert named(ROOT, bad, LINK, ROOT, bad) == ["/open"]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("user:5:-w-", ["/"]),
        ("group:5:rwx", ["/"]),
        ("user:5:r-x", []),
        ("user:0:rwx", []),
        ("group:0:rwx", []),
    ],
)
def test_access_lists(entry: str, found: list[str]) -> None:
    one = ROOT._replace(acl=(entry,))
    assert named(one) == found
    assert (entry in described(one)) == bool(found)


def test_what_is_not_known_is_not_good() -> None:
    with pytest.raises(NotKnown):
        named(ROOT._replace(acl=LOST))
    with pytest.raises(NotKnown):
        named(ROOT._replace(link=LOST))
    # What is bad anyway is said.
    assert named(ROOT._replace(acl=LOST), ROOT._replace(path="/b", mode=0o777)) == ["/b"]


def gone(path: Path | str, *, missing: bool = False) -> tuple[str, str, list[str]]:
    with way(str(path), missing=missing) as found:
        assert stat.S_ISDIR(os.fstat(found.fd).st_mode)
        return found.path, found.name, [one.path for one in found.steps]


def test_the_way_is_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is where realpath(3) leads, and all that is met on the way is told."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "up").symlink_to("../c/./link")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "link").symlink_to(tmp_path / "a" / "b")
    path, name, steps = gone(tmp_path / "a" / "up" / ".." / "up")
    assert (path, name) == (str(tmp_path / "a" / "b"), "")
    for met in ("a", "a/up", "c", "c/link", "a/b"):
        assert str(tmp_path / met) in steps
    (tmp_path / "a" / "b" / "file").touch()
    assert gone(tmp_path / "a" / "up" / "file")[:2] == (str(tmp_path / "a" / "b"), "file")
    monkeypatch.chdir(tmp_path / "c")
    assert gone("link")[0] == str(tmp_path / "a" / "b")
    assert gone(".")[0] == str(tmp_path / "c")
    assert gone("/")[:2] == ("/", "")


def test_a_way_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for name, kind in (("loop", OSError), ("no", FileNotFoundError), ("file/x", OSError)):
        with pytest.raises(kind, match=name.partition("/")[0]):
            gone(tmp_path / name)
    assert gone(tmp_path / "no", missing=True)[:2] == (str(tmp_path), "no")
    with pytest.raises(FileNotFoundError):
        gone(tmp_path / "no" / "no", missing=True)


def test_an_open_file_without_a_name(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        (tmp_path / "file").unlink()
        path, name, steps = gone(f"/proc/self/fd/{file.fileno()}", missing=True)
    assert (path, name) == (str(tmp_path), "file")
    assert str(tmp_path) in steps


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    os.close(open_plain(str(tmp_path / "a")))
    os.close(open_plain(str(tmp_path / "a" / "b" / "c"), top=str(tmp_path), make=0o700))
    assert (tmp_path / "a" / "b" / "c").is_dir()
    for name in ("link", "link/b"):
        with pytest.raises(NotADirectoryError, match="link"):
            open_plain(str(tmp_path / name), top=str(tmp_path), make=0o700)


def test_texts_of_processes() -> None:
    assert parse_uid("Name:\tx\nUid:\t0\t0\t0\t0\n") == 0
    assert parse_uid("Uid:\t0\t7\t0\t0\n") == 7
    with pytest.raises(OSError, match="no Uid"):
        parse_uid("")
    assert parse_fdinfo("pos:\t0\nflags:\t0100002\nmnt_id:\t9\nino:\t55\n") == (0o100002, 55)
    assert parse_fdinfo("pos:\t0\nflags:\t02\n") == (2, None)
