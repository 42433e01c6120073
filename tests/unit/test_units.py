"""Sizes are read as util-linux reads them, and as nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.units import (
    GIB,
    MAX_BYTES,
    AutoSize,
    RamSize,
    format_bytes,
    format_seconds,
    parse_bytes,
    parse_reserve,
    parse_size,
    resolve_size,
)

SIZES = {
    "1": 1,
    "4096": 4096,
    "007": 7,
    "1K": 2**10,
    "1k": 2**10,
    "8G": 2**33,
    "8g": 2**33,
    "8GiB": 2**33,
    "8gib": 2**33,
    "8GIB": 2**33,
    "8GB": 8 * 10**9,
    "8gb": 8 * 10**9,
    "3MB": 3 * 10**6,
    "512M": 2**29,
    "2T": 2**41,
    "3TiB": 3 * 2**40,
    "1PB": 10**15,
    "7E": 7 * 2**60,
    "1.5G": 3 * 2**29,
    "0.5K": 512,
    "0.001KB": 1,
    "9223372036854775807": MAX_BYTES,
}
# util-linux and coreutils agree on all of these; they do not on a bare B and on fractions.
WITNESSED = [text for text in SIZES if "." not in text]


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size
    assert parse_size(text) == size


def seen_by(command: list[str], path: Path) -> int | None:
    """The size that another program makes of the text; None where the filesystem is too small."""
    path.touch()
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        assert "too large" in done.stderr or "space" in done.stderr, done.stderr
        return None
    size = path.stat().st_size
    os.truncate(path, 0)
    return size


def test_coreutils_agree(tmp_path: Path) -> None:
    """truncate(1) makes a sparse file of the size; it knows neither lower-case b nor all of ib."""
    truncate = shutil.which("truncate")
    assert truncate is not None
    agreed = 0
    for text in WITNESSED:
        theirs = text.replace("ib", "iB").replace("IB", "iB").replace("gb", "GB")
        theirs = theirs.replace("gi", "Gi")
        size = seen_by([truncate, "-s", theirs], tmp_path / "sparse")
        if size is not None:
            assert parse_bytes(text) == size, text
            agreed += 1
    assert agreed >= 12


@pytest.mark.needs("tool fallocate")
def test_util_linux_agrees(tmp_path: Path) -> None:
    """fallocate(1) allocates, so these are small."""
    for text in (
        "1K",
        "1KB",
        "1KiB",
        "64k",
        "64kb",
        "64kib",
        "1M",
        "1MB",
        "0.5M",
        "1.5K",
        "7",
    ):
        path = tmp_path / text
        subprocess.run(["fallocate", "-l", text, str(path)], check=True)
        assert path.stat().st_size == parse_bytes(text), text


REFUSED = [
    *("", " ", "8Q", "-1", "+1", "0", "0G", "0.0K", "1e9", "1e9K", "8 G", " 8G", "8G ", "8G\n"),
    *("8GiBB", "8GBB", "8Gi", "8iB", "iB", "G", "B", ".5G", "5.G", "1.5", "1.5B", "1,5G", "8__G"),
    *("NaN", "inf", "-inf", "0x10", "1_000", "0.0001K", "\u0661G", "\uff18G", "8\u212a", "8G\0"),
    *("8G8", "8GG", "9223372036854775808", "8E", "8EiB", "10EB", str(2**70), "9" * 5000),
    *("1." + "1" * 5000 + "G", "50%", "xRAM", "auto "),
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:24]))
def test_refused(text: str) -> None:
    for parse in (parse_bytes, parse_size):
        with pytest.raises(SwapctlError) as caught:
            parse(text)
        assert caught.value.code is ExitCode.USAGE
        assert caught.value.hint


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    for parse in (parse_bytes, parse_size, parse_reserve):
        try:
            value = parse(text)
        except SwapctlError as error:
            assert error.code is ExitCode.USAGE
        else:
            assert text.isascii()
            assert not isinstance(value, int) or 0 <= value <= MAX_BYTES


@given(st.integers(1, MAX_BYTES))
def test_plain_numbers(size: int) -> None:
    assert parse_bytes(str(size)) == size


@given(st.integers(1, 7), st.sampled_from("KMGTPE"), st.sampled_from(["", "iB", "IB", "ib", "B"]))
def test_units_are_powers(number: int, prefix: str, suffix: str) -> None:
    base = 1000 if suffix == "B" else 1024
    expected = number * base ** ("KMGTPE".index(prefix) + 1)
    assert parse_bytes(f"{number}{prefix}{suffix}") == expected
    assert parse_bytes(f"{number}{prefix}{suffix}".lower()) == expected


@given(st.integers(0, 10**9 - 1), st.sampled_from("KMGT"))
def test_fractions_are_rounded_down_exactly(billionths: int, prefix: str) -> None:
    unit = 1024 ** ("KMGT".index(prefix) + 1)
    assert parse_bytes(f"3.{billionths:09d}{prefix}") == 3 * unit + billionths * unit // 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", AutoSize()),
        ("AUTO", AutoSize()),
        ("50%RAM", RamSize(0.5)),
        ("50%ram", RamSize(0.5)),
        ("2xRAM", RamSize(2.0)),
        ("1.5XRAM", RamSize(1.5)),
        ("0.5xRAM", RamSize(0.5)),
    ],
)
def test_sizes_in_proportion(text: str, expected: object) -> None:
    assert parse_size(text) == expected
    assert type(parse_size(text)) is type(expected)


@pytest.mark.parametrize("text", ["0%RAM", "0xRAM", "0.0xRAM", "-1xRAM", "1e3xRAM", "nanxRAM"])
def test_no_size_in_proportion(text: str) -> None:
    with pytest.raises(SwapctlError):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("1G", GIB), ("5%", 0.05), ("0%", 0.0), ("12.5%", 0.125), ("100%", 1.0)],
)
def test_reserve(text: str, expected: float) -> None:
    found = parse_reserve(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", ["101%", "-5%", "%", "5 %", "5%RAM", "auto", "0G", ""])
def test_no_reserve(text: str) -> None:
    with pytest.raises(SwapctlError) as caught:
        parse_reserve(text)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("memory_gib", "swap_gib"),
    [(1, 1), (2, 2), (4, 4), (8, 4), (16, 4), (25, 5), (64, 8), (256, 16)],
)
def test_auto_follows_the_tables_of_distributions(memory_gib: int, swap_gib: int) -> None:
    assert resolve_size(AutoSize(), memory_gib * GIB, 4096) == swap_gib * GIB


@given(st.integers(1, MAX_BYTES), st.integers(1, 2**50), st.sampled_from((4096, 16384, 65536)))
def test_resolved_sizes_are_whole_pages(size: int, memory: int, page: int) -> None:
    resolved = resolve_size(size, memory, page)
    assert resolved % page == 0
    assert size - page < resolved <= size
    for request in (AutoSize(), RamSize(0.5), RamSize(2.0)):
        assert resolve_size(request, memory, page) % page == 0
    assert resolve_size(RamSize(1.0), memory, page) == memory // page * page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (2**33, "8.0 GiB"),
        (2**63, "8.0 EiB"),
        (2**73, "8192.0 EiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_formatted_bytes(value: int, text: str) -> None:
    assert format_bytes(value) == text


@given(st.integers(1024, 2**62))
def test_formatted_bytes_read_back_within_their_precision(value: int) -> None:
    back = parse_bytes(format_bytes(value).replace(" ", ""))
    assert abs(back - value) <= value / 20
    assert len(format_bytes(value)) <= 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (200, "3m20s"),
        (3599, "59m59s"),
        (18240, "5h04m"),
        (172799, "47h59m"),
        (172800, "2d"),
        (800000, "9d"),
    ],
)
def test_formatted_seconds(value: float, text: str) -> None:
    assert format_seconds(value) == text
