"""What is built once for all tests of packages."""

import sys
from pathlib import Path

import pytest

from tests.packages.built import ROOT, laid_out, run


@pytest.fixture(scope="session")
def dist() -> Path:
    """Where the source archive, the wheel and the single file are, just made."""
    run(ROOT / "packaging/dist", sys.executable)
    return ROOT / "build/dist"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What belongs to the program in a package, by name below the root."""
    return laid_out(tmp_path_factory.mktemp("data"))
