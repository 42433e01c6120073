"""Active areas as the shells complete them: from /proc/swaps, with names that it has to escape."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.support import cleared, prepared, rows, swapctl, volume
from tests.shells import SHELLS, shell, started

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

# A digit behind an escape is not a part of it.
NAMES = ("plain", "blank 1", "back\\slash", "it's $HOME", '"quoted"')


@pytest.fixture(scope="module", params=rows("ext4"))
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A directory with active areas of these names, and a file that is none."""
    with (
        volume(request.param, tmp_path_factory.mktemp("areas")) as mounted,
        cleared(mounted.path / "home") as directory,
    ):
        for name in NAMES:
            done = swapctl("on", prepared(directory / name, "1M"))
            assert done.returncode == 0, done
        (directory / "other").touch()
        yield directory


@pytest.mark.parametrize(
    "name", [pytest.param(s, marks=pytest.mark.needs(f"tool {s}")) for s in SHELLS]
)
def test_active_areas(home: Path, tmp_path: Path, name: str) -> None:
    with shell(name, tmp_path / "stubs", tmp_path) as it:
        for command in ("off", "status"):
            everything = it.complete(f"swapctl {command} ")
            assert {p for p in everything if p.startswith(f"{home}/")} == {
                f"{home}/{area}" for area in NAMES
            }
            assert it.complete(f"swapctl {command} {home}/bl") == {f"{home}/blank 1"}
            assert it.complete(f"swapctl {command} {home}/blank\\ ") == {f"{home}/blank 1"}
            assert it.complete(f"swapctl {command} '{home}/blank ") == {f"{home}/blank 1"}
            # What is no area is a file name after all, where none begins like it.
            assert it.complete(f"swapctl {command} {home}/oth") <= {f"{home}/other"}
    assert started(tmp_path / "stubs") == []
