"""Formatting, types, shell scripts and manual pages; README against `--help`."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRUNED = {".git", ".venv", "build", "dist", "__pycache__"}
COMMANDS = (
    *("check", "explain", "facts", "prepare", "on", "off", "enable", "disable"),
    *("status", "prove", "monitor"),
)
SHELL = re.compile(rb"#!\s*/\S*(/env\s+)?\b(ba)?sh\b")
MANUALS = sorted(ROOT.glob("man/*.[1-9]"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A command at the root of the tree, in the C locale, with its output."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_silent(*command: str) -> None:
    """Fail with what the command says, if it says anything or fails."""
    done = run(*command)
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr


def assert_success(*command: str) -> None:
    """Fail with what the command says, if it fails."""
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def shell_scripts() -> list[str]:
    """All files of the tree that start with the `#!` of a shell."""
    found = []
    for directory, subdirectories, names in os.walk(ROOT):
        subdirectories[:] = sorted(set(subdirectories) - PRUNED)
        for name in sorted(names):
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if SHELL.match(file.readline(128)):
                        found.append(str(path.relative_to(ROOT)))
    return found


@cache
def help_text(*command: str) -> str:
    """What `swapctl COMMAND --help` prints."""
    done = run(sys.executable, "-m", "swapctl", *command, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ruff_check() -> None:
    assert_success(sys.executable, "-m", "ruff", "check", ".")


def test_ruff_format() -> None:
    assert_success(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_mypy() -> None:
    assert_success(sys.executable, "-m", "mypy")


@pytest.mark.needs("tool shellcheck")
@pytest.mark.parametrize("script", shell_scripts())
def test_shellcheck(script: str) -> None:
    assert_silent("shellcheck", script)


@pytest.mark.parametrize("script", shell_scripts())
def test_scripts_are_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.needs("tool mandoc")
@pytest.mark.parametrize("page", MANUALS, ids=lambda page: page.name)
def test_mandoc(page: Path) -> None:
    assert_silent("mandoc", "-T", "lint", "-W", "warning", str(page))


@pytest.mark.needs("tool groff")
@pytest.mark.parametrize("page", MANUALS, ids=lambda page: page.name)
def test_groff(page: Path) -> None:
    assert_silent("groff", "-mandoc", "-wall", "-z", "-T", "utf8", str(page))


def test_help_lists_the_commands() -> None:
    listed = re.findall(r"^ +([a-z][a-z-]*) {2,}\S", help_text(), re.MULTILINE)
    assert set(listed) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_mentions_the_command(command: str) -> None:
    assert f"swapctl {command}" in (ROOT / "README.md").read_text(encoding="utf-8")
