"""Tables: alignment, units, unknown values, the choice of columns."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.render.table import (
    Column,
    cell,
    record,
    select,
    table_markdown,
    table_text,
    width,
)


class Row(NamedTuple):
    name: str
    size: int | None = None
    flag: bool | None = None


NAME = Column[Row]("name", "NAME", "text", "the name", lambda r: r.name)
SIZE = Column[Row]("size_bytes", "SIZE", "bytes", "the size", lambda r: r.size)
FLAG = Column[Row]("flag", "FLAG", "text", "the flag", lambda r: r.flag)
COLUMNS = (NAME, SIZE, FLAG)


def test_text_is_left_and_numbers_are_right() -> None:
    rows = [Row("/a", 1024, True), Row("/longer", None, None)]
    assert table_text(COLUMNS, rows, plain=False).split("\n") == [
        "NAME        SIZE  FLAG",
        "/a       1.0 KiB  yes",
        "/longer        -  -",
    ]


def test_plain_bytes_are_numbers() -> None:
    assert cell(SIZE, Row("", 1536), plain=True) == "1536"
    assert cell(SIZE, Row("", 1536), plain=False) == "1.5 KiB"
    assert cell(SIZE, Row("", 0), plain=False) == "0 B"


def test_wide_characters_keep_the_columns_straight() -> None:
    first, second = table_text((NAME, SIZE), [Row("/交換", 1), Row("/ab", 2)], plain=True).split(
        "\n"
    )[1:]
    assert width(first) == width(second)


def test_control_characters_are_escaped() -> None:
    assert cell(NAME, Row("/a\nb\x1b[31m"), plain=False) == r"$'/a\nb\x1b[31m'"


def test_an_empty_table_has_a_heading() -> None:
    assert table_text((NAME, SIZE), [], plain=False) == "NAME  SIZE"


@given(st.lists(st.tuples(st.text(), st.none() | st.integers(0, 2**70))))
def test_a_row_is_a_line_without_trailing_blanks(values: list[tuple[str, int | None]]) -> None:
    lines = table_text((NAME, SIZE), [Row(*v) for v in values], plain=False).split("\n")
    assert len(lines) == len(values) + 1
    assert all(line == line.rstrip() for line in lines)


def test_markdown() -> None:
    lines = table_markdown((NAME, SIZE), [Row("/a|b", 1024)], plain=False).split("\n")
    assert [[part.strip() for part in line.split(" | ")] for line in lines[::2]] == [
        ["| NAME", "SIZE |"],
        ["| /a\\|b", "1.0 KiB |"],
    ]
    assert lines[1].endswith("-:|")


def test_record_is_in_base_units() -> None:
    row = Row("/a", 1536)
    assert record(COLUMNS, row) == {"name": "/a", "size_bytes": 1536, "flag": None}


def test_columns_are_chosen_in_any_case() -> None:
    assert select(COLUMNS, "size, Name,SIZE") == (SIZE, NAME, SIZE)


@pytest.mark.parametrize("names", ["", "name,", "nam", "NAME SIZE"])
def test_an_unknown_column_is_a_usage_error(names: str) -> None:
    with pytest.raises(SwapctlError) as raised:
        select(COLUMNS, names)
    assert raised.value.code is ExitCode.USAGE
    assert "NAME, SIZE, FLAG" in raised.value.hint
