"""The file in which swapctl enable keeps what it was told about a swapfile. Pure."""

import os
from collections.abc import Iterable, Mapping

from swapctl.conf.files import NAME
from swapctl.conf.settings import KEYS, Configuration, Source, merge, parse
from swapctl.systemd.swap_unit import MARK


def write(path: str, values: Mapping[str, str]) -> str:
    """The text for a path and the values of its keys."""
    lines = [f"{key} = {values[key]}" for key in KEYS if key in values]
    return "\n".join((MARK, f"[{path}]", *lines)) + "\n"


def read(text: str, file: str, path: str) -> dict[str, str]:
    """The values that an earlier call wrote. Raises SwapctlError (usage) for bad ones."""
    section = merge([parse(text, file)]).sections.get(path, {})
    return {key: value.text for key, value in section.items()}


def _order(source: Source) -> tuple[bool, bytes]:
    name = os.fsencode(os.path.basename(source.path))
    return name != os.fsencode(NAME), name


def with_drop_in(sources: Iterable[Source], file: str, text: str) -> Configuration:
    """The configuration as it is with the file, whatever is in it now; without it where `text` is
    empty."""
    others = [source for source in sources if source.path != file]
    every = [*others, Source(file, text)] if text else others
    return merge(parse(one.text, one.path) for one in sorted(every, key=_order))
