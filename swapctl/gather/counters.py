"""What is counted on a filesystem, and how to make that it counts what has been done so far."""

import os
from collections.abc import Callable
from typing import Literal, NamedTuple

from swapctl.facts import Mount
from swapctl.gather.reading import attempt
from swapctl.linux import btrfs, counters, ext4, fiemap, libc, sysblock
from swapctl.linux.files import read_text
from swapctl.linux.sysblock import number
from swapctl.proof_facts import Counter, Kind
from swapctl.unknown import Unknown

# These write where their blocks are, without a journal and without copies.
_WITHOUT_TRANSACTIONS = frozenset(
    {*("ext2", "vfat", "msdos", "exfat", "minix", "udf", "hfs", "sysv", "ufs"), "tmpfs", "ramfs"}
)


class Source(NamedTuple):
    """A counter that can be read; `path` says where."""

    name: str
    kind: Kind
    path: str
    read: Callable[[], int]


class Counting(NamedTuple):
    """What a filesystem counts; `settle` has an open file's changes counted."""

    sources: tuple[Source, ...]
    transactions: Literal["counted", "none"] | Unknown
    settle: Callable[[int], None]


_NONE = Counting((), "none", os.fdatasync)


def _device(mount: Mount) -> str:
    return sysblock.entry(mount.device).name


def _journal(mount: Mount, _: int) -> Counting:
    path = counters.journal(_device(mount))
    source = Source(
        *("transactions", "transaction", path), lambda: counters.parse_journal(read_text(path))
    )
    # A transaction is counted when it is committed, and only fsync(2) does that for one that
    # changed no more than a time. It would also write those that lazytime holds back.
    settle = os.fdatasync if "lazytime" in mount.super_options else os.fsync
    return Counting((source,), "counted", settle)


def _ext(mount: Mount, fd: int) -> Counting:
    return _journal(mount, fd) if ext4.journal(mount.device, mount.fstype) else _NONE


def _xfs(mount: Mount, _: int) -> Counting:
    path = counters.xfs_file(_device(mount))

    def source(name: str, kind: Kind) -> Source:
        def read() -> int:
            return int(getattr(counters.parse_xfs(read_text(path)), name))

        return Source(name.replace("_", " "), kind, path, read)

    found = (
        source("asynchronous", "transaction"),
        source("empty", "transaction"),
        # No write takes one: the log is covered with them a while after the last change.
        source("synchronous", "commit"),
        source("extents_allocated", "allocation"),
    )
    return Counting(found, "counted", os.fdatasync)


def _btrfs(_: Mount, fd: int) -> Counting:
    directory = f"/sys/fs/btrfs/{btrfs.fs_info(fd).fsid}"
    generation, stats = f"{directory}/generation", f"{directory}/commit_stats"
    found = (
        Source("generation", "transaction", generation, lambda: number(generation)),
        Source("commits", "commit", stats, lambda: counters.parse_btrfs_commits(read_text(stats))),
    )
    # Not BTRFS_IOC_SYNC, which also wakes the cleaner: that begins a transaction of its own where
    # there is something to remove, as on a new filesystem.
    return Counting(found, "counted", libc.syncfs)


def _f2fs(mount: Mount, _: int) -> Counting:
    directory = f"/sys/fs/f2fs/{counters.in_sys(_device(mount))}"

    def source(name: str, words: str, kind: Kind) -> Source:
        path = f"{directory}/{name}"
        return Source(words, kind, path, lambda: number(path))

    found = (
        source("cp_foreground_calls", "checkpoints", "commit"),
        source("cp_background_calls", "background checkpoints", "commit"),
        source("moved_blocks_foreground", "moved blocks", "allocation"),
        source("moved_blocks_background", "moved blocks in the background", "allocation"),
    )
    # It has no transactions: what is not written in place is written elsewhere, and a checkpoint
    # for all of it comes now and then. fsync(2) and fdatasync(2) would have it written in place.
    return Counting(found, "none", _write)


def _write(fd: int) -> None:
    """Have dirty data written, as is done in the background too."""
    next(fiemap.extents(fd, 1, sync=True), None)


_BY_TYPE: dict[str, Callable[[Mount, int], Counting]] = {
    "ext2": _ext,
    "ext3": _ext,
    "ext4": _ext,
    "ocfs2": _journal,
    "xfs": _xfs,
    "btrfs": _btrfs,
    "f2fs": _f2fs,
}


def _used(fd: int) -> Source:
    def read() -> int:
        state = os.fstatvfs(fd)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    return Source("bytes in use", "used", "statfs(2)", read)


def counting(fd: int, mount: Mount) -> Counting:
    """What the filesystem of an open file counts."""
    what = f"transactions of {mount.path}"
    look = _BY_TYPE.get(mount.fstype)
    if look is None:
        known = mount.fstype in _WITHOUT_TRANSACTIONS
        lacks = Unknown(what, f"{mount.fstype} shows no number of them")
        found = Counting((), "none" if known else lacks, os.fdatasync)
    else:
        seen = attempt(what, lambda: look(mount, fd))
        found = Counting((), seen, os.fdatasync) if isinstance(seen, Unknown) else seen
    return found._replace(sources=(*found.sources, _used(fd)))


def read(source: Source) -> Counter:
    """The counter as it is now."""
    value = attempt(source.name, source.read)
    return Counter(source.name, source.kind, value, source.path)
