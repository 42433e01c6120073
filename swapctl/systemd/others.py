"""What others have set up for the same path: lines of fstab(5), units. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from swapctl.systemd.fstab import is_of_cloud_init, swap_lines
from swapctl.systemd.swap_unit import MARK
from swapctl.text import shown


class Other(NamedTuple):
    """Something of others: where it stands, and whose it is as far as that can be told."""

    where: str
    owner: str


def fstab_lines(text: str, path: str) -> Iterator[Other]:
    """The lines of fstab(5) that activate the file."""
    for number, what, options in swap_lines(text):
        if what == path:
            yield Other(
                f"/etc/fstab, line {number}", "cloud-init" if is_of_cloud_init(options) else ""
            )


def is_ours(text: str) -> bool:
    """Did swapctl enable write it?"""
    return text.startswith(f"{MARK}\n")


def foreign_units(found: Mapping[str, str | None]) -> Iterator[Other]:
    """The units of the path's name that are not ours: by path, their text, None for a mask.

    Generators say in the first line who they are.
    """
    for where, text in found.items():
        if text is None:
            yield Other(where, "masked: it leads to /dev/null")
        elif not is_ours(text):
            first = text.partition("\n")[0]
            maker = re.search(r"(?:generated|created) by (\S+)", first)
            yield Other(where, maker[1] if maker else "")


def named(others: Iterable[Other]) -> str:
    """One line for each."""
    return "\n".join(
        f"{shown(one.where)} ({one.owner})" if one.owner else shown(one.where) for one in others
    )
