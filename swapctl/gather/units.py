"""Files of a tree by their paths below its root, and the units of a name among them."""

import errno
import os
import stat

from swapctl.errors import SwapctlError, from_oserror
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


def inside(root: str, path: str) -> str:
    """The path without symbolic links. Raises SwapctlError where they lead out of the root."""
    try:
        top, real = os.path.realpath(root), os.path.realpath(path)
    except OSError as error:  # a link that is none any more
        raise from_oserror("cannot see where it leads", error, path=path) from None
    refuse_outside(root, top, real, path)
    return real


def refuse_outside(root: str, top: str, real: str, path: str) -> None:
    """Raises SwapctlError where the path leads out of the root; `top` and `real` are what they are
    without symbolic links."""
    if os.path.commonpath((top, real)) != top:
        raise SwapctlError(f"it leads out of {root}, to {real}", path=path)


def _folder(root: str, folder: str) -> int | None:
    """The directory of the tree, open; None where there is none. Raises OSError, and SwapctlError
    where it is outside of the root."""
    real = inside(root, folder)
    try:
        return directories.open_plain(real, top=os.path.realpath(root))
    except (FileNotFoundError, NotADirectoryError):
        return None


def content(root: str, path: str) -> str | None:
    """The text of a file of the tree, None where there is none, "" for what is no file. Raises
    OSError, and SwapctlError where its directory is outside of the root."""
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
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        return file.read().decode("utf-8", "surrogateescape") if regular else ""


def link(root: str, path: str) -> str | None:
    """Where a link of the tree leads, None where there is nothing, "" for what is no link. Raises
    as `content` does."""
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
        real = inside(root, under(root, directory))
        if real not in seen:
            seen.add(real)
            found[path] = None if link(root, path) == os.devnull else content(root, path)
    return found
