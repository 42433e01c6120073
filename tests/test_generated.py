"""Files that are made from the program: none is stale, and their text survives the formatter."""

import re
import string
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generate import mdoc
from generate.outputs import ROOT, outputs
from swapctl.rules.catalogue import ALL_RULES
from tests.test_linters import run

WORDS = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=20)


@pytest.mark.parametrize("name", outputs())
def test_not_stale(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == outputs()[name], "run: make generate"


def printed(formatter: list[str], page: str) -> str:
    """What people read, without overstriking."""
    done = subprocess.run(formatter, input=page, capture_output=True, text=True, check=True)
    return re.sub(".\b", "", done.stdout)


FORMATTERS = [
    pytest.param(["mandoc", "-T", "ascii"], marks=pytest.mark.needs("tool mandoc")),
    pytest.param(
        ["groff", "-P", "-c", "-m", "mandoc", "-T", "ascii", "-r", "LL=2000n"],
        marks=pytest.mark.needs("tool groff"),
    ),
]


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_page_has_all_of_every_rule(formatter: list[str]) -> None:
    """The name with dashes that can be copied, the severity and all of the documentation."""
    page = (ROOT / "man/swapctl-rules.7").read_text(encoding="utf-8")
    text = "".join(printed(formatter, page).split())
    wanted = {r.id: "".join(f"{r.id} ({r.severity}) {r.text}".split()) for r in ALL_RULES}
    missing = [name for name, documentation in wanted.items() if documentation not in text]
    assert missing == []


@pytest.mark.parametrize("formatter", FORMATTERS)
@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(WORDS, min_size=1, max_size=12))
@example([".Sh", "'quoted'", "\\fB", "--option", "-x", "open(2),", "f()", "a. B", ".", "\\"])
def test_prose_survives(formatter: list[str], words: list[str]) -> None:
    body = "\n".join(mdoc.prose(" ".join(words)))
    page = f".Dd January 1, 2026\n.Dt X 7\n.Os\n.Sh NAME\n.Nm x\n.Nd y\n.Sh DESCRIPTION\n{body}\n"
    text = printed(formatter, page).partition("DESCRIPTION")[2].rpartition("January")[0]
    # A formatter may break lines behind a dash.
    wanted = "".join(words).replace(" ", "")
    assert "".join(text.split()).startswith(wanted), text


@pytest.mark.needs("tool lexgrog")
@pytest.mark.parametrize("page", sorted(p.name for p in ROOT.glob("man/*.[1-9]")))
def test_lexgrog(page: str) -> None:
    """What apropos will list."""
    done = run("lexgrog", f"man/{page}")
    assert done.returncode == 0, done.stdout
    assert f'"{page.rpartition(".")[0]} - ' in done.stdout
