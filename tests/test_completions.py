"""The completion files in the shells that read them, against the program as it is."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from generate.program import Kind, Program, program
from tests.shells import ROOT, SHELLS, Shell, shell, started
from tests.test_linters import COMMANDS, help_text, run

FILES = {"plain", "with blanks", "it's", "co:lon", "-dash"}


@pytest.fixture(
    scope="module", params=[pytest.param(s, marks=pytest.mark.needs(f"tool {s}")) for s in SHELLS]
)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shell]:
    """A shell in a folder with FILES and one directory; in the end it must have started nothing."""
    folder = tmp_path_factory.mktemp("folder")
    for name in FILES:
        (folder / name).touch()
    (folder / "inner").mkdir()
    (folder / "inner" / "below").touch()
    stubs = tmp_path_factory.mktemp("stubs") / request.param
    with shell(request.param, stubs, folder) as it:
        yield it
    assert started(stubs) == []


@pytest.fixture(scope="module")
def described() -> Program:
    return program()


def offered(*command: str) -> set[str]:
    """The options that `--help` of the program lists, short ones too."""
    options = help_text(*command).partition("Options:")[2].partition("Commands:")[0]
    lines = re.findall(r"^  (-.*?)(?:  |$)", options, re.MULTILINE)
    return {name for line in lines for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line)}


def test_commands(asked: Shell) -> None:
    assert asked.complete("swapctl ") == set(COMMANDS)
    assert asked.complete("swapctl mo") == {"monitor"}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_options(asked: Shell, command: str) -> None:
    """Every option that --help lists and no other; files can begin with a dash as well."""
    expected = offered(*command.split())
    assert expected >= {"-h", "--help"}
    line = f"swapctl {command} -".replace("  ", " ")
    assert asked.complete(line) - FILES == expected
    assert asked.complete(f"{line}-") == {name for name in expected if name.startswith("--")}


@pytest.mark.parametrize("command", COMMANDS)
def test_choices(asked: Shell, command: str) -> None:
    """Values that are fixed: those in --help, behind a blank and behind =."""
    choices = re.findall(r"(--[a-z-]+) \[([a-z|-]+)\]", help_text(command))
    assert choices or command == "facts"
    for option, words in choices:
        assert asked.complete(f"swapctl {command} {option} ") == set(words.split("|"))
        assert asked.complete(f"swapctl {command} {option}=") == set(words.split("|"))


def test_free_values_are_left_alone(asked: Shell, described: Program) -> None:
    free = [
        (command.name, name)
        for command in described.commands
        for option in command.options
        for name in option.names
        if option.values is not None and option.values.kind is Kind.NOTHING
    ]
    assert len(free) >= 7
    assert {pair: asked.complete("swapctl {} {} ".format(*pair)) for pair in free} == {
        pair: set() for pair in free
    }


@pytest.mark.parametrize(
    "line",
    [
        "check",
        "check -v",
        "facts",
        "prepare --size 1G",
        "on",
        "check --facts",
        "check plain",
        "off",
    ],
)
def test_files(asked: Shell, line: str) -> None:
    """`off` is here because no area is active whose path begins with `./`."""
    prefix = "./" if line == "off" else ""
    got = asked.complete(f"swapctl {line} {prefix}")
    assert {name.removeprefix("./") for name in got} - {"plain"} == (FILES | {"inner"}) - {"plain"}


def test_part_of_a_file_name(asked: Shell) -> None:
    assert asked.complete("swapctl check inner/") == {"inner/below"}
    assert asked.complete("swapctl check 'with b") == {"with blanks"}
    assert asked.complete("swapctl check with\\ b") == {"with blanks"}
    assert asked.complete("swapctl check -- -d") == {"-dash"}


def test_rules(asked: Shell, described: Program) -> None:
    assert asked.complete("swapctl explain ") == set(described.rules)
    assert asked.complete("swapctl explain file-mode file-own") == {"file-owner"}
    refused = run(sys.executable, "-m", "swapctl", "on", "--allow", "nothing", "nowhere")
    takes = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+", refused.stderr.partition("--allow takes:")[2])
    assert asked.complete("swapctl on --allow ") == set(takes)
    assert "file-mode" in takes and "file-holes" not in takes


def test_mounted_types(asked: Shell, described: Program) -> None:
    """Of the types that can hold a swapfile those that are mounted, which changes at any time."""

    def mounted() -> set[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        return {line.split()[2] for line in lines} & set(described.types)

    before = mounted()
    got = asked.complete("swapctl prepare --fs ")
    assert before & mounted() <= got <= before | mounted()
    assert "proc" not in got


def test_columns(asked: Shell, described: Program) -> None:
    columns = set(described.columns)
    assert asked.complete("swapctl status --output ") == columns
    rest = {f"name,{column}" for column in columns - {"name"}}
    assert asked.complete("swapctl status --output name,") == rest
    assert asked.complete("swapctl status --output=name,") == rest


@pytest.mark.needs("tool shellcheck")
def test_shellcheck() -> None:
    done = run("shellcheck", "completions/swapctl.bash")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.needs("tool bash")
@pytest.mark.parametrize("library", ["/usr/share/bash-completion/bash_completion"])
def test_bash_finds_the_file_by_its_name(tmp_path: Path, library: str) -> None:
    """bash-completion loads it when the command is completed first, also behind sudo."""
    if not Path(library).exists():
        pytest.skip("this machine lacks bash-completion")
    folder = tmp_path / "bash-completion/completions"
    folder.mkdir(parents=True)
    (folder / "swapctl").symlink_to(ROOT / "completions/swapctl.bash")
    script = f"""
        export XDG_DATA_HOME={tmp_path}
        . {library}
        __load_completion swapctl || _comp_load swapctl
        complete -p swapctl
    """
    done = run("bash", "--norc", "-c", script)
    assert done.stdout == "complete -F _swapctl swapctl\n", done.stderr
