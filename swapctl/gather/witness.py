"""The witness: counts what the filesystems do, on and below the candidate, from the outside."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple

from swapctl.facts import File, Mount, Snapshot
from swapctl.filesystems import waits
from swapctl.gather import carrier, counters, file_map, layers, mapper_counters, trace
from swapctl.gather.counters import Counting
from swapctl.gather.ranges import Ranges
from swapctl.gather.reading import attempt
from swapctl.gather.walk import Walk
from swapctl.linux import btrfs, libc
from swapctl.proof_facts import FileMap, Filesystem, Observation, State, Trace, WatchedFile
from swapctl.unknown import Unknown


class _File(NamedTuple):
    """An open file, and where the candidate is in it."""

    watched: WatchedFile
    fd: int
    ranges: Ranges
    mount: Mount


class _Watched(NamedTuple):
    """A filesystem with all that is to be read of it."""

    filesystem: Filesystem
    files: tuple[_File, ...]
    counting: Counting


class Witness:
    """Watches the filesystem of a candidate and all those below it; a context manager.

    `filesystems` are what is watched, the candidate's own first. `lacks` are those that cannot be,
    with the reason. `traces` is None, or why events cannot be traced.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.filesystems: tuple[Filesystem, ...] = ()
        self.lacks: tuple[Unknown, ...] = ()
        self.traces: Unknown | None = None
        self._snapshot = snapshot
        self._undo = ExitStack()
        self._watched: list[_Watched] = []
        self._tracer: trace.Tracer | Unknown = Unknown("trace events", "the witness is not open")

    def __enter__(self) -> "Witness":
        with ExitStack() as undo:
            found = list(self._files(undo))
            storage = self._snapshot.storage
            known = () if storage is None or isinstance(storage, Unknown) else storage
            givers = mapper_counters.watched(known)
            self.lacks = tuple(one for one in (*found, *givers) if isinstance(one, Unknown))
            groups: dict[str, list[_File]] = {}
            for one in found:
                if not isinstance(one, Unknown):
                    groups.setdefault(one.mount.device, []).append(one)
            self._watched = [_watched(tuple(files)) for files in groups.values()]
            for giver in givers:
                if not isinstance(giver, Unknown):
                    self._watched.append(_Watched(giver.device, (), giver.counting))
            self.filesystems = tuple(one.filesystem for one in self._watched)
            self._tracer = trace.open_tracer(
                [_traceable(one) for one in self._watched if one.filesystem.traced]
            )
            if isinstance(self._tracer, Unknown):
                self.traces = self._tracer
            else:
                undo.callback(self._tracer.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    def settle(self) -> None:
        """Once, before the first observation: have written what was changed until now. A commit of
        that would count as one of later."""
        for one in self._watched:
            if one.filesystem.transactions == "counted":
                for file in one.files[:1]:
                    _commit(file)

    def observe(self, ours: Collection[int]) -> Observation:
        """Have what was done written and counted, from the candidate downwards, then look. `ours`
        are the processes that swap. What cannot be read is Unknown."""
        for one in self._watched:
            for file in one.files:
                _settle(one.counting, file)
        states = tuple(_state(one) for one in self._watched)
        return Observation(time.monotonic(), states, self._trace(ours))

    def _trace(self, ours: Collection[int]) -> Trace | Unknown:
        tracer = self._tracer
        if isinstance(tracer, Unknown):
            return tracer
        return attempt("trace events", lambda: tracer.read(ours))

    def _files(self, undo: ExitStack) -> Iterator[_File | Unknown]:
        """The candidate and the files that carry it, as far as they can be opened."""
        s = self._snapshot
        file, mount = s.file, s.mount
        if not isinstance(file, File):
            yield file or Unknown("file", "there is none")
            return
        own: int | Unknown = Unknown("file", f"is a {file.kind}")
        if file.kind == "regular":
            if mount is None or isinstance(mount, Unknown):
                yield mount or Unknown("mount", "there is none")
                return
            if waits(mount.fstype):
                yield Unknown(f"{mount.fstype} on {mount.path}", "its server cannot be watched")
                return
            own = _opened(s.resolved, undo)
            if isinstance(own, Unknown):
                yield own
                return
            yield _File(WatchedFile(s.resolved, -1), own, [(0, file.size)], mount)
        walk = layers.walked(s, file, own)
        if isinstance(walk, Unknown):
            yield walk
        elif walk is not None:
            yield from _below(walk, undo)


def _opened(path: str, undo: ExitStack) -> int | Unknown:
    fd = attempt(path, lambda: os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    if not isinstance(fd, Unknown):
        undo.callback(os.close, fd)
    return fd


def _below(walk: Walk, undo: ExitStack) -> Iterator[_File | Unknown]:
    for index, layer in enumerate(walk.layers):
        if layer.lacks is not None:
            yield layer.lacks
        if layer.file is None:
            continue
        ranges = walk.carried.get(index)
        if ranges is None:
            yield Unknown(f"{layer.file.fstype} on {layer.name}", "its file cannot be looked at")
            continue
        yield _carrier(WatchedFile(layer.file.path, layer.depth), ranges, undo)


def _carrier(watched: WatchedFile, ranges: Ranges, undo: ExitStack) -> _File | Unknown:
    fd = _opened(watched.path, undo)
    if isinstance(fd, Unknown):
        return fd
    mount = attempt(f"mount of {watched.path}", lambda: carrier.mount_of(fd))
    return mount if isinstance(mount, Unknown) else _File(watched, fd, ranges, mount)


def _watched(files: tuple[_File, ...]) -> _Watched:
    first = files[0]
    mount = first.mount
    counting = counters.counting(first.fd, mount)
    filesystem = Filesystem(
        place=mount.path,
        fstype=mount.fstype,
        device=mount.device,
        own=first.watched.depth < 0,
        files=tuple(file.watched for file in files),
        transactions=counting.transactions,
        traced=trace.known(mount.fstype),
    )
    return _Watched(filesystem, files, counting)


def _traceable(one: _Watched) -> trace.Traceable:
    fd = one.files[0].fd
    uuid = attempt("UUID", lambda: btrfs.fs_info(fd).fsid)
    return trace.Traceable(
        device=one.filesystem.device,
        fstype=one.filesystem.fstype,
        uuid="" if isinstance(uuid, Unknown) else uuid,
        block_size=os.fstatvfs(fd).f_frsize,
        files={os.fstat(file.fd).st_ino: file.ranges for file in one.files},
    )


def _commit(file: _File) -> None:
    attempt("settling", lambda: libc.syncfs(file.fd))


def _settle(counting: Counting, file: _File) -> None:
    # What cannot be written shows in its counters and maps, or in the pages that come back.
    attempt("settling", lambda: counting.settle(file.fd))


def _state(one: _Watched) -> State:
    found = tuple(_map(file) for file in one.files)
    numbers = tuple(counters.read(source) for source in one.counting.sources)
    return State(one.filesystem, numbers, found)


def _map(file: _File) -> FileMap | Unknown:
    path = file.watched.path
    return attempt(f"map of {path}", lambda: file_map.read(file.fd, file.ranges))
