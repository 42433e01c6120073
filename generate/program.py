"""The program as shells complete it: commands, options, and what their values can be."""

from enum import StrEnum
from typing import NamedTuple

import click

from swapctl.cli import COMMANDS, group
from swapctl.filesystems import ROWS
from swapctl.render.status import COLUMNS
from swapctl.rules.catalogue import ALL_RULES
from swapctl.rules.engine import Severity


class Kind(StrEnum):
    """What completes a value."""

    NOTHING = "nothing"
    WORDS = "words"
    FILES = "files"
    AREAS = "areas"
    TYPES = "types"
    RULES = "rules"
    UNSAFE = "unsafe"
    COLUMNS = "columns"


class Values(NamedTuple):
    """What a value can be: its name for people, what completes it, and the words, if fixed."""

    name: str
    kind: Kind
    words: tuple[str, ...] = ()


class Option(NamedTuple):
    """`excludes` are the names that make no sense once this option is given."""

    names: tuple[str, ...]
    help: str
    values: Values | None
    excludes: tuple[str, ...]


class Command(NamedTuple):
    """`many` says that the argument can be repeated."""

    name: str
    help: str
    options: tuple[Option, ...]
    argument: Values | None
    many: bool


class Program(NamedTuple):
    """`rules` and `columns` map names to their line of help; `unsafe` are the rules that --allow
    takes, `types` the filesystems on which `prepare` makes files."""

    options: tuple[Option, ...]
    commands: tuple[Command, ...]
    rules: dict[str, str]
    unsafe: dict[str, str]
    columns: dict[str, str]
    types: tuple[str, ...]


# An option with a value stands here, unless click itself knows the choices.
OPTION_VALUES = {
    "--allow": Values("rule", Kind.UNSAFE),
    "--count": Values("number", Kind.NOTHING),
    "--facts": Values("file", Kind.FILES),
    "--fs": Values("filesystem type", Kind.TYPES),
    "--interval": Values("seconds", Kind.NOTHING),
    "--label": Values("label", Kind.NOTHING),
    "--max-share": Values("share", Kind.NOTHING),
    "--output": Values("columns", Kind.COLUMNS),
    "--priority": Values("priority", Kind.NOTHING),
    "--reserve": Values("size or share", Kind.NOTHING),
    "--root": Values("directory", Kind.FILES),
    "--size": Values("size", Kind.NOTHING),
    "--time": Values("seconds", Kind.NOTHING),
    "--uuid": Values("UUID", Kind.NOTHING),
}
# The argument of a command that takes something else than files.
ARGUMENTS = {
    "explain": Values("rule", Kind.RULES),
    "off": Values("active area", Kind.AREAS),
    "status": Values("active area", Kind.AREAS),
}
FILES = Values("file or device", Kind.FILES)


def _names(option: click.Option) -> tuple[str, ...]:
    """The short one first; of --help older releases of click mix the order at every start."""
    return tuple(sorted(option.opts, key=len))


def _values(option: click.Option) -> Values | None:
    if option.is_flag or option.count:
        return None
    name = _names(option)[-1]
    if isinstance(option.type, click.Choice):
        return Values(name.lstrip("-"), Kind.WORDS, tuple(option.type.choices))
    if name not in OPTION_VALUES:
        raise LookupError(f"what can complete {name}? generate/program.py, OPTION_VALUES")
    return OPTION_VALUES[name]


def _options(context: click.Context) -> tuple[Option, ...]:
    """As `--help` lists them, that last. What sets the same value excludes one another."""
    given = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
    found = []
    for one in given:
        same = [name for p in given if p.name == one.name for name in _names(p)]
        found.append(
            Option(
                names=_names(one),
                help=(one.help or "").rstrip("."),
                values=_values(one),
                excludes=() if one.multiple else tuple(same),
            )
        )
    return tuple(found)


def _command(parent: click.Context, name: str) -> Command:
    command = group.get_command(parent, name)
    assert command is not None
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    assert len(arguments) <= 1, f"swapctl {name} has more than one argument"
    return Command(
        name=name,
        help=COMMANDS[name].rstrip("."),
        options=_options(click.Context(command, parent)),
        argument=ARGUMENTS.get(name, FILES) if arguments else None,
        many=any(a.nargs == -1 for a in arguments),
    )


def program() -> Program:
    """All of it, as the command line and the catalogue of rules have it now."""
    context = click.Context(group, **group.context_settings)
    return Program(
        options=_options(context),
        commands=tuple(_command(context, name) for name in COMMANDS),
        rules={r.id: r.title for r in sorted(ALL_RULES, key=lambda r: r.id)},
        unsafe={
            r.id: r.title
            for r in sorted(ALL_RULES, key=lambda r: r.id)
            if r.severity is Severity.UNSAFE
        },
        columns={c.header.lower(): c.help for c in COLUMNS},
        types=tuple(sorted(f.name for f in ROWS if f.recipe)),
    )
