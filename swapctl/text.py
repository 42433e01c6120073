"""Paths as text: safe to print on a terminal, safe to paste into a shell."""

import os


def _ansi_c(path: str) -> str:
    """The $'...' form of bash, ksh and zsh: every byte of the path survives it."""
    out = []
    for byte in os.fsencode(path):
        character = chr(byte)
        if character in "\\'":
            out.append(f"\\{character}")
        elif 32 <= byte < 127:
            out.append(character)
        else:
            out.append({10: "\\n", 9: "\\t"}.get(byte, f"\\x{byte:02x}"))
    return f"$'{''.join(out)}'"


def shown(path: str) -> str:
    """A path for people: as it is when every character prints, else with escapes."""
    return path if path.isprintable() else _ansi_c(path)


def quoted(path: str) -> str:
    """A path for a shell; one that starts with a dash is made to look like a path."""
    import shlex

    safe = f"./{path}" if path.startswith("-") else path
    return shlex.quote(safe) if safe.isprintable() else _ansi_c(safe)
