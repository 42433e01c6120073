"""Paths survive the shell byte by byte, and never reach a terminal raw."""

import os
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.text import quoted, shown

NAMES = st.binary(min_size=1, max_size=24).filter(lambda raw: 0 not in raw)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NASTY = [
    b"-x",
    b"--",
    b"~",
    b"~root",
    b"$(reboot)",
    b"`reboot`",
    b"'",
    b"\\",
    b"\\'",
    b"'\\''\n",
    b"\n",
    b"a\n",
    b"\x01\xff1",
    b"\x1b]0;title\x07",
    b"\x7fa\x7f0",
    "\N{RIGHT-TO-LEFT OVERRIDE}fdp".encode(),
    "\N{LATIN SMALL LETTER E WITH ACUTE}\n".encode(),
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"!!",
    b"*?[a]{1,2}",
    b"a b",
    b"#x",
    b"=ls",
    b"%s%n",
    bytes(range(1, 256)),
]


def through_bash(names: list[bytes]) -> list[bytes]:
    """What a program gets as its arguments when bash reads the quoted names."""
    words = " ".join(quoted(os.fsdecode(name)) for name in names)
    script = f"printf '%s\\0' {words}".encode("utf-8", "surrogateescape")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-s"],
        input=script,
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


def as_path(name: bytes) -> bytes:
    """A leading dash is made to look like a path: the same file, and no option."""
    return b"./" + name if name.startswith(b"-") else name


@pytest.mark.needs("tool bash")
@given(st.lists(NAMES | TEXTS.map(os.fsencode), min_size=1, max_size=12))
def test_a_shell_reads_any_quoted_name_as_its_bytes(names: list[bytes]) -> None:
    assert through_bash(names) == [as_path(name) for name in names]


@pytest.mark.needs("tool bash")
def test_a_shell_reads_nasty_names_as_their_bytes() -> None:
    assert through_bash(NASTY) == [as_path(name) for name in NASTY]


@pytest.mark.needs("tool bash")
def test_a_shell_reads_every_byte_next_to_every_digit() -> None:
    """An escape must not swallow the hexadecimal digit that follows it."""
    names = [bytes([byte]) + digit for byte in range(1, 256) for digit in (b"0", b"f", b"G", b"")]
    assert through_bash(names) == [as_path(name) for name in names]


@given(NAMES.map(os.fsdecode) | TEXTS)
def test_what_is_shown_or_quoted_prints_on_one_line(name: str) -> None:
    for text in (shown(name), quoted(name)):
        assert text.isprintable()
        text.encode()


@given(TEXTS)
def test_a_printable_path_is_shown_as_it_is(name: str) -> None:
    assert (shown(name) == name) == name.isprintable()


@pytest.mark.parametrize("name", ["/swapfile", "/data/swap-file_1.img", "swapfile", "a@b:c,d+e"])
def test_a_plain_path_needs_no_quotes(name: str) -> None:
    assert quoted(name) == name == shown(name)


@given(TEXTS)
def test_a_printable_path_is_quoted_for_any_posix_shell(name: str) -> None:
    if name.isprintable():
        assert shlex.split(quoted(name)) == [os.fsdecode(as_path(os.fsencode(name)))]


def test_an_empty_path_stays_an_argument() -> None:
    assert shlex.split(quoted("")) == [""]
