"""The filesystems, one mounted at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.loopfs import Mounts


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
