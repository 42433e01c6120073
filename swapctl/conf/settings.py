"""What swapctl.conf says of each swapfile: keys, values, and files laid over each other.

Pure. Numbers are bytes and shares between 0 and 1. A key without a value takes back what files
before it said, as in systemd's files.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from swapctl.conf.ini import assignments, bad_line
from swapctl.errors import ExitCode, SwapctlError
from swapctl.plan import METHODS
from swapctl.text import shown
from swapctl.units import SizeRequest, parse_label, parse_reserve, parse_share, parse_size

DISCARDS = ("once", "pages", "both")
MAX_PRIORITY = 32767
_TRUE = ("yes", "true", "on", "1")
_FALSE = ("no", "false", "off", "0")


class Settings(NamedTuple):
    """One swapfile; None is what nothing was said about. `max_share` is of its filesystem."""

    size: SizeRequest | None = None
    max_share: float | None = None
    fs: str | None = None
    method: str = "auto"
    label: str = ""
    reserve: int | float | None = None
    priority: int | None = None
    discard: str | None = None
    nofail: bool = True


class Source(NamedTuple):
    """A file of the configuration and what it says."""

    path: str
    text: str


class Value(NamedTuple):
    """What a file says of one key, as it is written there, and where."""

    text: str
    file: str
    line: int


Section = Mapping[str, Value]


class Configuration(NamedTuple):
    """The files laid over each other: by swapfile, by key; and what was ignored in them."""

    sections: Mapping[str, Section]
    warnings: tuple[str, ...]


def _invalid(what: str) -> SwapctlError:
    return SwapctlError(what, code=ExitCode.USAGE)


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise _invalid(f"{text!r} is none of {', '.join(names)}")
        return text

    return parse


def _type(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", text, re.ASCII):
        raise _invalid(f"{text!r} is no type of filesystems")
    return text


def _priority(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > MAX_PRIORITY:
        raise _invalid(f"{text!r} is no number from 0 to {MAX_PRIORITY}")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise _invalid(f"{text!r} is neither yes nor no")
    return text.lower() in _TRUE


# The keys, in the order in which they are written; with a dash where Settings has an underscore.
KEYS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "size": parse_size,
        "max-share": parse_share,
        "fs": _type,
        "method": _one_of(*METHODS),
        "label": parse_label,
        "reserve": parse_reserve,
        "priority": _priority,
        "discard": _one_of(*DISCARDS),
        "nofail": _truth,
    }
)


def _is_clean(path: str) -> bool:
    return path.startswith("/") and not {"", ".", ".."} & set(path[1:].split("/"))


def parse(text: str, file: str) -> Configuration:
    """One file. Raises SwapctlError (usage) with the line, for whatever is no such file and for
    bad values; unknown keys and sections that are no paths are ignored with a warning."""
    sections: dict[str, dict[str, Value]] = {}
    warnings = []
    for section, key, value, line in assignments(text, file):
        where = f"{shown(file)}: line {line}"
        if "/" not in section:
            if not key:
                warnings.append(f"{where}: unknown section [{shown(section)}], ignored")
            continue
        if not _is_clean(section):
            raise bad_line(
                file, line, f"{section!r} is no path from / without empty, . and .. components"
            )
        found = sections.setdefault(section, {})
        if not key:
            continue
        if key not in KEYS:
            warnings.append(f"{where}: unknown key {shown(key)}, ignored")
            continue
        if value:
            try:
                KEYS[key](value)
            except SwapctlError as error:
                raise bad_line(file, line, f"{key}: {error.message}", error.hint) from None
        found[key] = Value(value, file, line)
    return Configuration(sections, tuple(warnings))


def merge(files: Iterable[Configuration]) -> Configuration:
    """Later files win, key by key."""
    sections: dict[str, dict[str, Value]] = {}
    warnings: list[str] = []
    for file in files:
        warnings += file.warnings
        for path, section in file.sections.items():
            merged = sections.setdefault(path, {})
            merged.update(section)
    kept = {
        path: {key: value for key, value in section.items() if value.text}
        for path, section in sections.items()
    }
    return Configuration(kept, tuple(warnings))


def settings(section: Section) -> Settings:
    """The values of a section, which parsed before."""
    values: dict[str, Any] = {
        key.replace("-", "_"): KEYS[key](value.text) for key, value in section.items()
    }
    return Settings(**values)
