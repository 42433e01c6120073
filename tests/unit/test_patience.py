"""Which paths may never answer is told without touching them; work that hangs is given up."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from swapctl.facts import Mount, SwapArea, Unknown, need
from swapctl.filesystems import ROWS, SERVED, waits
from swapctl.gather import patience
from swapctl.linux.child import Child
from swapctl.linux.mounts import parse_mountinfo
from swapctl.record import dump, load
from swapctl.rules import judge
from tests.golden.regenerate import report


def mount(path: str, fstype: str = "nfs4") -> Mount:
    return Mount(1, 0, "0:53", "/", path, (), fstype, "nas:/swap", ())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A place for a mount, and ways to it. What lies below the place must not be looked at, so that
    there is a trap: a link that leads elsewhere."""
    for name in ("nas", "nas/deep", "other", "other/sub"):
        (tmp_path / name).mkdir()
    (tmp_path / "nas/trap").symlink_to(tmp_path / "other")
    links = {
        "absolute": f"{tmp_path}/nas/file",
        "relative": "nas/file",
        "to-link": "absolute",
        "directory": "nas",
        "other/sub/up": "../../nas/file",
        "harmless": "other/file",
        "loop": "loop",
        "dangling": "nowhere/file",
        "dots": "other/.././nas",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    return tmp_path


LEADS_THERE = (
    *("nas", "nas/", "nas/file", "nas//deep/./file", "nas/none/at/all", "nas/../other/file"),
    *("absolute", "relative", "to-link", "directory/x", "other/sub/up", "other/../nas/file"),
    *("dots/file", "nas/trap/file", "directory/../other"),
)
LEADS_ELSEWHERE = (
    *("", "other", "other/file", "harmless", "loop", "dangling", "nasty", "nas2/file", "none/nas"),
    *("other/sub/../file", "other/nas", "..", "../..", "other\0", "x" * 300),
)


@pytest.mark.parametrize("name", LEADS_THERE)
def test_a_path_that_leads_there(tree: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = mount(f"{tree}/nas")
    assert patience.on_the_way(f"{tree}/{name}", {here.path: here}) is here
    monkeypatch.chdir(tree)
    assert patience.on_the_way(name, {here.path: here}) is here


@pytest.mark.parametrize("name", LEADS_ELSEWHERE)
def test_a_path_that_leads_elsewhere(tree: Path, name: str) -> None:
    here = mount(f"{tree}/nas")
    assert patience.on_the_way(f"{tree}/{name}", {here.path: here}) is None


def test_a_relative_path_from_within(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = mount(f"{tree}/nas")
    monkeypatch.chdir(tree / "nas/deep")
    for name in ("file", ".", "..", "../../other"):
        assert patience.on_the_way(name, {here.path: here}) is here


def test_the_innermost_mount_is_named(tree: Path) -> None:
    outer, inner = mount(f"{tree}/nas"), mount(f"{tree}/nas/deep")
    places = {outer.path: outer, inner.path: inner}
    assert patience.on_the_way(f"{tree}/relative/..", places) is outer
    assert patience.on_the_way(f"{tree}/directory/deep/file", places) is inner


def test_an_open_file(tree: Path) -> None:
    """The link of /proc tells where the file is."""
    (tree / "nas/file").touch()
    here = mount(f"{tree}/nas")
    with (tree / "nas/file").open() as file:
        path = f"/proc/self/fd/{file.fileno()}"
        assert patience.on_the_way(path, {here.path: here}) is here


def test_types_that_wait() -> None:
    names = {row.name for row in ROWS if row.waits}
    assert set(SERVED) < names
    assert {"fuse", "fuseblk", "9p", "virtiofs"} < names
    assert not {"ext4", "xfs", "btrfs", "vfat", "tmpfs", "overlay", "proc", "zfs"} & names
    assert waits("fuse.sshfs")
    assert waits("lustre")
    assert not waits("ext4")


def test_mounts_are_chosen_by_type() -> None:
    lines = (
        "36 35 98:0 / /a rw shared:1 - ext4 /dev/a rw",
        r"37 35 0:53 / /b\040-\040ext4 rw - nfs4 nas:/x rw,addr=10.0.0.1",
        "38 35 0:54 / /c rw master:1 - fuse.sshfs me@host: rw",
        "39 35 0:55 / /d rw - tmpfs nfs4 rw",
    )
    wanted = [m.path for m in parse_mountinfo("\n".join(lines)) if waits(m.fstype)]
    assert wanted == ["/b - ext4", "/c"]


def hang(_tick: Callable[[], None] = lambda: None) -> NoReturn:
    while True:
        signal.pause()


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(word) for word in text.split()}


def test_an_answer_comes_through() -> None:
    before, big = children(), tuple(range(100_000))
    child = Child(lambda _: (os.getpid(), "\udc80", big))
    pid, text, numbers = child.answer(60)
    assert pid != os.getpid()
    assert (text, numbers) == ("\udc80", big)
    assert child.close(60)
    assert children() == before
    assert ended(pid)


def test_an_error_comes_through() -> None:
    def fail(_: Callable[[], None]) -> NoReturn:
        raise FileNotFoundError(2, "gone", "/x")

    with closing(Child(fail)) as child, pytest.raises(FileNotFoundError, match="gone"):
        child.answer(60)


def test_a_child_that_dies() -> None:
    with closing(Child(lambda _: os._exit(1))) as child, pytest.raises(OSError, match="died"):
        child.answer(60)


def test_what_is_looked_at_by_a_child_that_dies(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed for want of memory, say; the others are looked at all the same."""
    here = mount(f"{tree}/nas")
    monkeypatch.setattr(patience, "waiting", lambda: {here.path: here})

    def work(path: str, _: Callable[[], None]) -> str:
        if path.endswith("file"):
            os.kill(os.getpid(), signal.SIGKILL)
        return path

    paths = [f"{tree}/{name}" for name in ("nas/file", "nas/deep", "other")]
    died, *rest = patience.Patience(60).each(work, paths)
    assert died == Unknown("file", "the process that looked at it died of signal 9")
    assert rest == paths[1:]


def test_a_child_that_hangs_is_ended() -> None:
    before = children()
    child = Child(hang)
    with pytest.raises(TimeoutError):
        child.answer(0.1)
    assert child.close(60)
    assert children() == before


def test_a_child_that_gets_on_is_waited_for() -> None:
    def work(tick: Callable[[], None]) -> str:
        for _ in range(12):
            tick()
            time.sleep(0.5)
        return "done"

    with closing(Child(work)) as child:
        assert child.answer(5) == "done"


def test_a_child_has_no_part_in_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Child(lambda _: os.write(1, b"no") + os.write(2, b"no"))) as child:
        assert child.answer(60) == 4
    assert capfd.readouterr() == ("", "")


def test_an_area_whose_server_was_not_asked() -> None:
    """Its device tells that it is another file; on the same device it would have to be asked."""
    s = report("ext4-ready").snapshot
    file = need(s.file)
    assert file is not None
    inode = Unknown("inode of the area", "its server was not asked")
    area = SwapArea("/nas/swap", "file", 2**20, 0, -2, False, "0:53", inode)
    elsewhere, here = (
        s._replace(areas=(area,)),
        s._replace(areas=(area._replace(device=file.device),)),
    )
    assert judge(elsewhere).outcome == judge(s).outcome
    assert judge(here).active is None
    assert "area-active" in {u.rule_id for u in judge(here).outcome.undecided}
    assert load(dump(elsewhere), "facts") == elsewhere
