"""The plain forms go past the option parser and say the same as through it."""

import subprocess
import sys
from pathlib import Path

import pytest

from swapctl.entry import is_plain


def run(*arguments: str) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "swapctl", *arguments], capture_output=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["swapfile", "a b", "missing"])
def test_check_says_the_same_both_ways(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name != "missing":
        path.write_bytes(bytes(65536))
    assert is_plain(["check", str(path)])
    assert run("check", str(path)) == run("check", "--format", "text", str(path))


def test_status_of_what_is_no_area_says_the_same_both_ways(tmp_path: Path) -> None:
    path = str(tmp_path)
    assert is_plain(["status", path])
    assert run("status", path) == run("status", "--format", "text", path)


@pytest.mark.parametrize(
    "arguments",
    [[], ["check"], ["check", "-q", "x"], ["check", "x", "--json"], ["--help"], ["on", "x"]],
)
def test_all_else_goes_through_the_parser(arguments: list[str]) -> None:
    assert not is_plain(arguments)


def test_a_library_that_is_missing_is_named() -> None:
    # -S: without what is installed for this Python, the option parser among it.
    words = [sys.executable, "-S", "-m", "swapctl", "explain"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("swapctl: this needs the Python library click, which is not")
