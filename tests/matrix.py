"""docs/matrix.md: what was predicted and what swapon(2) answered, by filesystem and kernel.

    python -m tests.matrix      writes the document from what the last whole run recorded

The document can be read back, so a run can be held against it: that is how it is known to be stale.
"""

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "matrix.md"
BUILD = ROOT / "build"

UNTRIED = "-"
# For an area that has no page but the first.
NO_PAGE = "EINVAL"
INTRODUCTION = f"""\
# What swapon(2) answers, and what swapctl predicts

Made by `make matrix` from a run of all tests; a test fails when it is out of date. Each row is a
file or device made on that filesystem. `tests/kernel/conditions*.py` and `tests/vm/guest_*.py`
make the files, `tests/kernel/loopfs.py` the filesystems. Besides what stands here the tests
compare the kernel's log text. How much of a fragmented file is usable, if any of it is, differs
from run to run.

| cell | predicted | answered |
|---|---|---|
| 1020K | accepted with so much usable | the same |
| EINVAL | refused with this errno | the same |
| EPERM, undecided | that it cannot be known | refused with this errno |
| **EINVAL, not 1020K** | accepted with so much usable | refused with this errno: a defect |
| {UNTRIED} | | not tried: this kernel, or this filesystem, cannot make it |
"""

SIZE = re.compile(r"\b\d+K\b")

Case = tuple[str, str]
Column = dict[Case, str]


class Matrix(NamedTuple):
    """The document: the kernels' series ("6.12"), and by filesystem and condition a cell for each
    of them."""

    series: tuple[str, ...]
    cells: dict[Case, tuple[str, ...]]


def series_of(release: str) -> str:
    """Kernels of one series are taken for alike: distributions renew them every few weeks."""
    return ".".join(release.split("-")[0].split(".")[:2])


def _said(answer: dict[str, Any]) -> str:
    if answer["accepts"] is None:
        return "undecided"
    if not answer["accepts"]:
        return str(answer["errno"] or "refused")
    return f"{answer['usable'] // 1024}K" if answer["usable"] is not None else "accepted"


def cell(row: dict[str, Any]) -> str:
    """The text for one case: both answers where they differ."""
    predicted, actual = _said(row["predicted"]), _said(row["actual"])
    if not row["agrees"]:
        return f"**{actual}, not {predicted}**"
    return actual if predicted == actual else f"{actual}, {predicted}"


def column(record: dict[str, Any]) -> Column:
    """A run's cells, and those of the cases that it had to leave out."""
    found = {(row["filesystem"], row["condition"]): cell(row) for row in record["rows"]}
    for names in record["left_out"].values():
        for name in names:
            match = re.search(r"\[(.+?):(.+)\]$", name)
            if match:
                found.setdefault((match[1], match[2]), UNTRIED)
    return found


def scattered(record: dict[str, Any]) -> set[Case]:
    """The cases in which it is up to where the filesystem has put the blocks how many pages are
    usable, and whether any is."""
    return {
        (row["filesystem"], row["condition"])
        for row in record["rows"]
        if "warning file-fragmented" in row["why"]
        and {why for why in row["why"] if why.startswith("refused")} <= {"refused area-no-page"}
    }


def build(columns: Iterable[tuple[str, Column]]) -> Matrix:
    """Runs on one series are put together."""
    whole: dict[str, Column] = {}
    for series, cells in columns:
        whole.setdefault(series, {}).update(cells)
    order = sorted(whole, key=lambda series: [int(number) for number in series.split(".")])
    cases = {case for cells in whole.values() for case in cells}
    return Matrix(
        tuple(order),
        {case: tuple(whole[series].get(case, UNTRIED) for series in order) for case in cases},
    )


def render(matrix: Matrix) -> str:
    lines = [INTRODUCTION]
    for filesystem in sorted({name for name, _ in matrix.cells}):
        lines += [
            f"## {filesystem}\n",
            f"| condition | {' | '.join(f'Linux {series}' for series in matrix.series)} |",
            f"|---|{'---|' * len(matrix.series)}",
        ]
        for case in sorted(case for case in matrix.cells if case[0] == filesystem):
            lines.append(f"| {case[1]} | {' | '.join(matrix.cells[case])} |")
        lines.append("")
    return "\n".join(lines)


def _cells(line: str) -> list[str]:
    return [word.strip() for word in line.strip("|").split("|")]


def parse(text: str) -> Matrix:
    """The inverse of render."""
    series: tuple[str, ...] = ()
    cells: dict[Case, tuple[str, ...]] = {}
    filesystem = ""
    for line in text.splitlines():
        if line.startswith("## "):
            filesystem = line.removeprefix("## ")
        elif line.startswith("| condition |"):
            series = tuple(word.removeprefix("Linux ") for word in _cells(line)[1:])
        elif filesystem and line.startswith("| "):
            condition, *found = _cells(line)
            cells[filesystem, condition] = tuple(found)
    return Matrix(series, cells)


def stale(
    matrix: Matrix, release: str, cells: Column, by_chance: Collection[Case] = ()
) -> list[str]:
    """Where a run says something else than the document, sizes apart, and for some cases whether
    there is any; nothing for a kernel that it has not."""
    series = series_of(release)
    if series not in matrix.series:
        return []
    place = matrix.series.index(series)
    nothing = (UNTRIED,) * len(matrix.series)

    def comparable(case: Case, text: str) -> str:
        without = SIZE.sub("", text)
        return "" if case in by_chance and without == NO_PAGE else without

    found = []
    for case, now in sorted(cells.items()):
        then = matrix.cells.get(case, nothing)[place]
        if comparable(case, now) != comparable(case, then):
            filesystem, condition = case
            found.append(
                f"{filesystem}, {condition} on Linux {series}: {now}; docs/matrix.md: {then}"
            )
    return found


def document() -> Matrix:
    return parse(DOCUMENT.read_text())


def _recorded() -> Iterator[tuple[str, Column]]:
    for path in sorted(BUILD.rglob("oracle.json")):
        record = json.loads(path.read_text())
        yield series_of(record["kernel"]), column(record)


def main() -> int:
    matrix = build(_recorded())
    if len(matrix.series) < 2:
        print(f"no record of a whole run in {BUILD}", file=sys.stderr)
        return 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render(matrix))
    print(f"{len(matrix.cells)} cases on Linux {', '.join(matrix.series)}: {DOCUMENT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
