"""The lines for swap in fstab(5). Pure."""

from collections.abc import Iterator
from typing import NamedTuple

_ESCAPE = 4  # a backslash and three octal digits


class Line(NamedTuple):
    """A line for swap, counted from 1; `what` as it is without its escapes."""

    number: int
    what: str
    options: tuple[str, ...]


def unescaped(text: str) -> str:
    r"""The field without its escapes: \040 is a blank."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    plain = bytearray()
    at = 0
    while at < len(raw):
        digits = raw[at + 1 : at + _ESCAPE]
        if raw[at : at + 1] == b"\\" and len(digits) == 3 and not digits.strip(b"01234567"):
            plain.append(int(digits, 8) & 0xFF)
            at += _ESCAPE
        else:
            plain.append(raw[at])
            at += 1
    return plain.decode("utf-8", "surrogateescape")


def swap_lines(text: str) -> Iterator[Line]:
    """The lines of the type swap, in their order."""
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or fields[2] != "swap":
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        yield Line(number, unescaped(fields[0]), tuple(options))


def is_of_cloud_init(options: tuple[str, ...]) -> bool:
    """Did cloud-init write the line? It writes its lines anew at boot."""
    return "comment=cloudconfig" in options
