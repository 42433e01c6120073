"""Enable and disable a swapfile in a tree: the files of systemd's and ours, and nobody else's."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import NamedTuple

from swapctl.conf.drop_in import read, with_drop_in, write
from swapctl.conf.settings import Configuration, Settings, settings
from swapctl.errors import ExitCode, SwapctlError, from_oserror
from swapctl.gather.configuration import sources
from swapctl.gather.managers import managers
from swapctl.gather.reading import small_file
from swapctl.gather.units import content, inside, link, units
from swapctl.linux import directories
from swapctl.linux.files import under
from swapctl.systemd.others import Other, foreign_units, fstab_lines, is_ours, named
from swapctl.systemd.swap_unit import drop_in_path, link_paths, swap_unit, unit_path


class Change(NamedTuple):
    """One change of the tree: `action` is write, link or remove, `path` as it is below the root,
    `content` the text or where the link leads."""

    action: str
    path: str
    content: str = ""


class Enabling(NamedTuple):
    """What enabling a file takes, the settings that then hold, and what is ignored in the files."""

    changes: tuple[Change, ...]
    settings: Settings
    warnings: tuple[str, ...]


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """An error says what could not be read."""
    try:
        yield
    except OSError as error:
        where = os.fsdecode(error.filename or path)
        raise from_oserror("cannot read what is set up already", error, path=where) from None


def _others(root: str, path: str) -> Iterator[Other]:
    yield from fstab_lines(small_file(inside(root, under(root, "etc/fstab"))) or "", path)
    unit = unit_path(path)
    yield from foreign_units(units(root, os.path.basename(unit)))
    drop_in = content(root, drop_in_path(path))
    if drop_in is not None and not is_ours(drop_in):
        yield Other(drop_in_path(path), "")
    for one in link_paths(path).values():
        if link(root, one) not in (None, unit):
            yield Other(one, "")
    for manager in managers(root, (path,)):
        if manager.here:
            yield Other(manager.seen, manager.name)


def others(root: str, path: str) -> tuple[Other, ...]:
    """What somebody else has set up for the path. Raises SwapctlError for what cannot be read."""
    with _reading(path):
        return tuple(_others(root, path))


def _effective(root: str, path: str, values: Mapping[str, str]) -> tuple[str, Configuration]:
    """The drop-in for the values, and the configuration with it."""
    file = drop_in_path(path)
    text = write(path, values) if values else ""
    return text, with_drop_in(sources(root), under(root, file), text)


def enabling(root: str, path: str, given: Mapping[str, str]) -> Enabling:
    """What has to change so that the file is made and activated at every boot.

    `given` are values by key; they are added to those of earlier calls. Raises SwapctlError where
    others have set up the same path, and where no size is known.
    """
    found = others(root, path)
    if found:
        raise SwapctlError(
            "others have set it up already, nothing was changed",
            hint=named(found),
            code=ExitCode.FINDINGS,
            path=path,
        )
    file = drop_in_path(path)
    with _reading(path):
        before = content(root, file)
    values = {**(read(before, file, path) if before else {}), **given}
    text, configuration = _effective(root, path, values)
    section = configuration.sections.get(path, {})
    if "size" not in section:
        raise SwapctlError(
            "--size is missing, and swapctl.conf has none for it",
            hint="Such as 8G, 50%RAM or auto.",
            code=ExitCode.USAGE,
            path=path,
        )
    one = settings(section)
    unit = swap_unit(path, priority=one.priority, discard=one.discard, nofail=one.nofail)
    links = link_paths(path)
    changes = []
    if text and text != before:
        changes.append(Change("write", file, text))
    with _reading(path):
        if unit != content(root, unit_path(path)):
            changes.append(Change("write", unit_path(path), unit))
        if link(root, links[not one.nofail]) is not None:
            changes.append(Change("remove", links[not one.nofail]))
        if link(root, links[one.nofail]) is None:
            changes.append(Change("link", links[one.nofail], unit_path(path)))
    return Enabling(tuple(changes), one, configuration.warnings)


def disabling(root: str, path: str) -> tuple[Change, ...]:
    """What has to change so that nothing of what enable wrote is left."""
    unit = unit_path(path)
    with _reading(path):
        links = [one for one in link_paths(path).values() if link(root, one) == unit]
        files = [file for file in (unit, drop_in_path(path)) if is_ours(content(root, file) or "")]
    return tuple(Change("remove", one) for one in (*links, *files))


def _replace(root: str, change: Change) -> None:
    """A new file or link in the place of what has the name, in one step."""
    folder, name = os.path.split(change.path)
    real = inside(root, under(root, folder))
    # A link that somebody puts on the way from here on is not followed.
    at = directories.open_plain(real, top=os.path.realpath(root), make=0o755)
    temporary = f".{name[:100]}.{token_hex(8)}"
    try:
        try:
            if change.action == "link":
                os.symlink(change.content, temporary, dir_fd=at)
            else:
                _write(at, temporary, os.fsencode(change.content))
            os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=at)
            raise
        os.fsync(at)
    finally:
        os.close(at)


def _write(directory: int, name: str, content: bytes) -> None:
    """A new file in an open directory, which anybody may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o644, dir_fd=directory), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove(root: str, change: Change) -> None:
    """The name, and its directory if that only held such names."""
    folder, name = os.path.split(change.path)
    real, top = inside(root, under(root, folder)), os.path.realpath(root)
    at = directories.open_plain(real, top=top)
    try:
        os.unlink(name, dir_fd=at)
        os.fsync(at)
    finally:
        os.close(at)
    if folder.endswith((".wants", ".requires", ".d")):
        above = directories.open_plain(os.path.dirname(real), top=top)
        try:
            with suppress(OSError):
                os.rmdir(os.path.basename(real), dir_fd=above)
        finally:
            os.close(above)


def carry_out(root: str, changes: tuple[Change, ...]) -> None:
    """Make the changes. Raises SwapctlError with the one that failed; those before it stand, and
    the same command goes on from there."""
    old_umask = os.umask(0o022)
    try:
        for change in changes:
            try:
                _remove(root, change) if change.action == "remove" else _replace(root, change)
            except OSError as error:
                raise from_oserror(f"cannot {change.action} it", error, path=change.path) from None
    finally:
        os.umask(old_umask)
