"""Which files count, in the order of systemd's own tools, and which are refused."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from swapctl.conf.files import DIRECTORIES, DROP_INS, NAME, Owned, refuse_foreign
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import Ancestor
from swapctl.gather.configuration import sources

TREES = 60
NAMES = ("10-a.conf", "20-b.conf", "a.conf", "Z.conf", "\u00e4.conf", ".x.conf", "note", "9.conf")


def fill(root: Path, chance: random.Random) -> None:
    """A tree with some of the files, each with a line of its own, some masked."""
    for directory in DIRECTORIES:
        above = root / directory[1:]
        (above / DROP_INS).mkdir(parents=True)
        for path in (above / NAME, *(above / DROP_INS / name for name in NAMES)):
            kind = chance.choice(("none", "none", "file", "file", "file", "mask", "empty"))
            if kind == "mask" and path.name != NAME:
                path.symlink_to("/dev/null")
            elif kind in ("file", "empty"):
                path.write_text(f"[{path}]\n" if kind == "file" else "")


@pytest.mark.needs("tool systemd-analyze")
def test_files_are_those_of_systemd(tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(TREES):
        root = tmp_path / str(number)
        fill(root, chance)
        done = subprocess.run(
            ["systemd-analyze", "cat-config", f"--root={root}", NAME],
            capture_output=True,
            text=True,
            check=False,
        )
        theirs = [line for line in done.stdout.splitlines() if line.startswith("[")]
        ours = [source.text.strip() for source in sources(str(root)) if source.text]
        assert ours == theirs


def tree(root: Path, text: str = "[/s]\n") -> Path:
    path = root / "etc" / NAME
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def refused(root: Path) -> SwapctlError:
    with pytest.raises(SwapctlError) as raised:
        sources(str(root))
    return raised.value


def test_no_files(tmp_path: Path) -> None:
    assert sources(str(tmp_path)) == []


def test_a_masked_main_file(tmp_path: Path) -> None:
    path = tree(tmp_path)
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    path.rename(tmp_path / "usr" / "lib" / NAME)
    assert [source.text for source in sources(str(tmp_path))] == ["[/s]\n"]
    path.symlink_to("/dev/null")
    assert sources(str(tmp_path)) == []


@pytest.mark.parametrize("mode", [0o664, 0o602, 0o666])
def test_a_file_that_others_can_write(tmp_path: Path, mode: int) -> None:
    path = tree(tmp_path)
    path.chmod(mode)
    if mode == 0o664 and path.stat().st_gid == 0:
        assert sources(str(tmp_path))
        return
    error = refused(tmp_path)
    assert (error.code, error.path) == (ExitCode.FINDINGS, str(path))
    assert str(path) in error.message


def test_a_directory_that_others_can_write(tmp_path: Path) -> None:
    path = tree(tmp_path)
    path.parent.chmod(0o777)
    assert str(path.parent) in refused(tmp_path).message


def owned(mode: int = 0o644, uid: int = 0, above: tuple[int, int] = (0o755, 0)) -> Owned:
    root = Ancestor("/", 0o755, 0, 0, (), False)
    etc = Ancestor("/etc", above[0], above[1], 5, (), False)
    return Owned("/etc/f", mode, uid, 5, (), (root, etc))


@pytest.mark.parametrize(
    "file",
    [owned(), owned(uid=7), owned(above=(0o755, 7)), owned(0o600), owned(above=(0o1777, 0))],
)
def test_root_and_the_caller_are_trusted(file: Owned) -> None:
    refuse_foreign(file, 7)


@pytest.mark.parametrize(
    "file",
    [
        owned(0o646),
        owned(0o664),
        owned(uid=8),
        owned(above=(0o755, 8)),
        owned(above=(0o775, 0)),
        owned(above=(0o757, 0)),
        owned(0o1646),
    ],
)
def test_nobody_else_is(file: Owned) -> None:
    with pytest.raises(SwapctlError, match="others can write"):
        refuse_foreign(file, 7)


def test_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    path = tree(root)
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    assert "out of" in refused(root).message


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tree(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert "no file" in refused(tmp_path).message
