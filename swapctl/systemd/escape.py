"""Paths as names of systemd units: systemd.unit(5), "String escaping for inclusion in
unit names". Pure."""

import os
import re

from swapctl.errors import ExitCode, SwapctlError

# UNIT_NAME_MAX of systemd is 256 with the final NUL.
MAX_NAME = 255
_PLAIN = re.compile(rb"[A-Za-z0-9:_.]")


def _components(path: str) -> list[bytes]:
    """The path's components without empty ones and `.`; `..` cannot be resolved by its name."""
    parts = [part for part in os.fsencode(path).split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in os.fsencode(path):
        raise SwapctlError("a path with '..' has no unit", code=ExitCode.USAGE, path=path)
    return parts


def _escape(component: bytes) -> str:
    return "".join(
        chr(byte) if _PLAIN.match(bytes((byte,))) else f"\\x{byte:02x}" for byte in component
    )


def escape_path(path: str) -> str:
    """`/var/swap/my-swap file` -> `var-swap-my\\x2dswap\\x20file`, as `systemd-escape --path` does.

    Raises SwapctlError (usage) for a path with `..` or a NUL in it.
    """
    name = "-".join(map(_escape, _components(path)))
    # A unit whose name starts with a dot would be a hidden file.
    return f"\\x2e{name[1:]}" if name.startswith(".") else name or "-"


def unit_name(path: str, suffix: str, template: str = "") -> str:
    """The unit of a path: `unit_name("/swapfile", "swap")` is `swapfile.swap`; with a template
    `swapctl-prepare`, `swapctl-prepare@swapfile.service`.

    Raises SwapctlError (usage) where the name is longer than systemd allows: it would take a hash
    instead, from which the path cannot be told.
    """
    name = (
        f"{template}@{escape_path(path)}.{suffix}" if template else f"{escape_path(path)}.{suffix}"
    )
    if len(name) > MAX_NAME:
        raise SwapctlError(
            f"the path is too long for a unit: {len(name)} characters when escaped, "
            f"{MAX_NAME} are allowed",
            code=ExitCode.USAGE,
            path=path,
        )
    return name
