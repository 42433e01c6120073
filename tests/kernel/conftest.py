"""The filesystems, one mounted at a time, and the table of all cases."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import Filesystem, Mounted, make
from tests.kernel.oracle import Row, table

ROWS = pytest.StashKey[list[Row]]()


class Mounts:
    """Cases come grouped by filesystem: the one in use stays until another is asked for."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._undo = ExitStack()
        self._now: Mounted | None = None

    def get(self, filesystem: Filesystem) -> Mounted:
        if self._now is None or self._now.filesystem is not filesystem:
            self.close()
            with ExitStack() as undo:
                where = self._scratch / filesystem.name
                self._now = make(filesystem, where, self._staged(undo), undo)
                self._undo = undo.pop_all()
        assert self._now is not None
        return self._now

    def close(self) -> None:
        self._now = None
        self._undo.close()

    def _staged(self, undo: ExitStack) -> Path:
        """The files that read-only filesystems are made of."""
        folder = self._scratch / "staged"
        if not folder.exists():
            folder.mkdir()
            content = os.urandom((PAGES - 1) * PAGE)
            (folder / "written").write_bytes(header(PAGES) + content)
            (folder / "headerless").write_bytes(bytes(PAGE) + content)
            (folder / "sparse").write_bytes(header(PAGES))
            os.truncate(folder / "sparse", PAGES * PAGE)
        return folder


@pytest.fixture(scope="session")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounts]:
    every = Mounts(tmp_path_factory.mktemp("oracle"))
    yield every
    every.close()


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    return pytestconfig.stash.setdefault(ROWS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    rows = config.stash.get(ROWS, [])
    if rows:
        text = table(rows)
        folder = config.rootpath / "build"
        folder.mkdir(exist_ok=True)
        (folder / "oracle.md").write_text(text)
        terminalreporter.section("swapctl and the kernel")
        terminalreporter.write(text)
