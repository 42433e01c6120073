"""Tables of records: one list of typed columns gives the text, its help and the JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from swapctl.errors import ExitCode, SwapctlError
from swapctl.text import shown
from swapctl.units import format_bytes

R = TypeVar("R")
Value = str | int | bool | None
Kind = Literal["text", "bytes", "number"]


class Column(NamedTuple, Generic[R]):
    """A column of records R: `key` in JSON, `header` in the table and for --output."""

    key: str
    header: str
    kind: Kind
    help: str
    get: Callable[[R], Value]


def select(columns: Sequence[Column[R]], names: str) -> tuple[Column[R], ...]:
    """The columns of a comma-separated list in any case. Raises SwapctlError (usage)."""
    by_header = {column.header: column for column in columns}
    try:
        return tuple(by_header[name.strip().upper()] for name in names.split(","))
    except KeyError as unknown:
        raise SwapctlError(
            f"there is no column {unknown.args[0]!r}",
            hint=f"Columns: {', '.join(by_header)}.",
            code=ExitCode.USAGE,
        ) from None


def record(columns: Iterable[Column[R]], row: R) -> dict[str, Value]:
    """A record for JSON, in base units."""
    return {column.key: column.get(row) for column in columns}


def cell(column: Column[R], row: R, *, plain: bool) -> str:
    """A value as text, "-" when it is not known; `plain` prints bytes as a number."""
    value = column.get(row)
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_bytes(value) if column.kind == "bytes" and not plain else str(value)
    return shown(value)


def width(text: str) -> int:
    """The columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def table_text(columns: Sequence[Column[R]], rows: Iterable[R], *, plain: bool) -> str:
    """An aligned table, numbers to the right, without trailing blanks.

    Made by hand because importing tabulate takes longer than all else that `status` does.
    """
    lines = [[c.header for c in columns]]
    lines += [[cell(c, row, plain=plain) for c in columns] for row in rows]
    widths = [max(map(width, texts)) for texts in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text + pad if column.kind == "text" else pad + text
            for column, text, pad in zip(columns, line, _pads(line, widths), strict=True)
        ).rstrip()
        for line in lines
    )


def _pads(line: list[str], widths: list[int]) -> list[str]:
    return [" " * (wide - width(text)) for text, wide in zip(line, widths, strict=True)]


def table_markdown(columns: Sequence[Column[R]], rows: Iterable[R], *, plain: bool) -> str:
    """The same table in Markdown; there has to be a row."""
    from tabulate import tabulate

    return tabulate(
        [[cell(c, row, plain=plain).replace("|", "\\|") for c in columns] for row in rows],
        headers=[c.header for c in columns],
        tablefmt="pipe",
        colalign=["left" if c.kind == "text" else "right" for c in columns],
        disable_numparse=True,
    )
