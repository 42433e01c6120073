"""What the three completion files have in common."""

import textwrap
from collections.abc import Iterable

MADE = "Made by `make generate` from the program's options and rules. Starts no process."


def quoted(text: str) -> str:
    """One word for bash, zsh and (without backslashes) fish, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def wrapped(words: Iterable[str], indent: int) -> str:
    """Words over several lines, all but the last ending in a backslash."""
    lines = textwrap.wrap(" ".join(words), 96 - indent, break_on_hyphens=False)
    return f" \\\n{' ' * indent}".join(lines)
