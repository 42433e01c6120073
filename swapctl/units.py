"""Sizes and durations as operators write and read them."""

import math
import os
import re
from typing import NamedTuple

from swapctl.errors import ExitCode, SwapctlError

_PREFIXES = "KMGTPE"
_SIZE = r"(\d{1,20})(?:\.(\d{1,9}))?([kmgtpe]?)(i?b)?"
_RAM = r"(\d{1,6}(?:\.\d{1,6})?)(%|x)RAM"
_SHARE = r"(\d{1,3}(?:\.\d{1,6})?)%"
MAX_BYTES = 2**63 - 1

GIB = 2**30


class RamSize(NamedTuple):
    """A size in proportion to the machine's memory: `50%RAM`, `2xRAM`."""

    factor: float


class AutoSize(NamedTuple):
    """`auto`: as much as the machine's memory suggests."""


SizeRequest = int | RamSize | AutoSize


def _match(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII)


def _invalid(text: str, why: str) -> SwapctlError:
    return SwapctlError(
        f"{text!r} is not a size: {why}",
        hint="Examples: 8G (= 8GiB = 2^33 bytes), 8GB (8*10^9), 512M, 50%RAM, 2xRAM, auto.",
        code=ExitCode.USAGE,
    )


def parse_bytes(text: str) -> int:
    """Bytes from `8G` = `8GiB` = 2^33, `8GB` = 8*10^9, `4096`; lower case is accepted.

    The suffixes are those of util-linux's tools. Raises SwapctlError (usage) for anything else:
    blanks, signs, exponents, unknown suffixes, zero and what does not fit a file offset.
    """
    match = _match(_SIZE, text)
    if match is None:
        raise _invalid(text, "expected a number and one of K, M, G, T, P, E (KiB and KB also work)")
    whole, fraction, prefix, suffix = match.groups()
    if not prefix and (fraction or (suffix or "").lower() == "ib"):
        raise _invalid(text, "a fraction or 'iB' needs a unit such as G")
    base = 1000 if prefix and (suffix or "").lower() == "b" else 1024
    unit = base ** (_PREFIXES.index(prefix.upper()) + 1) if prefix else 1
    value = int(whole) * unit
    if fraction:
        value += int(fraction) * unit // 10 ** len(fraction)
    if value == 0:
        raise _invalid(text, "it is zero")
    if value > MAX_BYTES:
        raise _invalid(text, "it is larger than a file can be")
    return value


def parse_size(text: str) -> SizeRequest:
    """What `--size` accepts: bytes as in `parse_bytes`, `50%RAM`, `2xRAM` or `auto`."""
    if text.lower() == "auto":
        return AutoSize()
    match = _match(_RAM, text)
    if match is None:
        return parse_bytes(text)
    number, kind = match.groups()
    factor = float(number) / 100 if kind == "%" else float(number)
    if factor == 0:
        raise _invalid(text, "it is zero")
    return RamSize(factor)


def parse_reserve(text: str) -> int | float:
    """What `--reserve` accepts: bytes (int, also 0) or a share of the filesystem (`5%` -> 0.05)."""
    match = _match(_SHARE, text)
    if match is not None and float(match[1]) <= 100:
        return float(match[1]) / 100
    return 0 if text == "0" else parse_bytes(text)


def parse_share(text: str) -> float:
    """A share of the filesystem, `25%` -> 0.25; more than nothing, at most all."""
    match = _match(_SHARE, text)
    if match is None or not 0 < float(match[1]) <= 100:
        raise SwapctlError(f"{text!r} is not a share such as 25%", code=ExitCode.USAGE)
    return float(match[1]) / 100


def parse_label(text: str) -> str:
    """A label as the swap header takes it."""
    if len(os.fsencode(text)) > 16 or "\0" in text:
        raise SwapctlError("a label has at most 16 bytes", code=ExitCode.USAGE)
    return text


def resolve_size(request: SizeRequest, memory_bytes: int, page_size: int) -> int:
    """The request in bytes, rounded down to whole pages.

    `auto` follows the usual distribution tables: the size of memory up to 4 GiB, then 4 GiB up to
    16 GiB of memory, then the square root of memory in GiB.
    """
    if isinstance(request, AutoSize):
        gib = memory_bytes / GIB
        wanted = memory_bytes if gib <= 4 else 4 * GIB if gib <= 16 else int(math.sqrt(gib)) * GIB
    elif isinstance(request, RamSize):
        wanted = int(memory_bytes * request.factor)
    else:
        wanted = request
    return wanted // page_size * page_size


def format_bytes(value: int) -> str:
    """`8.0 GiB`, `512 B`: one decimal, binary units."""
    if abs(value) < 1024:
        return f"{value} B"
    scaled = float(value)
    for prefix in _PREFIXES:
        scaled /= 1024
        if abs(scaled) < 1023.95 or prefix == "E":
            break
    return f"{scaled:.1f} {prefix}iB"


def format_seconds(value: float) -> str:
    """`7s`, `3m20s`, `5h04m`, `9d`: short enough for a table."""
    seconds = int(value)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 172800:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d"
