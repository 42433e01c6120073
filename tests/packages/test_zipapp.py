"""The single file, run by a Python that has nothing but its own library."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import UNLOGGED
from tests.kernel.support import ROWS, volume
from tests.packages.built import PROJECT, run, version

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]
SIZE = 16 << 20
SAFE = ("ready", "usable")


@pytest.fixture(scope="module")
def single(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file where nothing else of the tree is."""
    path = tmp_path_factory.mktemp("rescue") / "swapctl.pyz"
    path.write_bytes((dist / "swapctl.pyz").read_bytes())
    path.chmod(0o755)
    return path


def bare(single: Path, *arguments: str | Path) -> Done:
    """swapctl in an empty environment, without what is installed for the interpreter."""
    words = [sys.executable, "-I", "-S", single.name, *arguments]
    return subprocess.run(
        words, cwd=single.parent, env={}, capture_output=True, text=True, check=False
    )


def success(done: Done) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with volume(ROWS["ext4"], tmp_path_factory.mktemp("volume")) as made:
        yield made.path


@pytest.mark.kernel
@pytest.mark.needs(UNLOGGED, "CAP_SYS_ADMIN", "loop devices", "tool mkfs.ext4")
def test_a_file_is_made_and_used(single: Path, mounted: Path) -> None:
    path = mounted / "swapfile"
    (made,) = json.loads(success(bare(single, "prepare", path, "--size", "16M", "--json")))[
        "targets"
    ]
    assert made["changed"]
    assert made["verdict"] in SAFE
    assert path.stat().st_size == SIZE
    assert success(bare(single, "check", path)).startswith(f"{path}: {made['verdict']}")
    assert json.loads(success(bare(single, "facts", path)))
    try:
        success(bare(single, "on", path))
        active = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()]
        assert str(path) in active
        assert str(path) in success(bare(single, "status", "--format", "markdown"))
    finally:
        done = bare(single, "off", path)
    success(done)
    assert str(path) not in Path("/proc/swaps").read_text()


def test_it_explains(single: Path) -> None:
    rules = [line.split()[0] for line in success(bare(single, "explain")).splitlines() if line]
    assert "file-holes" in rules
    assert "have no disk blocks" in success(bare(single, "explain", "file-holes"))


def test_a_library_that_is_not_in_it_is_named(single: Path) -> None:
    done = bare(single, "monitor", "--count", "1")
    assert (done.returncode, done.stdout) == (4, "")
    assert "needs the Python library psutil, which is not installed" in done.stderr
    assert "Traceback" not in done.stderr
    done = bare(single, "monitor", "--count", "1", "--json")
    assert json.loads(done.stdout)["error"]["exit_code"] == done.returncode == 4


def test_the_way_to_a_server_is_not_known(single: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from swapctl.gather.network_path import paths\n"
        "from swapctl.gather.reading import attempt\n"
        "print(*attempt('network path', lambda: paths(('127.0.0.1',))))\n"
    )
    said = run(sys.executable, "-I", "-S", "-c", program, single)
    assert said.startswith("network path pyroute2 cannot be loaded")


@pytest.mark.needs("a /usr/bin/python3 of 3.11 or newer")
def test_it_is_a_command_of_its_own(single: Path, tmp_path: Path) -> None:
    # Of Python's own library, and it would come first.
    (tmp_path / "inspect.py").write_text("raise SystemExit('not this one')\n")
    said = run(single, "--version", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert said == f"swapctl {version()}\n"


def test_an_older_python_is_told(single: Path) -> None:
    program = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    words = [sys.executable, "-I", "-S", "-c", program, str(single)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    told = "swapctl: Python 3.11 or newer is needed, this is 3.9\n"
    assert (done.returncode, done.stderr) == (4, told)


def test_everything_in_it_has_its_licence(single: Path) -> None:
    with ZipFile(single) as archive:
        names = archive.namelist()
        dates = {member.date_time for member in archive.infolist()}
    assert names == sorted(names)
    assert len(dates) == 1
    packages = {n.partition("/")[0] for n in names if n.endswith("/METADATA")}
    assert {p.partition("-")[0] for p in packages} == {"swapctl", "click", "tabulate"}
    licensed = {n.partition("/")[0] for n in names if ".dist-info/licenses/LICEN" in n}
    assert licensed == packages


def test_what_it_lacks_is_only_for_other_commands() -> None:
    libraries = {one.partition(">=")[0] for one in PROJECT["dependencies"]}
    assert libraries - {"click", "tabulate"} == {"psutil", "pyroute2"}
