"""Completion for zsh, with its own functions for options, files and lists."""

from collections.abc import Iterable, Iterator, Mapping

from generate.program import Command, Kind, Option, Program, Values
from generate.shell import MADE, quoted

HEAD = f"""\
#compdef swapctl
# {MADE}

# The paths in /proc/swaps, which has blanks and the like in octal; else file names.
_swapctl_areas() {{
  local line name
  local -a areas
  for line in "${{(@f)$(</proc/swaps)}}"; do
    [[ $line == /* ]] || continue
    name=${{(g:o:)line%%[[:blank:]]*}}
    [[ -e $name ]] && areas+=("$name")
  done
  if (( $#areas )); then
    local expl
    _wanted areas expl 'active area' compadd -a areas && return
  fi
  _files
}}

# Those types of mounted filesystems on which swapfiles can be made.
_swapctl_types() {{
  local line expl
  local -a fields
  local -aU types
  for line in "${{(@f)$(</proc/self/mounts)}}"; do
    fields=(${{(s: :)line}})
    [[ $fields[3] == (@TYPES@) ]] && types+=($fields[3])
  done
  _wanted types expl 'filesystem type' compadd -a types
}}

_swapctl_columns() {{
  _values -s , column \\
@COLUMNS@
}}

_swapctl_rules() {{
  local -a rules=(
@RULES@
  )
  _describe -t rules rule rules
}}

_swapctl_unsafe() {{
  local -a rules=(
@UNSAFE@
  )
  _describe -t rules 'unsafe rule' rules
}}

_swapctl() {{
  local curcontext=$curcontext state line ret=1
  local -A opt_args
  local -a commands=(
@COMMANDS@
  )
  _arguments -C -s -S \\
@OPTIONS@
    '1: :->command' \\
    '*:: :->arguments' && ret=0
  case $state in
    command)
      _describe -t commands 'swapctl command' commands && ret=0
      ;;
    arguments)
      curcontext=${{curcontext%:*:*}}:swapctl-$words[1]:
      case $words[1] in
"""

TAIL = """\
      esac
      ;;
  esac
  return ret
}

if [[ $funcstack[1] == _swapctl ]]; then
  _swapctl "$@"
else
  compdef _swapctl swapctl
fi
"""
# What completes the kinds that zsh itself knows, or that need no function.
ACTIONS = {Kind.NOTHING: " ", Kind.FILES: "_files"}


def _described(entries: Mapping[str, str], indent: int) -> str:
    """`name:description` for _describe."""
    return "\n".join(" " * indent + quoted(f"{name}:{text}") for name, text in entries.items())


def _action(values: Values) -> str:
    """The message and what completes it."""
    if values.kind is Kind.WORDS:
        return f"{values.name}:({' '.join(values.words)})"
    return f"{values.name}:{ACTIONS.get(values.kind, f'_swapctl_{values.kind}')}"


def _explained(text: str) -> str:
    for special in "\\[]":
        text = text.replace(special, f"\\{special}")
    return f"[{text}]"


def _option(option: Option) -> Iterator[str]:
    """One specification for each name of the option."""
    excludes = "(- *)" if "--help" in option.names or "--version" in option.names else ""
    if not excludes and len(option.excludes) > 1:
        excludes = f"({' '.join(option.excludes)})"
    repeated = "" if option.excludes else "*"
    for name in option.names:
        value = f":{_action(option.values)}" if option.values else ""
        equals = "=" if value else ""
        yield quoted(f"{excludes}{repeated}{name}{equals}{_explained(option.help)}{value}")


def _specifications(options: Iterable[Option], indent: int) -> list[str]:
    return [f"{' ' * indent}{spec} \\" for option in options for spec in _option(option)]


def _command(command: Command) -> Iterator[str]:
    yield f"        {command.name})"
    yield "          _arguments -s -S \\"
    lines = _specifications(command.options, 12)
    if command.argument:
        place = "*" if command.many else "1"
        lines.append(" " * 12 + quoted(f"{place}:{_action(command.argument)}") + " \\")
    yield from lines
    yield "            && ret=0"
    yield "          ;;"


def script(program: Program) -> str:
    """The whole file."""
    text = HEAD + "".join(f"{line}\n" for c in program.commands for line in _command(c)) + TAIL
    columns = [" " * 4 + quoted(f"{name}[{about}]") for name, about in program.columns.items()]
    for mark, words in {
        "@TYPES@": "|".join(program.types),
        "@COLUMNS@": " \\\n".join(columns),
        "@RULES@": _described(program.rules, 4),
        "@UNSAFE@": _described(program.unsafe, 4),
        "@COMMANDS@": _described({c.name: c.help for c in program.commands}, 4),
        "@OPTIONS@": "\n".join(_specifications(program.options, 4)),
    }.items():
        text = text.replace(mark, words)
    return text
