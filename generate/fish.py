"""Completion for fish."""

from collections.abc import Iterator, Mapping

from generate.program import Kind, Option, Program, Values
from generate.shell import MADE

HEAD = f"""\
# {MADE}

# Succeeds when the command on the line is the one named, or, with '', when there is none yet.
function __swapctl_at
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            test "$word" = "$argv[1]"
            return
        end
    end
    test -z "$argv[1]"
end

# The paths in /proc/swaps, which has blanks and the like in octal. fish takes every line and every
# tab of the output for the end of a path.
function __swapctl_areas
    set -l found
    while read -l line
        set -l escaped (string match -r -- '^/\\S*' $line | string replace -a '\\\\' '\\\\0')
        set -l name (printf '%b' $escaped | string collect)
        if test -n "$name" -a -e "$name"; and not string match -qr '[\\n\\t]' -- $name
            set -a found $name
        end
    end </proc/swaps
    test -z "$found"; or printf '%s\\tactive area\\n' $found
end

# Is none of them meant by what is typed? Then it is a file name.
function __swapctl_no_area
    set -l typed (commandline -ct | string unescape | string collect)
    set -l length (string length -- "$typed")
    for area in (__swapctl_areas)
        if test (string sub -l $length -- $area | string collect -a) = "$typed"
            return 1
        end
    end
end

# Those types of mounted filesystems on which swapfiles can be made.
function __swapctl_types
    set -l found
    while read -l -d ' ' _source _target type _rest
        if contains -- $type @TYPES@; and not contains -- $type $found
            set -a found $type
        end
    end </proc/self/mounts
    test -z "$found"; or printf '%s\\n' $found
end

# A list with commas, each column once.
function __swapctl_columns
    set -l current (string replace -r -- '^--output=' '' (commandline -ct))
    set -l given (string match -r -- '.*,' $current)
    for column in @COLUMNS@
        if not contains -- (string split -f 1 \\t $column) (string split , -- $given)
            printf '%s%s\\n' "$given" $column
        end
    end
end

function __swapctl_rules
    printf '%s\\t%s\\n' \\
@RULES@
end

function __swapctl_unsafe
    printf '%s\\t%s\\n' \\
@UNSAFE@
end

complete -c swapctl -f

"""
FUNCTIONS = (Kind.AREAS, Kind.TYPES, Kind.COLUMNS, Kind.RULES, Kind.UNSAFE)


def quoted(text: str) -> str:
    """One word for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _source(values: Values) -> str:
    """The flags of `complete` that say where a value comes from."""
    if values.kind in FUNCTIONS:
        return f" -a '(__swapctl_{values.kind})'"
    if values.kind is Kind.FILES:
        return " -F"
    return f" -a {quoted(' '.join(values.words))}" if values.words else ""


def _option(at: str, option: Option) -> str:
    names = "".join(f" -l {n[2:]}" if n.startswith("--") else f" -s {n[1:]}" for n in option.names)
    takes = ""
    if option.values is not None:
        flag = " -r" if option.values.kind is Kind.FILES else " -x"
        takes = flag + _source(option.values)
    return f"complete -c swapctl -n {at}{names}{takes} -d {quoted(option.help)}"


def _at(command: str) -> str:
    return quoted(f"__swapctl_at {command}" if command else '__swapctl_at ""')


def _lines(program: Program) -> Iterator[str]:
    for option in program.options:
        yield _option(_at(""), option)
    for command in program.commands:
        yield f"complete -c swapctl -n {_at('')} -a {command.name} -d {quoted(command.help)}"
    for command in program.commands:
        yield ""
        for option in command.options:
            yield _option(_at(command.name), option)
        if command.argument:
            yield f"complete -c swapctl -n {_at(command.name)}{_source(command.argument)}"
            if command.argument.kind is Kind.AREAS:
                none = f"__swapctl_at {command.name}; and __swapctl_no_area"
                yield f"complete -c swapctl -n {quoted(none)} -F"


def _pairs(entries: Mapping[str, str]) -> str:
    pairs = (f"        {name} {quoted(text)}" for name, text in entries.items())
    return " \\\n".join(pairs)


def script(program: Program) -> str:
    """The whole file."""
    text = HEAD + "\n".join(_lines(program)) + "\n"
    for mark, words in {
        "@TYPES@": " ".join(program.types),
        "@COLUMNS@": " ".join(f"{n}\\t{quoted(about)}" for n, about in program.columns.items()),
        "@RULES@": _pairs(program.rules),
        "@UNSAFE@": _pairs(program.unsafe),
    }.items():
        text = text.replace(mark, words)
    return text
