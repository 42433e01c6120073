"""Taking samples, and what two of them say about the time between; unknown stays unknown."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.facts import SwapArea
from swapctl.linux.processes import ProcessSwap, parse_vmswap, swap_by_process
from swapctl.monitor import Sampler
from swapctl.samples import Delta, Event, Sample, delta, events, missing, rate

MIB = 1 << 20


def area(path: str = "/swap", used: int = 0, size: int = 100 * MIB) -> SwapArea:
    return SwapArea(path, "file", size, used, -2, False, None, None)


def sample(moment: float, *areas: SwapArea, counters: int | None = 0) -> Sample:
    return Sample(1e9 + moment, moment, areas, counters, counters, counters, None, None)


def test_first_sample_has_no_rates() -> None:
    first = sample(0, area(used=MIB), counters=5)
    assert delta(None, first) == Delta(None, None, None, (None,), None)


def test_rates_are_per_second() -> None:
    found = delta(sample(0, counters=100), sample(4, counters=300))
    assert (found.bytes_in, found.bytes_out, found.major_faults) == (50, 50, 50)


@pytest.mark.parametrize(
    ("before", "now", "seconds", "expected"),
    [
        (None, 1, 1, None),
        (1, None, 1, None),
        (1, 1, 0, None),
        (1, 1, -1, None),
        (2, 1, 1, None),
        (1, 1, 1, 0),
        (0, 1, 0.5, 2),
    ],
)
def test_rate(before: int | None, now: int | None, seconds: float, expected: float | None) -> None:
    assert rate(before, now, seconds) == expected


def test_time_until_full() -> None:
    found = delta(sample(0, area(used=10 * MIB)), sample(2, area(used=20 * MIB)))
    assert found.changes == (10 * MIB,)
    assert found.full_in == 16


@pytest.mark.parametrize("used", [0, 10 * MIB])
def test_what_does_not_grow_is_never_full(used: int) -> None:
    assert delta(sample(0, area(used=10 * MIB)), sample(2, area(used=used))).full_in is None


def test_a_full_area_is_full_now() -> None:
    found = delta(sample(0, area(used=99 * MIB)), sample(2, area(used=100 * MIB)))
    assert found.full_in == 0


def test_a_new_area_has_room_but_no_rate() -> None:
    now = sample(1, area(used=20 * MIB), area("/new", used=50 * MIB))
    found = delta(sample(0, area(used=10 * MIB)), now)
    assert found.changes == (10 * MIB, None)
    assert found.full_in == 13


def test_areas_of_one_name_are_paired_in_order() -> None:
    found = delta(sample(0, area(used=1), area(used=5)), sample(1, area(used=2), area(used=9)))
    assert found.changes == (1, 4)


def test_events() -> None:
    old, kept, new = area("/old"), area("/kept"), area("/new")
    assert events(7, [old, kept], [kept._replace(used=9), new]) == [
        Event(7, False, old),
        Event(7, True, new),
    ]


def test_an_area_of_another_size_is_another() -> None:
    small, large = area(size=MIB), area(size=2 * MIB)
    assert events(7, [small], [large]) == [Event(7, False, small), Event(7, True, large)]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_events_lead_from_one_list_to_the_other(before: list[str], now: list[str]) -> None:
    old, new = [area(p) for p in before], [area(p) for p in now]
    kept = list(old)
    for gone in missing(old, new):
        kept.remove(gone)
    assert sorted([*kept, *missing(new, old)]) == sorted(new)


PAGE = os.sysconf("SC_PAGE_SIZE")
SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swap file\t1020\t4\t-2\n"


def taken(proc: Path) -> Sample:
    with ExitStack() as undo:
        return Sampler(undo, str(proc)).sample()


def test_a_sample(tmp_path: Path) -> None:
    (tmp_path / "swaps").write_text(SWAPS)
    (tmp_path / "vmstat").write_text("pswpin 2\npswpout 3\npgmajfault 5\n")
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure/memory").write_text("some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n")
    found = taken(tmp_path)
    assert found.areas == (SwapArea("/swap", "file", 1020 << 10, 4 << 10, -2, False, None, None),)
    assert (found.bytes_in, found.bytes_out, found.major_faults) == (2 * PAGE, 3 * PAGE, 5)
    assert found.stall == (1.5, 7, None, None)
    assert found.memory is not None


def test_a_sample_of_a_kernel_that_tells_nothing(tmp_path: Path) -> None:
    found = taken(tmp_path)
    assert found.areas == ()
    assert (found.bytes_in, found.bytes_out, found.major_faults, found.stall) == (None,) * 4


def test_long_files_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("nr_other 1\n" * 100_000 + "pswpin 2\n")
    assert taken(tmp_path).bytes_in == 2 * PAGE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"Name:\ta\nVmSwap:\t     12 kB\nThreads:\t1\n", 12 << 10),
        (b"Name:\ta\nVmSwap:\t      0 kB\n", 0),
        (b"Name:\tVmSwap: 5 kB\nThreads:\t1\n", None),
        (b"Name:\tkthreadd\n", None),
        (b"", None),
    ],
)
def test_vmswap(status: bytes, expected: int | None) -> None:
    assert parse_vmswap(status) == expected


def test_processes_by_size(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    for pid, swap in (("7", 4), ("8", 0), ("9", 8), ("self", 99), ("10", 4)):
        (proc / pid).mkdir(parents=True)
        # A process in very many groups has a long status before the line that counts.
        groups = f"Groups:\t{'1000 ' * 5000}\n"
        (proc / pid / "status").write_text(f"Name:\tx\n{groups}VmSwap:\t{swap:8} kB\n")
    (proc / "11").mkdir()
    assert swap_by_process(str(tmp_path)) == [
        ProcessSwap(9, 8 << 10),
        ProcessSwap(7, 4 << 10),
        ProcessSwap(10, 4 << 10),
    ]
