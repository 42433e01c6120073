"""The filesystems, one mounted at a time, and the table of all cases."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import Mounts
from tests.kernel.oracle import Row, recorded, table

ROWS = pytest.StashKey[list[Row]]()


def _staged(folder: Path) -> Path:
    """The files that read-only filesystems are made of."""
    folder.mkdir()
    content = os.urandom((PAGES - 1) * PAGE)
    (folder / "written").write_bytes(header(PAGES) + content)
    (folder / "headerless").write_bytes(bytes(PAGE) + content)
    (folder / "sparse").write_bytes(header(PAGES))
    os.truncate(folder / "sparse", PAGES * PAGE)
    return folder


@pytest.fixture(scope="session")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounts]:
    scratch = tmp_path_factory.mktemp("oracle")
    every = Mounts(scratch, _staged(scratch / "staged"))
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
        # A guest's own tree is gone when it ends.
        folder = Path(os.environ.get("SWAPCTL_ORACLE_DIR") or config.rootpath / "build")
        folder.mkdir(exist_ok=True)
        (folder / "oracle.md").write_text(text)
        skipped = terminalreporter.getreports("skipped")
        left_out: dict[str, list[str]] = {}
        for report in skipped:
            left_out.setdefault(report.longrepr[2], []).append(report.nodeid.partition("::")[2])
        (folder / "oracle.json").write_text(recorded(rows, left_out))
        terminalreporter.section("swapctl and the kernel")
        terminalreporter.write(text)
