"""Paths and unit names agree with systemd-escape(1), both ways."""

import os
import random
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.systemd.escape import escape_path, unit_name

NAMES = 10_000
BATCH = 500
PIECES = (
    *("var", "swap", "swapfile", "my-swap file", "-", "--", ".", ".hidden", "...", "a.b", "x\\x2d"),
    *(
        "\\",
        "\\x",
        "%",
        "%i",
        "@",
        "a@b",
        ":",
        "_",
        "'",
        '"',
        "$HOME",
        "*",
        "~",
        "#",
        ";",
        "=",
        "+",
    ),
    *("\u00e4", "\u65e5\u672c", "\U0001f980", "e\u0301", "\u00a0", "\udcff", "\udc80x", "\udcc3"),
    *("tab\there", "line\nbreak", "\r", "\x01", "\x7f", " lead", "trail ", "0", "Z"),
)


def paths() -> list[str]:
    """As many different absolute paths; the same ones in every run."""
    chance = random.Random(5)
    found = dict[str, None]()
    while len(found) < NAMES:
        parts = [
            "".join(chance.choices(PIECES, k=chance.randint(1, 3)))
            for _ in range(chance.randint(1, 4))
        ]
        parts = [part if part != ".." else "x.." for part in parts]
        joint = chance.choice(("/", "/", "//", "/./", "///"))
        end = chance.choice(("", "", "", "/", "//", "/."))
        found[chance.choice(("/", "/", "//")) + joint.join(parts) + end] = None
    return list(found)


def systemd_escape(*arguments: str) -> list[bytes]:
    """What it prints for all arguments; it puts a blank between them."""
    done = subprocess.run(
        [b"systemd-escape", *map(os.fsencode, arguments)], capture_output=True, check=True
    )
    return done.stdout.removesuffix(b"\n").split(b" ")


def plain(path: str) -> bytes:
    """The path without empty components and dots."""
    parts = os.fsencode(path).split(b"/")
    return b"/" + b"/".join(part for part in parts if part not in (b"", b"."))


@pytest.mark.needs("tool systemd-escape")
def test_names_are_those_of_systemd_escape() -> None:
    every = paths()
    assert len(set(every)) == NAMES
    for start in range(0, NAMES, BATCH):
        batch = every[start : start + BATCH]
        theirs = systemd_escape("--path", "--", *batch)
        ours = [os.fsencode(escape_path(path)) for path in batch]
        assert ours == theirs


@pytest.mark.needs("tool systemd-escape")
def test_systemd_finds_the_path_again() -> None:
    """Unescaped paths may have blanks, which also lie between them: compared as a whole."""
    every = paths()
    for start in range(0, NAMES, BATCH):
        batch = every[start : start + BATCH]
        names = [escape_path(path) for path in batch]
        theirs = b" ".join(systemd_escape("--unescape", "--path", "--", *names))
        assert theirs == b" ".join(map(plain, batch))


@pytest.mark.needs("tool systemd-escape")
@pytest.mark.parametrize("path", ["/", "//", "/.", "/var/swap/my-swap file", "/.swap"])
def test_whole_names(path: str) -> None:
    assert [os.fsencode(unit_name(path, "swap"))] == systemd_escape("--path", "--suffix=swap", path)
    instance = systemd_escape("--path", "--template=swapctl-prepare@.service", path)
    assert [os.fsencode(unit_name(path, "service", "swapctl-prepare"))] == instance


COMPONENT = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, 0x2F} & set(name) and name not in (b".", b"..")
)


@given(st.lists(COMPONENT, min_size=1, max_size=5))
def test_any_name_is_plain(components: list[bytes]) -> None:
    name = escape_path(os.fsdecode(b"/" + b"/".join(components)))
    assert re.fullmatch(r"[A-Za-z0-9:_.\\-]+", name)
    assert not name.startswith(".")


@pytest.mark.needs("tool systemd-escape")
@pytest.mark.parametrize("path", ["/a/../b", "/..", "/a/.."])
def test_no_unit_for_the_parent(path: str) -> None:
    with pytest.raises(SwapctlError) as refused:
        escape_path(path)
    assert refused.value.code == ExitCode.USAGE
    with pytest.raises(subprocess.CalledProcessError):
        systemd_escape("--path", "--", path)
