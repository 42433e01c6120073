"""docs/matrix.md has every case that there is, and tells when it is out of date."""

import pytest

from tests.kernel.conditions import CONDITIONS, applies
from tests.kernel.loopfs import FILESYSTEMS
from tests.kernel.test_oracle import SUBJECTS
from tests.matrix import (
    UNTRIED,
    Matrix,
    build,
    cell,
    column,
    document,
    parse,
    render,
    scattered,
    stale,
)
from tests.vm.kernels import SUITES

ACCEPTED = {"accepts": True, "errno": None, "usable": 1044480, "log": None}
REFUSED = {"accepts": False, "errno": "EINVAL", "usable": None, "log": "text"}
OPEN = {"accepts": None, "errno": None, "usable": None, "log": None}


def row(predicted: object, actual: object, agrees: bool = True) -> dict[str, object]:
    names = {"filesystem": "ext4", "condition": "written"}
    return names | {"predicted": predicted, "actual": actual, "agrees": agrees}


@pytest.mark.parametrize(
    ("predicted", "actual", "agrees", "text"),
    [
        (ACCEPTED, ACCEPTED, True, "1020K"),
        (REFUSED, REFUSED, True, "EINVAL"),
        (OPEN, REFUSED, True, "EINVAL, undecided"),
        (ACCEPTED, REFUSED, False, "**EINVAL, not 1020K**"),
    ],
)
def test_cells(predicted: object, actual: object, agrees: bool, text: str) -> None:
    assert cell(row(predicted, actual, agrees)) == text


def test_a_run_becomes_the_document_and_can_be_held_against_it() -> None:
    rows = [row(ACCEPTED, ACCEPTED)]
    left_out = {"this machine lacks it": ["test_ext[xfs:written]"]}
    record = {"kernel": "6.12.1-amd64", "rows": rows, "left_out": left_out}
    cells = column(record)
    matrix = build([("6.12", cells), ("6.1", {("xfs", "written"): "EINVAL"})])
    assert parse(render(matrix)) == matrix
    assert matrix == Matrix(
        ("6.1", "6.12"),
        {("ext4", "written"): (UNTRIED, "1020K"), ("xfs", "written"): ("EINVAL", UNTRIED)},
    )
    assert stale(matrix, "6.12.99-other", cells) == []
    assert stale(matrix, "7.9.0", cells) == []
    assert stale(matrix, "6.12.1", cells | {("ext4", "written"): "4K"}) == []
    other = cells | {("ext4", "written"): "EINVAL"}
    assert stale(matrix, "6.12.99-other", other) == [
        "ext4, written on Linux 6.12: EINVAL; docs/matrix.md: 1020K"
    ]
    new = {("ext4", "another"): "EINVAL"}
    assert len(stale(matrix, "6.12.99-other", new)) == 1


def test_what_scattered_blocks_decide_is_told_apart() -> None:
    why = ["refused area-no-page", "warning file-fragmented", "note other"]
    rows = [{**row(REFUSED, REFUSED), "why": why}]
    assert scattered({"rows": rows}) == {("ext4", "written")}
    assert scattered({"rows": [{**rows[0], "why": why[1:]}]}) == {("ext4", "written")}
    for other in (why[:1], [], [*why, "refused file-holes"]):
        assert scattered({"rows": [{**rows[0], "why": other}]}) == set()


def test_whether_there_is_a_usable_page_may_be_chance() -> None:
    case = ("ext4", "written")
    for then, now in (("1020K", "EINVAL"), ("EINVAL", "4K"), ("EINVAL", "EINVAL")):
        matrix = Matrix(("6.12",), {case: (then,)})
        assert stale(matrix, "6.12.1", {case: now}, {case}) == []
        assert bool(stale(matrix, "6.12.1", {case: now})) == (then != now)
        for other in ("EPERM", "EINVAL, undecided", "**EINVAL, not 1020K**", UNTRIED):
            assert len(stale(matrix, "6.12.1", {case: other}, {case})) == 1


def test_the_document_has_every_case_and_no_other() -> None:
    assert SUBJECTS  # whose conditions are entered by importing them
    written = set(document().cells)
    tried = {filesystem for filesystem, _ in written}
    here = [filesystem for filesystem in FILESYSTEMS if filesystem.name in tried]
    now = {(row.name, one.name) for row in here for one in CONDITIONS if applies(one, row)}
    made = {row.name for row in here}
    assert {case for case in written if case[0] in made} == now


def test_the_document_has_no_defects_and_all_kernels() -> None:
    matrix = document()
    assert [case for case, cells in matrix.cells.items() if "**" in "".join(cells)] == []
    assert len(matrix.series) > len(SUITES)
