"""Look at one candidate and the machine, once, and put everything into a Snapshot.

This package is the only place where an OSError becomes an Unknown.
"""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from swapctl.errors import errno_name
from swapctl.facts import Caller, File, Mount, Snapshot, SwapArea, Unknown
from swapctl.filesystems import NFS, SERVED, Filesystem, lookup
from swapctl.gather import candidate, layers, machine, openers, setup, storage
from swapctl.gather.patience import Patience
from swapctl.gather.reading import attempt
from swapctl.network_facts import NetworkFacts

# What leads nowhere for everybody; other errors (EACCES) may be the caller's own.
_NOWHERE = {"ENOENT", "ELOOP", "ENAMETOOLONG", "ENOTDIR"}


Hole = int | Unknown | None


def snapshot(path: str, patience: Patience | None = None, *, processes: bool = True) -> Snapshot:
    """Everything the rules look at, of the file or block device at `path`.

    Symbolic links are followed, as swapon(2) does. Never raises OSError: what cannot be read is
    Unknown in the snapshot, the whole file where its server does not answer. Without `processes`
    nobody else has the file open: it is new.
    """
    return snapshots((path,), patience, processes=processes)[0]


def snapshots(
    paths: Iterable[str], patience: Patience | None = None, *, processes: bool = True
) -> list[Snapshot]:
    """Those of several paths."""
    wanted = tuple(paths)
    base = _base()
    found = (patience or Patience()).each(
        lambda path, tick: _file(base._replace(path=path, resolved=path), tick), wanted
    )
    seen = [
        base._replace(path=path, resolved=path, file=one, openers=one)
        if isinstance(one, Unknown)
        else one.snapshot._replace(network=_network(*one))
        for path, one in zip(wanted, found, strict=True)
    ]
    return openers.look(seen) if processes else seen


class Looked(NamedTuple):
    """All but the network, and the first hole that a server reports."""

    snapshot: Snapshot
    hole: Hole


def _base() -> Snapshot:
    """What holds for every path."""
    areas = machine.areas()
    return Snapshot(
        path="",
        resolved="",
        lookup=None,
        host=machine.host(areas),
        caller=machine.caller(),
        opening=None,
        file=None,
        ancestors=(),
        mount=None,
        filesystem=None,
        extents=None,
        header=None,
        btrfs=None,
        device=None,
        areas=areas,
        blocks=None,
        network=None,
        f2fs=None,
        mechanism=None,
        storage=None,
        openers=(),
    )


def _file(nothing: Snapshot, tick: Callable[[], None]) -> Looked:
    """All that is behind the path. May wait for a server; `tick` is called while it answers."""
    caller = nothing.caller
    try:
        fd = os.open(nothing.path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        name = errno_name(number) if number else "ENOENT"
        if name in _NOWHERE or (not isinstance(caller, Unknown) and caller.uid == 0):
            return Looked(nothing._replace(lookup=name), None)
        return Looked(nothing._replace(file=Unknown("file", f"{name}: not root")), None)
    try:
        return _look(fd, nothing, caller, tick)
    finally:
        os.close(fd)


def _look(fd: int, nothing: Snapshot, caller: Caller | Unknown, tick: Callable[[], None]) -> Looked:
    path, page_size = nothing.path, nothing.host.page_size
    status = os.fstat(fd)
    try:
        link = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        link = os.path.realpath(path)
    reader = attempt("contents", lambda: candidate.open_for_reading(fd, path, status.st_mode))
    try:
        file = candidate.file(fd, reader, status, link)
        filesystem = attempt("filesystem", lambda: storage.filesystem(fd, reader))
        mount = storage.mount(file, filesystem)
        opening = candidate.opening(fd, path, file.kind, caller, mount)
        if isinstance(mount, Mount) and mount.fstype in SERVED:
            # What a client remembers of a file is renewed when it is opened, as swapon(2) does.
            fresh = os.fstat(fd)
            file = file._replace(size=fresh.st_size, blocks_512=fresh.st_blocks)
        seen = nothing._replace(
            resolved=link.removesuffix(candidate.DELETED) if file.unlinked else link,
            file=file,
            opening=opening,
            ancestors=attempt("directories", lambda: candidate.ancestors(path)),
            mount=mount,
            filesystem=filesystem,
            device=storage.device(file, mount),
            areas=_areas(nothing, file),
        )
        seen = _contents(reader, seen, file, page_size, tick)
        tick()
        seen = seen._replace(storage=layers.look(seen, file, reader), setup=setup.look(seen))
        return Looked(seen, _first_hole(file, mount, reader))
    finally:
        if isinstance(reader, int):
            os.close(reader)


def _areas(nothing: Snapshot, file: File) -> tuple[SwapArea, ...] | Unknown:
    """The areas, with the inodes of those on the file's own server."""
    areas = nothing.areas
    if isinstance(areas, Unknown):
        return areas
    here = any(isinstance(a.inode, Unknown) and a.device == file.device for a in areas)
    return machine.areas(on=file.device) if here else areas


def _first_hole(file: File, mount: Mount | Unknown, reader: int | Unknown) -> Hole:
    """Only where nothing else tells of holes."""
    if file.kind != "regular" or isinstance(mount, Unknown) or mount.fstype not in NFS:
        return None
    if isinstance(reader, Unknown):
        return reader
    return attempt("holes", lambda: storage.first_hole(reader, file.size))


def _network(seen: Snapshot, hole: Hole) -> NetworkFacts | Unknown | None:
    """What lies between the file and its server; None where there is none."""
    file, mount = seen.file, seen.mount
    if file is None or isinstance(file, Unknown) or file.kind != "regular" or mount is None:
        return None
    if isinstance(mount, Unknown):
        return mount
    if mount.fstype not in SERVED:
        return None
    # Only here, for the library that asks the network takes long to load.
    from swapctl.gather import network

    return network.look(mount, hole)


def _mechanism(row: Filesystem) -> str:
    """What the running kernel does with files of this type. Raises OSError if that is not seen."""
    # Only here, for kernels differ about few filesystems.
    from swapctl.linux import symbols

    listed = symbols.present({name for probe in row.probes for name in probe.symbols})
    for probe in row.probes:
        if listed.issuperset(probe.symbols):
            return probe.mechanism
    raise OSError(None, f"no function that tells is in /proc/kallsyms, for {row.name}")


def _contents(
    reader: int | Unknown, seen: Snapshot, file: File, page_size: int, tick: Callable[[], None]
) -> Snapshot:
    """Add what is read through an open file: header, extents, btrfs' own view."""
    if file.kind not in ("regular", "block"):
        return seen
    if isinstance(reader, Unknown):
        lacking = seen._replace(header=reader)
        return (
            lacking
            if file.kind == "block"
            else lacking._replace(extents=reader, btrfs=reader, f2fs=reader)
        )
    seen = seen._replace(
        header=attempt("first page", lambda: candidate.swap_header(reader, page_size))
    )
    if file.kind == "block":
        return seen
    on = None if seen.mount is None or isinstance(seen.mount, Unknown) else seen.mount.fstype
    row = lookup(on) if on else None
    if row is not None and row.probes:
        seen = seen._replace(mechanism=attempt("kernel's functions", lambda: _mechanism(row)))
    if row is not None and row.mechanism in ("none", "count"):
        return seen
    if row is not None and row.mechanism == "bmap":
        whole = seen.mechanism == "iomap"
        return seen._replace(
            blocks=attempt(
                "block map",
                lambda: storage.block_map(reader, seen.header, page_size, whole=whole, tick=tick),
            )
        )
    seen = seen._replace(
        extents=attempt("extent map", lambda: storage.extents(reader, file, on, page_size))
    )
    # What one filesystem alone needs is loaded for that only.
    if on == "f2fs" and isinstance(seen.mount, Mount):
        from swapctl.gather import f2fs

        below = seen.mount
        return seen._replace(
            f2fs=attempt(
                "f2fs superblock",
                lambda: f2fs.state(reader, below, seen.device, seen.header, page_size),
            )
        )
    if on != "btrfs":
        return seen
    from swapctl.gather import btrfs

    source = seen.mount.source if isinstance(seen.mount, Mount) else None
    return seen._replace(
        btrfs=attempt(
            "btrfs state",
            lambda: btrfs.state(reader, seen.resolved, file, page_size, source),
        )
    )
