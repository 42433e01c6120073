"""Files of a tree by their paths below its root, and the units of a name among them."""

import os
import stat

from swapctl.linux.files import read_text, under

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


def content(root: str, path: str) -> str | None:
    """The text of a file of the tree, None where there is none, "" for what is no file."""
    real = under(root, path)
    try:
        mode = os.lstat(real).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return read_text(real) if stat.S_ISREG(mode) else ""


def link(root: str, path: str) -> str | None:
    """Where a link of the tree leads, None where there is nothing, "" for what is no link."""
    real = under(root, path)
    try:
        return os.readlink(real)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""


def units(root: str, name: str) -> dict[str, str | None]:
    """The texts of the units of that name by their paths, None for a mask; one that is reached by
    two paths once."""
    found: dict[str, str | None] = {}
    seen = set()
    for directory in UNIT_DIRECTORIES:
        path = f"{directory}/{name}"
        if not os.path.lexists(under(root, path)):
            continue
        real = os.path.realpath(under(root, directory))
        if real not in seen:
            seen.add(real)
            found[path] = None if link(root, path) == os.devnull else content(root, path)
    return found
