"""The swapfiles that swapctl enable has activated at every boot, as its units say."""

import os
from collections.abc import Iterator

from swapctl.errors import from_oserror
from swapctl.linux.files import read_text, under
from swapctl.systemd.others import is_ours
from swapctl.systemd.swap_unit import STARTED_BY, UNITS, activated


def _names(root: str) -> Iterator[str]:
    """The units that swap.target starts."""
    for directory in STARTED_BY.values():
        try:
            yield from os.listdir(under(root, directory))
        except (FileNotFoundError, NotADirectoryError):
            continue


def enabled(root: str) -> tuple[str, ...]:
    """Their paths. Raises SwapctlError where a unit cannot be read."""
    found = set()
    unit = UNITS
    try:
        for unit in sorted(f"{UNITS}/{name}" for name in _names(root)):
            try:
                text = read_text(under(root, unit))
            except FileNotFoundError:
                continue
            path = activated(text) if is_ours(text) else None
            if path:
                found.add(path)
    except OSError as error:
        raise from_oserror("cannot read it", error, path=unit) from None
    return tuple(sorted(found))
