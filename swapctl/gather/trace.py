"""What the kernel traces of the watched filesystems, and who caused it, told by the stack."""

import os
import re
from collections.abc import Collection
from typing import NamedTuple

from swapctl.gather.ranges import Ranges, cut
from swapctl.gather.reading import attempt
from swapctl.linux import trace_text, tracefs
from swapctl.linux.files import read_text
from swapctl.linux.trace_text import Traced
from swapctl.proof_facts import Event, Kind, Role, Trace
from swapctl.unknown import Unknown

_EXT = ("ext2", "ext3", "ext4", "ocfs2")


class _Point(NamedTuple):
    """A trace event: the filesystems that have it, a condition on its fields in the words of the
    kernel's filters, and parts of which its text must have one. Where it tells the `blocks` of the
    file only those count that carry the candidate. A `partial` one does not show all of its
    kind."""

    fstypes: tuple[str, ...]
    name: str
    kind: Kind
    condition: str = ""
    texts: tuple[str, ...] = ("",)
    blocks: bool = False
    partial: bool = False


_POINTS = (
    _Point(_EXT, "jbd2/jbd2_handle_start", "transaction"),
    _Point(_EXT, "jbd2/jbd2_start_commit", "commit"),
    _Point(_EXT, "ext4/ext4_allocate_blocks", "allocation", blocks=True),
    _Point(("xfs",), "xfs/xfs_trans_alloc", "transaction"),
    # Within one, room for the change of an inode is taken. That one is joined shows nowhere, and
    # that one begins only newer kernels show.
    _Point(
        ("btrfs",),
        "btrfs/btrfs_space_reservation",
        "transaction",
        'type == "delayed_inode" && reserve == 1',
        partial=True,
    ),
    # The cleaner removes block groups that are empty, in a transaction of its own; a balance too.
    _Point(("btrfs",), "btrfs/btrfs_remove_block_group", "transaction", partial=True),
    # Only data: the trees are written anew with every commit.
    _Point(("btrfs",), "btrfs/btrfs_reserve_extent", "allocation", "flags & 1"),
    # Newer kernels show every state of a commit.
    _Point(("btrfs",), "btrfs/btrfs_transaction_commit", "commit", "", ("root=", "state=3(")),
    _Point(("f2fs",), "f2fs/f2fs_reserve_new_blocks", "allocation"),
    # Its transaction, for whoever has to wait for one.
    _Point(
        ("f2fs",),
        "f2fs/f2fs_write_checkpoint",
        "transaction",
        texts=("start block_ops",),
        partial=True,
    ),
)

# At the end of the stack of every worker.
_WORKER = "worker_thread"

# The first row with a function that the stack has counts.
_ROLES: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (
        "reclaim",
        (
            *("shrink_folio_list", "shrink_page_list", "shrink_list", "shrink_lruvec"),
            *("shrink_inactive_list", "reclaim_folio_list", "reclaim_page_list", "reclaim_pages"),
            *("swap_writepage", "swap_writeout", "try_to_free_pages"),
        ),
    ),
    (
        "loop",
        (
            "loop_process_work",
            "loop_workfn",
            "loop_rootcg_workfn",
            "lo_rw_aio",
            "lo_rw_aio_complete",
        ),
    ),
    (
        "completion",
        (
            *("iomap_dio_complete", "iomap_dio_complete_work", "xfs_end_io", "xfs_end_ioend"),
            *("ext4_end_io_rsv_work", "ext4_end_io_end", "btrfs_finish_one_ordered"),
            *("btrfs_finish_ordered_io", "btrfs_finish_ordered_fn"),
        ),
    ),
    (
        "writeback",
        ("wb_workfn", "writeback_sb_inodes", "do_writepages", "__filemap_fdatawrite_range"),
    ),
    (
        "housekeeping",
        (
            *("kjournald2", "xfsaild", "xfs_log_worker", "xfs_inodegc_worker"),
            *("xfs_blockgc_worker", "xlog_ioend_work", "xlog_cil_push_work"),
            *("transaction_kthread", "cleaner_kthread", "ext4_lazyinit_thread", "gc_thread_func"),
            *("issue_checkpoint_thread", "issue_discard_thread", "btrfs_async_reclaim_data_space"),
            *("btrfs_async_reclaim_metadata_space", "btrfs_discard_workfn"),
        ),
    ),
)


def role(event: Traced, ours: Collection[int]) -> Role:
    """Who caused it; `ours` are the processes that swap."""
    if event.comm.startswith("kswapd"):
        return "kswapd"
    stack = set(event.stack)
    witness = event.pid == os.getpid()
    for found, functions in _ROLES:
        if stack.isdisjoint(functions):
            continue
        # What others have written at once, in their own calls, was their own.
        if found in ("writeback", "completion") and _WORKER not in stack and not witness:
            continue
        return found
    if witness:
        return "witness"
    return "ours" if event.pid in ours else "other"


class Traceable(NamedTuple):
    """A filesystem as its events show it: by its device number, or a UUID at their beginning.
    `files` are the inode numbers of those that are watched, with where the candidate is in each."""

    device: str
    fstype: str
    uuid: str
    block_size: int
    files: dict[int, Ranges]


def _kernel_number(device: str) -> int:
    """A device number as the kernel has it inside, and filters on it (<linux/kdev_t.h>)."""
    major, minor = device.split(":")
    return int(major) << 20 | int(minor)


def _beginnings(one: Traceable) -> tuple[str, ...]:
    if one.uuid:
        return (f"{one.uuid}:",)
    major, minor = one.device.split(":")
    return f"dev {major},{minor} ", f"dev {major}:{minor} ", f"dev = ({major},{minor}),"


def _comm(event: Traced) -> str:
    """The kernel remembers few names; while the task is there it has one."""
    if event.comm != "<...>":
        return event.comm
    text = attempt("name", lambda: read_text(f"/proc/{event.pid}/comm"))
    return event.comm if isinstance(text, Unknown) else text.strip()


# ext4_allocate_blocks: the file, how many blocks, and the first of them in the file.
_BLOCKS = re.compile(r" ino (\d+) .*\blen (\d+) .*\blblk (\d+) ")


def _carries(one: Traceable, text: str) -> bool:
    """Are these blocks some of those that carry the candidate?"""
    found = _BLOCKS.search(text)
    if found is None:
        return True
    inode, length, first = map(int, found.groups())
    ranges = one.files.get(inode, [])
    return bool(cut(ranges, first * one.block_size, length * one.block_size))


class Tracer:
    """Traces the filesystems; to be closed. Raises OSError where that cannot be done."""

    def __init__(self, filesystems: Collection[Traceable]) -> None:
        self._begin = {text: one for one in filesystems for text in _beginnings(one)}
        self._points: dict[str, _Point] = {}
        self._lost = 0
        fstypes = {one.fstype for one in filesystems}
        self._instance = tracefs.Instance()
        try:
            for point in _POINTS:
                if fstypes.isdisjoint(point.fstypes):
                    continue
                try:
                    self._instance.enable(point.name, _condition(point, filesystems))
                except FileNotFoundError:
                    continue
                self._points[point.name.partition("/")[2]] = point
        except BaseException:
            self.close()
            raise

    def read(self, ours: Collection[int]) -> Trace:
        """The events since the last time. Raises OSError."""
        found: dict[tuple[str, str, int, Role, tuple[str, ...]], Event] = {}
        for traced in trace_text.parse(self._instance.lines()):
            point = self._points.get(traced.event)
            one = self._filesystem(traced.text)
            if point is None or one is None or not any(text in traced.text for text in point.texts):
                continue
            if point.blocks and not _carries(one, traced.text):
                continue
            who = role(traced, ours)
            key = (one.device, traced.event, traced.pid, who, traced.stack)
            before = found.get(key)
            found[key] = (
                before._replace(times=before.times + 1)
                if before
                else Event(
                    device=one.device,
                    event=traced.event,
                    kind=point.kind,
                    pid=traced.pid,
                    comm=_comm(traced),
                    role=who,
                    stack=traced.stack,
                    times=1,
                )
            )
        lost = self._instance.lost()
        now, self._lost = lost - self._lost, lost
        whole = (point for point in self._points.values() if not point.partial)
        complete = ((fstype, point.kind) for point in whole for fstype in point.fstypes)
        return Trace(tuple(found.values()), now, frozenset(complete))

    def _filesystem(self, text: str) -> Traceable | None:
        return next((one for begin, one in self._begin.items() if text.startswith(begin)), None)

    def close(self) -> None:
        """End the tracing and remove all of it."""
        self._instance.close()


def _condition(point: _Point, filesystems: Collection[Traceable]) -> str:
    """Events that have the number of the device are told apart by it in the kernel."""
    if point.condition:
        return point.condition
    return " || ".join(
        _of(one, point.blocks)
        for one in filesystems
        if one.fstype in point.fstypes and not one.uuid
    )


def _of(one: Traceable, files: bool) -> str:
    device = f"dev == {_kernel_number(one.device)}"
    inodes = " || ".join(f"ino == {number}" for number in one.files)
    return f"({device} && ({inodes}))" if files else device


def open_tracer(filesystems: Collection[Traceable]) -> Tracer | Unknown:
    """A tracer, or why there is none."""
    if not filesystems:
        return Unknown("trace events", "no filesystem that has any is watched")
    if os.geteuid() != 0:
        return Unknown("trace events", "not root")
    return attempt("trace events", lambda: Tracer(filesystems))


def known(fstype: str) -> bool:
    """Does a filesystem of that type have events that are known here?"""
    return any(fstype in point.fstypes for point in _POINTS)
