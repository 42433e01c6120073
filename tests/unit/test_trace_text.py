"""Traces that were recorded while 64 KiB were written through a loop device over a sparse file on
ext4, xfs, btrfs and f2fs (which 6.18 there lacked), with fsync(2) at the end."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.gather.trace import role
from swapctl.linux import tracefs
from swapctl.linux.trace_text import Traced, parse

TRACES = Path(__file__).parent / "traces"
KERNELS = ("6.1", "6.12", "6.18", "7.2")


def recorded(kernel: str) -> list[Traced]:
    text = (TRACES / f"{kernel}.txt").read_text(encoding="utf-8")
    return list(parse(text.split("\n")))


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_event_has_the_stack_of_its_own(kernel: str) -> None:
    events = recorded(kernel)
    text = (TRACES / f"{kernel}.txt").read_text(encoding="utf-8")
    assert len(events) == text.count("<stack trace>")
    # 7.2 has return thunks at the end of every stack.
    ends = {stack[-1] for stack in (event.stack for event in events)}
    assert ends <= {"ret_from_fork", "ret_from_fork_asm", "entry_SYSCALL_64_after_hwframe"}
    assert not any(name.startswith("trace_event_") for event in events for name in event.stack)


@pytest.mark.parametrize("kernel", KERNELS)
def test_who_caused_what(kernel: str) -> None:
    seen = Counter(
        (event.event, role(event, ()))
        for event in recorded(kernel)
        if event.event != "btrfs_transaction_commit"
    )
    # The blocks of the images below those filesystems are given out by loop workers as well.
    assert seen["ext4_allocate_blocks", "loop"] >= 1
    assert seen["jbd2_handle_start", "loop"] == 2
    assert seen["jbd2_start_commit", "housekeeping"] == 1
    assert seen["xfs_trans_alloc", "loop"] == 2
    assert seen["xfs_trans_alloc", "completion"] == 1
    assert seen["btrfs_reserve_extent", "loop"] == 1
    assert seen["btrfs_space_reservation", "completion"] == 1
    assert {who for _, who in seen} == {"loop", "completion", "housekeeping"}


STAMP = "    {comm}-{pid}  [{cpu}] d..1.   23.703674: {event}: {text}"


def line(comm: str, pid: int, cpu: str, event: str, text: str = "") -> str:
    return STAMP.format(comm=comm, pid=pid, cpu=cpu, event=event, text=text)


def test_stacks_of_two_processors_are_told_apart() -> None:
    lines = [
        line("one", 1, "000", "first", "dev 7,0 x"),
        line("two", 2, "001", "second", "dev 7,1 y"),
        line("one", 1, "000", "<stack trace>").replace(">: ", ">"),
        " => trace_event_raw_event_first",
        " => of_one",
        "CPU:1 [LOST 12 EVENTS]",
        line("two", 2, "001", "<stack trace>").replace(">: ", ">"),
        " => of_two+0x12/0x40 [module]",
        line("one", 1, "001", "<stack trace>").replace(">: ", ">"),
        " => of_nobody",
    ]
    assert list(parse(lines)) == [
        Traced("one", 1, "first", "dev 7,0 x", ("of_one",)),
        Traced("two", 2, "second", "dev 7,1 y", ("of_two",)),
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1))
def test_names_of_tasks_can_contain_everything(comm: str) -> None:
    events = list(parse([line(comm, 7, "003", "event", "dev 7,0")]))
    assert len(events) <= 1
    for event in events:
        assert (event.pid, event.event, event.text) == (7, "event", "dev 7,0")
        assert comm.endswith(event.comm)


@given(st.lists(st.text()))
def test_any_text_is_survived(lines: list[str]) -> None:
    list(parse(lines))


def traced(comm: str, pid: int, *stack: str) -> Traced:
    return Traced(comm, pid, "jbd2_handle_start", "", stack)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (traced("kswapd0", 9, "f2fs_write_checkpoint", "shrink_folio_list", "kswapd"), "kswapd"),
        (traced("pages", 5, "swap_writepage", "shrink_folio_list", "reclaim_pages"), "reclaim"),
        (traced("cc1", 8, "ext4_writepages", "shrink_page_list", "try_to_free_pages"), "reclaim"),
        (traced("pages", 5, "ext4_dirty_inode", "touch_atime"), "ours"),
        (traced("cp", 8, "ext4_da_write_begin", "vfs_write"), "other"),
        # What others write at once is their own; what a worker writes can be anybody's.
        (traced("cp", 8, "ext4_writepages", "do_writepages", "do_fsync"), "other"),
        (traced("kworker/u8:1", 3, "do_writepages", "wb_workfn", "worker_thread"), "writeback"),
        (traced("db", 8, "iomap_dio_complete", "iomap_dio_rw", "vfs_write"), "other"),
    ],
)
def test_roles(event: Traced, expected: str) -> None:
    assert role(event, (5,)) == expected


def test_instances_of_the_dead() -> None:
    names = ["swapctl-4026531836-1", "swapctl-4026531836-999999999", "swapctl-5-999999999", "mine"]
    assert tracefs.abandoned(names, "swapctl-4026531836-") == ["swapctl-4026531836-999999999"]


def test_lost_events() -> None:
    stats = (
        "entries: 0\noverrun: 2\ncommit overrun: 0\nbytes: 52\n"
        "oldest event ts:  2725.5\nnow ts: 27.1\ndropped events: 5\nread events: 51\n"
    )
    assert tracefs.dropped(stats) == 7
