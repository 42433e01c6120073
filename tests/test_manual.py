"""swapctl(8) against the program: options, their fixed values and exit codes, both ways."""

import re
from functools import cache

import pytest

from swapctl.errors import ExitCode
from tests.test_linters import COMMANDS, ROOT, help_text, run

pytestmark = pytest.mark.needs("tool mandoc")
LONG = r"(?<![\w-])--[a-z][a-z-]*"
SHORT = r"(?<![\w-])-[a-z](?![\w-])"


@cache
def manual() -> str:
    """The page as people read it, without overstriking."""
    done = run("mandoc", "-T", "utf8", "-O", "width=100", "man/swapctl.8")
    assert done.returncode == 0, done.stderr
    return re.sub(".\b", "", done.stdout).replace("\N{MINUS SIGN}", "-")


def section(title: str) -> str:
    found = re.search(rf"^{title}\n(.*?)(?=^\S)", manual(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def subsection(command: str) -> str:
    """What the page says below the command's own heading."""
    found = re.search(rf"^   {command}\n(.*?)(?=^ {{0,3}}\S)", manual(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def synopsis(command: str) -> str:
    """The command's lines in the synopsis, [-qv] written as -q -v."""
    lines = re.findall(
        rf"swapctl {command}\b(.*?)(?=\n +swapctl|\Z)", section("SYNOPSIS"), re.DOTALL
    )
    apart = re.compile(r"\[-([a-z]+)\]")
    return apart.sub(lambda m: " ".join(f"-{letter}" for letter in m[1]), " ".join(lines))


def options(text: str) -> set[str]:
    return set(re.findall(LONG, text)) | set(re.findall(SHORT, text))


def offered(command: str) -> set[str]:
    """The options in the table of --help, not those that its sentences mention."""
    table = help_text(*command.split()).partition("\nOptions:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  (-\S.*?)(?:  |$)", table, re.MULTILINE)
    return options(" ".join(names))


def tags(command: str) -> str:
    """The terms that the command's section explains, without the explanations."""
    return " ".join(re.findall(r"^ {5}(-.*?)(?: {2}|$)", subsection(command), re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_commands(command: str) -> None:
    """-h is documented once for all of them."""
    documented = options(tags(command) + " " + synopsis(command))
    wanted = offered(command) - {"-h", "--help"}
    assert wanted - documented == set()
    assert documented - wanted == set()


def test_no_option_is_mentioned_that_the_program_lacks() -> None:
    everything = offered("").union(*map(offered, COMMANDS))
    # jq's, in an example.
    assert options(manual()) - options(section("SYNOPSIS")) - {"-r"} <= everything
    mentioned = set(re.findall(r"\\[-[a-z]+\\]", section("SYNOPSIS")))
    assert {f"-{letter}" for one in mentioned for letter in one[2:-1]} <= everything


@pytest.mark.parametrize("command", COMMANDS)
def test_synopsis_has_every_option(command: str) -> None:
    """--json stands for --format json."""
    short_forms = {"--json", "-h", "--help", "--quiet", "--verbose", "--dry-run"}
    wanted = offered(command) - short_forms
    assert wanted - options(synopsis(command)) == set()


def test_options_before_commands() -> None:
    general = section("COMMANDS").partition("The following options")[0]
    assert options(general) == offered("")
    assert offered("") <= options(section("SYNOPSIS"))


@pytest.mark.parametrize("command", COMMANDS)
def test_fixed_values(command: str) -> None:
    """Where the page lists the values of an option, it lists all and no others."""
    pattern = rf"({LONG}) ((?:[a-z-]+ \| )+[a-z-]+)"
    listed = {o: set(words.split(" | ")) for o, words in re.findall(pattern, subsection(command))}
    choices = re.findall(rf"({LONG})\s+\[([a-z|-]+)\]", help_text(command))
    offers = {option: set(words.split("|")) for option, words in choices}
    assert {option: offers.get(option) for option in listed} == listed
    unlisted = set(offers) - set(listed) - {"--color", "--discard"}
    assert unlisted == set()


def test_exit_codes() -> None:
    """The page, the README and the program know the same numbers."""
    known = {int(code) for code in ExitCode}
    page = re.findall(r"^ {5}(\d+) ", section("EXIT STATUS"), re.MULTILINE)
    assert {int(code) for code in page} == known
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)} == known
