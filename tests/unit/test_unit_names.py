"""Paths and unit names agree with systemd-escape(1), both ways."""

import os
import random
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.systemd.escape import MAX_NAME, escape_path, unescape_path, unit_name

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
    """Absolute and relative paths; the same ones in every run."""
    chance = random.Random(5)
    found = []
    for _ in range(NAMES):
        parts = [
            "".join(chance.choices(PIECES, k=chance.randint(1, 3)))
            for _ in range(chance.randint(1, 4))
        ]
        parts = [part if part != ".." else "x.." for part in parts]
        joint = chance.choice(("/", "/", "//", "/./", "///"))
        end = chance.choice(("", "", "", "/", "//", "/."))
        found.append(chance.choice(("/", "/", "//")) + joint.join(parts) + end)
    return found


def systemd_escape(*arguments: str) -> list[bytes]:
    """What it prints for all arguments; it puts a blank between them."""
    done = subprocess.run(
        [b"systemd-escape", *map(os.fsencode, arguments)], capture_output=True, check=True
    )
    return done.stdout.removesuffix(b"\n").split(b" ")


@pytest.mark.needs("tool systemd-escape")
def test_names_are_those_of_systemd_escape() -> None:
    every = paths()
    assert len(every) == NAMES
    for start in range(0, NAMES, BATCH):
        batch = every[start : start + BATCH]
        theirs = systemd_escape("--path", "--", *batch)
        ours = [os.fsencode(escape_path(path)) for path in batch]
        assert ours == theirs


@pytest.mark.needs("tool systemd-escape")
def test_paths_are_those_of_systemd_escape() -> None:
    """Unescaped paths may have blanks, which also lie between them: compared as a whole."""
    names = [escape_path(path) for path in paths()]
    for start in range(0, NAMES, BATCH):
        batch = names[start : start + BATCH]
        theirs = b" ".join(systemd_escape("--unescape", "--path", "--", *batch))
        assert b" ".join(os.fsencode(unescape_path(name)) for name in batch) == theirs


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
def test_any_path_survives(components: list[bytes]) -> None:
    path = os.fsdecode(b"/" + b"/".join(components))
    name = escape_path(path)
    assert name.isascii()
    assert unescape_path(name) == path


@given(st.text(alphabet="ab-\\x02ef./\x00\u00e4\udcff", max_size=12))
def test_any_name_is_a_path_or_refused(name: str) -> None:
    try:
        path = unescape_path(name)
    except ValueError:
        return
    assert unescape_path(escape_path(path)) == path


@pytest.mark.needs("tool systemd-escape")
@pytest.mark.parametrize("name", ["", "a--b", "-a", "a-", "\\", "\\x2", "\\x", "a-\\x2e"])
def test_refused_like_systemd_escape(name: str) -> None:
    with pytest.raises(ValueError):
        unescape_path(name)
    with pytest.raises(subprocess.CalledProcessError):
        systemd_escape("--unescape", "--path", "--", name)


@pytest.mark.needs("tool systemd-escape")
@pytest.mark.parametrize("path", ["/a/../b", "/..", "/a/.."])
def test_no_unit_for_the_parent(path: str) -> None:
    with pytest.raises(SwapctlError) as refused:
        escape_path(path)
    assert refused.value.code == ExitCode.USAGE
    with pytest.raises(subprocess.CalledProcessError):
        systemd_escape("--path", "--", path)


def test_no_path_has_a_nul() -> None:
    """systemd-escape goes on with what stands before it, which is another path."""
    with pytest.raises(ValueError):
        unescape_path("a\\x00b")


def test_too_long_for_a_unit() -> None:
    most = "/" + "a" * (MAX_NAME - len(".swap"))
    assert len(unit_name(most, "swap")) == MAX_NAME
    with pytest.raises(SwapctlError, match="too long"):
        unit_name(f"{most}a", "swap")
    with pytest.raises(SwapctlError, match="too long"):
        unit_name(most, "service", "swapctl-prepare")
