"""swapctl.conf: its lines agree with configparser, its values are checked, files lie in layers."""

import configparser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.conf.ini import assignments
from swapctl.conf.settings import KEYS, Configuration, Settings, merge, parse, settings
from swapctl.errors import ExitCode, SwapctlError
from swapctl.units import AutoSize, RamSize

ROOT = Path(__file__).parents[2]
FULL = """\
# a comment
; another

[/var/swap/my swap]
size = 8G
max-share=25%
 fs =  xfs
method = write
label = a = b
reserve = 0
priority = 5
discard = once
nofail = no
"""
# What is written for each key, in its order, and what it means.
VALUES = [
    ("size", {"8G": 2**33, "50%RAM": RamSize(0.5), "auto": AutoSize()}, ("8Q", "-1", "0", "8 G")),
    ("max-share", {"25%": 0.25, "100%": 1.0}, ("0%", "101%", "25", "x%")),
    ("fs", {"xfs": "xfs", "fuse.x-y_z": "fuse.x-y_z"}, ("a b", "../x", "\u00e4")),
    ("method", {"auto": "auto", "write-zeroes": "write-zeroes"}, ("fast", "Write")),
    (
        "label",
        {"swap 1": "swap 1", "sixteen bytes...": "sixteen bytes..."},
        ("x" * 17, "\u00e4" * 9),
    ),
    ("reserve", {"5%": 0.05, "0": 0, "1G": 2**30}, ("5%%", "101%", "x")),
    ("priority", {"0": 0, "32767": 32767}, ("32768", "-1", "+1", "\u0661", "1.0", "9" * 5000)),
    ("discard", {"once": "once", "both": "both"}, ("yes", "ONCE")),
    ("nofail", {"yes": True, "Off": False, "1": True, "FALSE": False}, ("y", "2", "nofail")),
]


def one(text: str) -> Settings:
    return settings(merge([parse(text, "f")]).sections["/s"])


def refusal(text: str) -> SwapctlError:
    with pytest.raises(SwapctlError) as raised:
        parse(text, "/etc/swapctl.conf")
    assert (raised.value.code, raised.value.path) == (ExitCode.USAGE, "/etc/swapctl.conf")
    return raised.value


def test_all_keys() -> None:
    found = parse(FULL, "f")
    assert found.warnings == ()
    assert settings(found.sections["/var/swap/my swap"]) == Settings(
        2**33, 0.25, "xfs", "write", "a = b", 0, 5, "once", False
    )


def test_every_key_is_tested() -> None:
    assert [key for key, _, _ in VALUES] == list(KEYS)
    assert [key.replace("-", "_") for key in KEYS] == list(Settings._fields)


@pytest.mark.parametrize(("key", "good", "_"), VALUES)
def test_good_values(key: str, good: dict[str, object], _: tuple[str, ...]) -> None:
    for text, meaning in good.items():
        assert getattr(one(f"[/s]\n{key} = {text}\n"), key.replace("-", "_")) == meaning


@pytest.mark.parametrize(
    ("key", "bad"), [(key, text) for key, _, bad in VALUES for text in bad], ids=lambda x: x[:20]
)
def test_bad_values_name_the_line(key: str, bad: str) -> None:
    message = refusal(f"[/s]\n\n{key} = {bad}\n").message
    assert message.startswith(f"line 3: {key}: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("size = 1G", 1),
        ("[/s]\nsize", 2),
        ("[/s]\n= 1G", 2),
        ("[/s]\nsize: 1G", 2),
        ("[/s\n", 1),
        ("[]", 1),
        ("[/s] # comment", 1),
        ("[/s]\nsize = 1G\nsize = 1G", 3),
        ("[/s]\n[/t]\n[/s]", 3),
        ("\n[/s/]", 2),
        ("[/]", 1),
        ("[s/t]", 1),
        ("[/s/../t]", 1),
        ("[//s]", 1),
        ("[/s/./t]", 1),
        ("[/s]\nsize = \0", 2),
    ],
)
def test_what_is_no_such_file_names_the_line(text: str, line: int) -> None:
    assert refusal(text).message.startswith(f"line {line}: ")


def test_unknown_names_are_ignored_with_a_warning() -> None:
    found = parse("[General]\nsize = nonsense\n[/s]\nSize = 1G\ncolour = red\nsize = 2G", "f")
    assert found.warnings == (
        "f: line 1: unknown section [General], ignored",
        "f: line 4: unknown key Size, ignored",
        "f: line 5: unknown key colour, ignored",
    )
    assert settings(found.sections["/s"]) == Settings(size=2**31)


def test_later_files_win_key_by_key() -> None:
    first = parse("[/s]\nsize = 1G\npriority = 1\nlabel = x\n[/t]\nsize = 1G", "a")
    second = parse("[/s]\nsize = 2G\nlabel =\n[/u]", "b")
    found = merge([first, second]).sections
    assert settings(found["/s"]) == Settings(size=2**31, priority=1)
    assert found["/s"]["size"] == ("2G", "b", 2)
    assert list(found) == ["/s", "/t", "/u"]
    assert merge([]) == Configuration({}, ())


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["[/a]", "[/b]", "[x]", "size = 1G", "size=", "label = [x]", "# c", ";", ""]
        ),
        st.sampled_from(["priority = 7", "a=b=c", "nofail = no", "= x", "[", "]", "[]", "[/a] x"]),
        st.text(alphabet="[]=#;/ab \t\u00e4\udcff", max_size=10),
        st.text(max_size=10),
    ),
    max_size=12,
).map("\n".join)


@given(TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = merge([parse(text, "f")])
    except SwapctlError as error:
        assert error.code == ExitCode.USAGE
        assert error.message.startswith("line ")
        return
    for section in found.sections.values():
        settings(section)


WITNESSED = st.lists(
    st.sampled_from(
        [
            *(
                "[/a]",
                "[/b]",
                "[x y]",
                "[a]b]",
                "size = 1G",
                "size=2",
                "k =",
                "k = a = b",
                "",
                "# c",
            ),
            *("; c = d", "  # indented", "no equals", "= x", "[/a", "label =  [x]  ", "%(x)s = %d"),
        ]
    ),
    max_size=10,
).map("\n".join)


@given(WITNESSED)
def test_configparser_agrees(text: str) -> None:
    """It refuses the same texts, and finds the same values in the others."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=True, delimiters=("=",), default_section="\0"
    )
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    try:
        parser.read_string(text)
    except configparser.Error:
        with pytest.raises(SwapctlError):
            list(assignments(text, "f"))
        return
    theirs = {(s, key, value) for s in parser.sections() for key, value in parser[s].items()}
    found = list(assignments(text, "f"))
    assert {(a.section, a.key, a.value) for a in found if a.key} == theirs
    assert [a.section for a in found if not a.key] == parser.sections()
    for a in found:
        assert a.key in text.split("\n")[a.line - 1]


def test_the_example() -> None:
    """The documentation's example says what it shows, with every key in it."""
    path = ROOT / "docs" / "swapctl.conf.example"
    text = path.read_text(encoding="utf-8")
    live = "\n".join(
        line[1:] if line.startswith(("#[", *(f"#{key} =" for key in KEYS))) else line
        for line in text.split("\n")
    )
    assert parse(text, str(path)) == Configuration({}, ())
    found = parse(live, str(path))
    assert found.warnings == ()
    assert {key for section in found.sections.values() for key in section} == set(KEYS)
