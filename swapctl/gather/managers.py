"""Other programs that set up swap: what shows that one is, and which file it makes."""

import os
from collections.abc import Iterable
from typing import NamedTuple

from swapctl.gather.reading import small_file
from swapctl.linux.files import under
from swapctl.setup_facts import Manager


class Known(NamedTuple):
    """A program. Any of `signs`, paths below the root, shows that it runs at boot; `makes` is
    "file" and "zram".

    `config` is the file of its settings, "" where that tells nothing. `key` is what names there its
    swapfile, or with `several` the directory of them, `default` where they are if nothing does, ""
    where that is not known; `off` is the setting with which it makes none.
    """

    name: str
    signs: tuple[str, ...]
    makes: tuple[str, ...]
    config: str = ""
    key: str = ""
    default: str = ""
    off: tuple[str, str] = ("", "")
    several: bool = False


def _wanted(service: str) -> tuple[str, ...]:
    targets = ("multi-user", "sysinit", "swap")
    return tuple(f"/etc/systemd/system/{one}.target.wants/{service}.service" for one in targets)


KNOWN = (
    Known(
        "dphys-swapfile",
        _wanted("dphys-swapfile"),
        ("file",),
        "/etc/dphys-swapfile",
        "CONF_SWAPFILE",
        "/var/swap",
    ),
    Known(
        "rpi-swap",
        (
            "/usr/lib/systemd/system-generators/rpi-swap-generator",
            "/lib/systemd/system-generators/rpi-swap-generator",
        ),
        ("file",),
        "/etc/rpi/swap.conf",
        "Path",
        "/var/swap",
        ("Mechanism", "none"),
    ),
    Known(
        "swapspace",
        _wanted("swapspace"),
        ("file",),
        "/etc/swapspace.conf",
        "swappath",
        "/var/lib/swapspace",
        several=True,
    ),
    Known(
        "systemd-swap",
        _wanted("systemd-swap"),
        ("file", "zram"),
        "/etc/systemd/swap.conf",
        "swapfc_path",
        several=True,
    ),
    Known(
        "snapd",
        ("/etc/default/swapfile",),
        ("file",),
        "/etc/default/swapfile",
        "FILE",
        "/var/tmp/swapfile.swp",
        ("SIZE", "0"),
    ),
    Known(
        "zram-generator",
        (
            "/run/systemd/generator/dev-zram0.swap",
            "/etc/systemd/zram-generator.conf",
            "/run/systemd/zram-generator.conf",
            "/usr/local/lib/systemd/zram-generator.conf",
            "/usr/lib/systemd/zram-generator.conf",
        ),
        ("zram",),
    ),
    Known("zram-tools", _wanted("zramswap"), ("zram",)),
)


def _settings(text: str) -> dict[str, str]:
    """KEY=VALUE, with or without quotes; sections are not told apart."""
    found = {}
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            found[key.strip()] = value.strip().strip("\"'")
    return found


def _manager(root: str, known: Known, seen: str, paths: tuple[str, ...]) -> Manager | None:
    settings = _settings((known.config and small_file(under(root, known.config))) or "")
    key, value = known.off
    if (key and settings.get(key) == value) or (seen == known.config and known.key not in settings):
        return None
    named = settings.get(known.key) or known.default
    path = named.rstrip("/") or None
    here = path in (map(os.path.dirname, paths) if known.several else paths)
    return Manager(known.name, seen, known.makes, path, here)


def managers(root: str, paths: Iterable[str]) -> tuple[Manager, ...]:
    """Those that are set up below a root; `paths` are those of the candidate. Raises OSError."""
    candidate = tuple(paths)
    found = []
    for known in KNOWN:
        seen = next((sign for sign in known.signs if os.path.lexists(under(root, sign))), None)
        if seen is not None:
            found.append(_manager(root, known, seen, candidate))
    return tuple(one for one in found if one is not None)
