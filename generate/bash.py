"""Completion for bash. It needs no library: only readline's own file names and /proc."""

from collections.abc import Iterable, Iterator

from generate.program import Command, Kind, Option, Program, Values
from generate.shell import MADE, wrapped

HEAD = f"""\
# bash completion for swapctl(8)                           -*- shell-script -*-
# shellcheck shell=bash
# {MADE}

# Offer those of the words that begin with $1.
_swapctl_words() {{
    local cur=$1 word
    shift
    for word; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}}

# File names are readline's own business, with all their quoting.
_swapctl_files() {{
    compopt -o default
}}

# The paths in /proc/swaps, which has blanks and the like in octal; else file names.
_swapctl_areas() {{
    local cur=${{1#[\\"\\']}} name quoted rest
    while read -r name rest; do
        [[ $name == /* ]] || continue
        printf -v name %b "${{name//\\\\/\\\\0}}"
        printf -v quoted %q "$name"
        [[ -e $name && ($name == "$cur"* || $quoted == "$cur"*) ]] || continue
        COMPREPLY+=("$name")
    done </proc/swaps
    compopt -o filenames -o default
}} 2>/dev/null

# Those types of mounted filesystems on which swapfiles can be made.
_swapctl_types() {{
    local cur=$1 type rest known=' '
    while read -r _ _ type rest; do
        case $type in
            @TYPES@)
                [[ $known == *" $type "* ]] || _swapctl_words "$cur" "$type"
                known+="$type "
                ;;
        esac
    done </proc/self/mounts
}} 2>/dev/null

# A list with commas, each column once.
_swapctl_columns() {{
    local cur=$1 done='' word
    [[ $cur != *,* ]] || done=${{cur%,*}},
    for word in @COLUMNS@; do
        [[ ,$done == *",$word,"* ]] || _swapctl_words "$cur" "$done$word"
    done
    compopt -o nospace
}}

_swapctl_rules() {{
    _swapctl_words "$1" \\
        @RULES@
}}

_swapctl_unsafe() {{
    _swapctl_words "$1" \\
        @UNSAFE@
}}

_swapctl() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command='' ended='' word i
    COMPREPLY=()

    # readline makes three words of --format=json.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $previous == '=' ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ $word == -- ]]; then
            ended=yes
        elif [[ -z $command && $word != -* ]]; then
            command=$word
        fi
    done

    if [[ -z $ended ]]; then
        case "$command $previous" in
"""

TAIL = """\
    esac
}

complete -F _swapctl swapctl
"""


def _offer(values: Values) -> str:
    """The call that completes a value; none where nothing can."""
    if values.kind is Kind.NOTHING:
        return ""
    if values.kind is Kind.WORDS:
        return f'_swapctl_words "$cur" {" ".join(values.words)}'
    return f'_swapctl_{values.kind} "$cur"'


def _values(command: Command) -> Iterator[str]:
    offers: dict[str, list[str]] = {}
    for option in command.options:
        if option.values is not None:
            names = [f"'{command.name} {name}'" for name in option.names]
            offers.setdefault(_offer(option.values), []).extend(names)
    for offer, names in offers.items():
        yield f"            {' | '.join(names)})"
        if offer:
            yield f"                {offer}"
        yield "                return"
        yield "                ;;"


def _names(options: Iterable[Option]) -> str:
    names = [name for option in options for name in option.names]
    return wrapped(names, 20)


def _words(name: str, options: Iterable[Option], otherwise: str) -> Iterator[str]:
    yield f"        {name})"
    yield "            if [[ $cur == -* && -z $ended ]]; then"
    yield '                _swapctl_words "$cur" \\'
    yield f"                    {_names(options)}"
    if otherwise:
        yield "            else"
        yield f"                {otherwise}"
    yield "            fi"
    yield "            ;;"


def script(program: Program) -> str:
    """The whole file."""
    lines: list[str] = []
    for command in program.commands:
        lines += _values(command)
    lines += ["        esac", "    fi", "", "    case $command in"]
    commands = wrapped((c.name for c in program.commands), 20)
    lines += _words("''", program.options, f'_swapctl_words "$cur" {commands}')
    for command in program.commands:
        argument = _offer(command.argument) if command.argument else ""
        lines += _words(command.name, command.options, argument)
    text = HEAD + "\n".join(lines) + "\n" + TAIL
    for mark, words in {
        "@TYPES@": " | ".join(program.types),
        "@COLUMNS@": " ".join(program.columns),
        "@RULES@": wrapped(program.rules, 8),
        "@UNSAFE@": wrapped(program.unsafe, 8),
    }.items():
        text = text.replace(mark, words)
    return text
