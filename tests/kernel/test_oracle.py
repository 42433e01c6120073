"""swapctl says what swapon(2) will answer, and swapon(2) answers."""

import errno
import importlib
import json
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import lacks
from tests.kernel.conditions import CONDITIONS, Condition, Place, applies
from tests.kernel.loopfs import FILESYSTEMS, Filesystem, Mounts
from tests.kernel.oracle import Row, compare, recorded
from tests.matrix import column, document, scattered, stale

SUBJECTS = (
    "layout",
    "subpage",
    "header",
    "path",
    "open",
    "mixed",
    "reflink",
    "btrfs",
    "chunks",
    "f2fs",
    "encrypted",
    "caller",
    "device",
)
for subject in SUBJECTS:
    importlib.import_module(f"tests.kernel.conditions_{subject}")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "the kernel log"),
]

# How filesystems say that they lack an operation, a mode of it or a kind of file.
CANNOT = {errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL, errno.ENOTTY, errno.ENOSYS}
# So often a case is made once more.
AGAIN = 9
FURTHER = tuple(row.name for row in FILESYSTEMS if row.has("further"))


@cache
def expected(filesystem: Filesystem) -> bool:
    """Further filesystems are tried where the kernel has them; no machine has to, guests do."""
    return not filesystem.has("further") or not any(map(lacks, filesystem.needs))


def cases(*prefixes: str) -> pytest.MarkDecorator:
    """Every condition on every filesystem whose name begins so."""
    pairs = [
        pytest.param(
            filesystem,
            condition,
            id=f"{filesystem.name}:{condition.name}",
            marks=pytest.mark.needs(*filesystem.needs, *condition.needs),
        )
        for filesystem in FILESYSTEMS
        if filesystem.name.startswith(prefixes) and expected(filesystem)
        for condition in CONDITIONS
        if applies(condition, filesystem)
    ]
    return pytest.mark.parametrize(("filesystem", "condition"), pairs)


def made(condition: Condition, place: Place) -> str:
    """The path; a rare filesystem may lack what the condition is made with."""
    try:
        return condition.make(place)
    except OSError as error:
        if place.filesystem.has("further") and error.errno in CANNOT:
            pytest.skip(f"{place.filesystem.name} does not do this: {error.strerror}")
        raise


def fresh(directory: Path) -> Path:
    """A directory of the case's own.

    After a file was unlinked while it was open, hfs of Linux 7.2 gives its number out again and
    answers EEXIST once, for whatever is made next.
    """
    try:
        directory.mkdir()
    except FileExistsError:
        if directory.exists():
            raise
        directory.mkdir()
    return directory


def examine(filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]) -> None:
    mounted = mounts.get(filesystem)
    for name in (condition.name, *(f"{condition.name}-again-{n}" for n in range(AGAIN))):
        with ExitStack() as undo:
            directory = mounted.path
            if not filesystem.has("image"):
                directory = fresh(directory / name)
            place = Place(mounted, directory, undo, [])
            path = made(condition, place)
            row = compare(
                filesystem.name, condition.name, path, condition.become, condition.undecided_because
            )
            held = all(premise() for premise in place.premises)
        if held:
            break
    assert held, "what the case needs ended too early every time"
    rows.append(row)
    assert row.agrees, f"predicted {row.predicted!r}\nactual    {row.actual!r}\nfor {row.why}"


@cases("ext")
def test_ext(filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]) -> None:
    examine(filesystem, condition, mounts, rows)


@cases("xfs")
def test_xfs(filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]) -> None:
    examine(filesystem, condition, mounts, rows)


@cases("btrfs")
def test_btrfs(
    filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]
) -> None:
    examine(filesystem, condition, mounts, rows)


@cases("tmpfs", "ramfs", "overlay", "fuse2fs", "squashfs", "erofs")
def test_unsupported(
    filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]
) -> None:
    examine(filesystem, condition, mounts, rows)


@cases("device")
def test_device(
    filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]
) -> None:
    examine(filesystem, condition, mounts, rows)


@cases(*FURTHER)
def test_further(
    filesystem: Filesystem, condition: Condition, mounts: Mounts, rows: list[Row]
) -> None:
    examine(filesystem, condition, mounts, rows)


def test_the_promise(rows: list[Row]) -> None:
    """The matrix is as large as it is said to be, and there is no disagreement in it."""
    assert len(rows) >= 200
    assert len({row.condition for row in rows}) >= 40
    assert [row for row in rows if not row.agrees] == []


def test_the_document_is_up_to_date(rows: list[Row]) -> None:
    """`make matrix` renews it."""
    record = json.loads(recorded(rows, {}))
    assert stale(document(), os.uname().release, column(record), scattered(record)) == []
