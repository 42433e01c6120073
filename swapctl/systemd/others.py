"""What others have set up for the same path: lines of fstab(5), units. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from swapctl.systemd.swap_unit import MARK
from swapctl.text import shown

# Where systemd looks for units, those first that win; generators write to the ones below /run.
UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator.early",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_OCTAL = re.compile(r"\\([0-7]{3})")


class Other(NamedTuple):
    """Something of others: where it stands, and whose it is as far as that can be told."""

    where: str
    owner: str


def _field(text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    plain = _OCTAL.sub(lambda match: chr(int(match[1], 8) & 0xFF), raw)
    return plain.encode("latin-1").decode("utf-8", "surrogateescape")


def fstab_lines(text: str, path: str) -> Iterator[Other]:
    """The lines of fstab(5) that activate the file."""
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or fields[2] != "swap":
            continue
        if _field(fields[0]) == path:
            options = fields[3].split(",") if len(fields) > 3 else []
            cloud = any(option == "comment=cloudconfig" for option in options)
            yield Other(f"/etc/fstab, line {number}", "cloud-init" if cloud else "")


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
