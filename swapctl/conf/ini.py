"""The lines of swapctl.conf. Pure.

The same language as configparser without interpolation and continued lines, but every assignment
keeps the number of its line, for whoever has to mend it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from swapctl.errors import ExitCode, SwapctlError


class Assignment(NamedTuple):
    """`key = value` in a section; `line` counts from 1. The line of a section itself has no key."""

    section: str
    key: str
    value: str
    line: int


def bad_line(file: str, line: int, what: str, hint: str = "") -> SwapctlError:
    """An error in a file that names the line."""
    return SwapctlError(f"line {line}: {what}", hint=hint, code=ExitCode.USAGE, path=file)


def assignments(text: str, file: str) -> Iterator[Assignment]:
    """Sections and assignments in their order. Blank lines and those that start with # or ; are
    comments; blanks around names and values do not count.

    Raises SwapctlError (usage) for every other line, for what is assigned before the first
    section, and for a section or a key that the same file has already.
    """
    section = ""
    seen: set[tuple[str, str]] = set()
    for line, raw in enumerate(text.split("\n"), 1):
        content = raw.strip()
        if not content or content[0] in "#;":
            continue
        if "\0" in content:
            raise bad_line(file, line, "it has a NUL byte")
        key, equals, value = (part.strip() for part in content.partition("="))
        if content[0] == "[":
            if content[-1] != "]" or len(content) == 2:
                raise bad_line(file, line, "a section is written [/PATH]")
            section, key, value = content[1:-1], "", ""
        elif not equals or not key:
            raise bad_line(file, line, "expected [/PATH] or KEY = VALUE")
        elif not section:
            raise bad_line(file, line, f"{key!r} stands before the first section")
        if (section, key) in seen:
            raise bad_line(file, line, f"{key or section!r} is there twice")
        seen.add((section, key))
        yield Assignment(section, key, value, line)
