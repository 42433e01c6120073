"""How much memory a proof takes, and what its pages hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import SwapArea
from swapctl.prove.bounds import DEFAULT, LEAST, amount, room
from swapctl.prove.pages import SEED_SIZE, content, described

MIB = 1 << 20
PAGE = 4096
MUCH = 1 << 40


def area(path: str, size: int, used: int = 0) -> SwapArea:
    return SwapArea(path, "file", size, used, 0, False, None, None)


OURS = area("/ours", 200 * MIB)


@pytest.mark.parametrize(
    ("ours", "others", "most"),
    [
        (OURS, (), 100 * MIB),
        (OURS, (OURS,), 100 * MIB),
        (OURS, (area("/b", 1000 * MIB),), 200 * MIB),
        (OURS, (area("/b", 200 * MIB, 150 * MIB),), 50 * MIB),
        (area("/ours", 200 * MIB, 60 * MIB), (), 40 * MIB),
        (OURS, (area("/b", 200 * MIB, 200 * MIB),), 0),
    ],
)
def test_half_of_all_swap_stays_free(
    ours: SwapArea, others: tuple[SwapArea, ...], most: int
) -> None:
    assert max(0, most - MIB) <= room(ours, others) <= most


def test_the_default_is_clipped() -> None:
    assert amount(None, area("/a", 4096 * MIB), (), MUCH, PAGE) == DEFAULT
    assert 99 * MIB < amount(None, OURS, (), MUCH, PAGE) < 100 * MIB


def test_what_was_asked_for_is_taken_in_whole_pages() -> None:
    assert amount(64 * MIB + 5, OURS, (), MUCH, PAGE) == 64 * MIB


@pytest.mark.parametrize(
    ("wanted", "ours", "memory", "code"),
    [
        (300 * MIB, OURS, MUCH, ExitCode.USAGE),
        (120 * MIB, OURS, MUCH, ExitCode.USAGE),
        (PAGE, OURS, MUCH, ExitCode.USAGE),
        (None, area("/a", 2 * MIB), MUCH, ExitCode.UNDECIDED),
        (64 * MIB, area("/a", 200 * MIB, 180 * MIB), MUCH, ExitCode.UNDECIDED),
        (64 * MIB, OURS, 127 * MIB, ExitCode.UNDECIDED),
        (None, OURS, 64 * MIB, ExitCode.UNDECIDED),
    ],
)
def test_refusals(wanted: int | None, ours: SwapArea, memory: int, code: ExitCode) -> None:
    with pytest.raises(SwapctlError) as raised:
        amount(wanted, ours, (), memory, PAGE)
    assert raised.value.code is code
    assert raised.value.hint


def test_no_refusal_just_before() -> None:
    assert amount(64 * MIB, OURS, (), 128 * MIB, PAGE) == 64 * MIB
    assert amount(LEAST, area("/a", 4 * MIB), (), MUCH, PAGE) == LEAST


SEEDS = st.binary(min_size=SEED_SIZE, max_size=SEED_SIZE)
NUMBERS = st.integers(0, 2**40)


@given(SEEDS, NUMBERS, NUMBERS, st.sampled_from([4096, 16384, 65536]))
def test_pages_can_be_made_again(seed: bytes, round_: int, page: int, size: int) -> None:
    data = content(seed, round_, page, size)
    assert len(data) == size
    assert data == content(seed, round_, page, size)
    assert any(data)
    assert data != content(seed, round_, page + 1, size)
    assert data != content(seed, round_ + 1, page, size)


@given(SEEDS, st.integers(0, 9), st.integers(0, 99))
def test_wrong_pages_are_told_apart(seed: bytes, round_: int, page: int) -> None:
    other = bytes(255 - byte for byte in seed)
    cases = {
        "all zeros": bytes(PAGE),
        "data that was not written here": content(other, round_, page, PAGE),
        f"page {page + 1} instead": content(seed, round_, page + 1, PAGE),
        f"page {page} of round {round_ + 1}": content(seed, round_ + 1, page, PAGE),
        "damaged": content(seed, round_, page, PAGE)[:-1] + b"\0\0"[:1],
    }
    for words, data in cases.items():
        if data != content(seed, round_, page, PAGE):
            assert described(data, seed, round_, page).startswith(words)
