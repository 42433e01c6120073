"""Files of a tree by their paths below its root, and the units of a name among them."""

import errno
import os
import stat

from swapctl.linux import directories
from swapctl.linux.files import under

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


def _folder(root: str, folder: str) -> int | None:
    """The directory of the tree, open; None where there is none, or it is outside of the root."""
    real = os.path.realpath(folder)
    top = os.path.realpath(root)
    if os.path.commonpath((top, real)) != top:
        return None
    try:
        return directories.open_plain(real, top=top)
    except (FileNotFoundError, NotADirectoryError):
        return None


def content(root: str, path: str) -> str | None:
    """The text of a file of the tree, None where there is none below the root, "" for what is no
    file."""
    folder, name = os.path.split(under(root, path))
    directory = _folder(root, folder)
    if directory is None:
        return None
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return ""
        raise
    finally:
        os.close(directory)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return file.read().decode("utf-8", "surrogateescape")


def link(root: str, path: str) -> str | None:
    """Where a link of the tree leads, None where there is nothing, "" for what is no link."""
    folder, name = os.path.split(under(root, path))
    directory = _folder(root, folder)
    if directory is None:
        return None
    try:
        return os.readlink(name, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    finally:
        os.close(directory)


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
