"""Commands whose standard streams are closed, full or gone, that have no /proc, or no rights."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl import __version__
from tests.kernel.loopfs import FILESYSTEMS, make
from tests.unit.test_cli import COMMAND, check_output, document, facts, swapctl

REFUSED = ("check", "--facts", facts("btrfs-cow-compressed-holes"))
# Arguments and the code that they have when all goes well.
PRINTING: dict[str, tuple[tuple[str, ...], int]] = {
    "text": (REFUSED, 1),
    "json": ((*REFUSED, "--json"), 1),
    "nagios": ((*REFUSED, "--format", "nagios"), 2),
    "path": (("check", "/"), 1),
    "facts": (("facts", "/"), 0),
    "explain": (("explain",), 0),
    "status": (("status",), 0),
    "help": (("--help",), 0),
    "no-command": ((), 0),
    "command-help": (("check", "--help"), 0),
    "version": (("--version",), 0),
}


@pytest.mark.parametrize("name", PRINTING)
def test_a_reader_that_went_away_is_no_error(name: str) -> None:
    """As in `swapctl explain | head -1`."""
    arguments, code = PRINTING[name]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = swapctl(*arguments, stdout=stdout, code=code)
    assert done.stderr == b""


def test_head_takes_one_line() -> None:
    with subprocess.Popen([*COMMAND, "explain"], stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        done = subprocess.run(["head", "-1"], stdin=ours.stdout, capture_output=True, check=True)
        ours.stdout.close()
    assert ours.returncode == 0
    assert done.stdout == b"refused\n"


@pytest.mark.parametrize("name", PRINTING)
def test_a_full_device_is_an_error(name: str) -> None:
    arguments, _ = PRINTING[name]
    with open("/dev/full", "wb") as stdout:
        done = swapctl(*arguments, stdout=stdout, code=4)
    assert done.stderr == b"swapctl: cannot write to standard output: No space left on device\n"


def test_an_error_that_cannot_be_printed_keeps_its_code() -> None:
    with open("/dev/full", "wb") as stdout:
        done = swapctl("check", "--json", stdout=stdout, code=2)
    assert len(done.stderr.splitlines()) == 1


def closed(*descriptors: int) -> Callable[[], None]:
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@pytest.mark.parametrize("name", ["text", "json", "explain", "status", "help", "version"])
@pytest.mark.parametrize("descriptors", [(1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams_change_no_code(name: str, descriptors: tuple[int, ...]) -> None:
    arguments, code = PRINTING[name]
    done = swapctl(*arguments, code=code, preexec=closed(*descriptors))
    assert done.stderr == b""
    assert bool(done.stdout) == (1 not in descriptors)


@pytest.mark.parametrize("descriptors", [(1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("arguments", [("check",), ("frobnicate",)], ids=str)
def test_misuse_with_closed_streams(
    arguments: tuple[str, ...], descriptors: tuple[int, ...]
) -> None:
    swapctl(*arguments, code=2, preexec=closed(*descriptors))
    swapctl(*arguments, "--json", code=2, preexec=closed(*descriptors))


def test_facts_from_a_closed_stdin_is_misuse() -> None:
    swapctl("check", "--facts", "-", code=2, preexec=closed(0))


WITHOUT_PROC = """
import subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/proc"], check=True)
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


@pytest.mark.needs("CAP_SYS_ADMIN", "tool unshare", "tool mount")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("check",), 3), (("check", "--json"), 3), (("facts",), 0), (("check", "--format=nagios"), 3)],
    ids=str,
)
def test_without_proc_the_answer_is_open(
    arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    file = tmp_path / "swapfile"
    file.write_bytes(bytes(65536))
    file.chmod(0o600)
    outer = ["unshare", "-m", sys.executable, "-c", WITHOUT_PROC]
    done = subprocess.run(
        [*outer, *COMMAND, *arguments, str(file)], capture_output=True, check=False
    )
    check_output(done.stdout, done.stderr)
    if "--format=nagios" not in arguments and code:
        assert b"header-missing" in done.stdout
        code = 1  # that there is no header is known without /proc, and decides
    elif code:
        code = 2
    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.needs("CAP_SYS_ADMIN", "tool unshare", "tool mount")
@pytest.mark.parametrize("arguments", [("status",), ("-l",), ("explain",), ("--version",)], ids=str)
def test_other_commands_survive_without_proc(arguments: tuple[str, ...]) -> None:
    outer = ["unshare", "-m", sys.executable, "-c", WITHOUT_PROC]
    done = subprocess.run([*outer, *COMMAND, *arguments], capture_output=True, check=False)
    check_output(done.stdout, done.stderr)
    assert done.returncode in (0, 3, 4)


# The command runs once before the identity changes, into nothing, so that all of its modules are
# loaded: the interpreter may be readable to root only.
AS_USER = """
import difflib, json, os, shlex, sys, textwrap
from swapctl.entry import guarded, main
saved = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
guarded(sys.argv[1:])
os.dup2(saved, 1)
os.setgroups([])
os.setresgid(0, 0, 0)
os.setresuid(65534, 65534, 65534)
main()
"""


def as_user(*arguments: str) -> tuple[int, bytes]:
    """A command as an ordinary user of root's group, who can so read what is rw-r-----."""
    done = subprocess.run(
        [sys.executable, "-c", AS_USER, *arguments], capture_output=True, check=False
    )
    check_output(done.stdout, done.stderr)
    return done.returncode, done.stdout


@pytest.fixture
def swapfile() -> Iterator[Path]:
    """A good one, on ext4, in a directory that everybody may enter."""
    with ExitStack() as undo:
        above = Path(tempfile.mkdtemp(prefix="swapctl-test-"))
        undo.callback(shutil.rmtree, above)
        above.chmod(0o755)
        (ext4,) = (row for row in FILESYSTEMS if row.name == "ext4")
        mounted = make(ext4, above / "scratch", above, undo)
        path = mounted.path / "swapfile"
        swapctl("prepare", str(path), "--size", "1M", "-q")
        yield path


@pytest.mark.kernel
@pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool mkfs.ext4")
def test_an_ordinary_user_gets_an_open_answer_about_a_good_file(swapfile: Path) -> None:
    """Whether the file can be read or not: only root can activate it."""
    swapctl("check", "--strict", str(swapfile))
    for mode in (0o600, 0o640):
        swapfile.chmod(mode)
        code, out = as_user("check", "--json", str(swapfile))
        (target,) = json.loads(out)["targets"]
        assert (code, target["verdict"], target["swapon"]["accepts"]) == (3, "undecided", None)
        lacking = {u["lacks"] for u in target["undecided"]}
        assert "CAP_SYS_ADMIN" in lacking
        assert ("contents" in lacking) == (mode == 0o600)
        worse = [f for f in target["findings"] if f["severity"] != "note"]
        assert worse == [] or mode == 0o640
        assert any("loop" in lack for lack in lacking)
    assert as_user("check", str(swapfile), str(swapfile.parent / "nothing"))[0] == 1
    swapfile.chmod(0o666)
    assert as_user("check", "-q", str(swapfile)) == (1, b"")


@pytest.mark.needs("CAP_SYS_ADMIN")
def test_an_ordinary_user_cannot_look_into_a_closed_directory(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRWXU)
    code, out = as_user("check", str(tmp_path / "swapfile"))
    assert code == 3
    assert b"undecided" in out


def test_a_module_run_is_the_program() -> None:
    assert document("explain", "file-holes", "--json")["swapctl"] == __version__
