"""The rpm, built without a distribution's macros."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.packages.built import LIBRARIES, PROJECT, ROOT, files, run, same_program, version

pytestmark = [pytest.mark.slow, pytest.mark.needs("tool rpmbuild", "tool rpmlint", "tool cpio")]


@pytest.fixture(scope="module")
def rpm(dist: Path) -> Path:
    run(ROOT / "packaging/rpm/build")
    return ROOT / f"build/rpm/swapctl-{version()}-1.noarch.rpm"


@pytest.fixture(scope="module")
def unpacked(rpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rpm")
    archive = subprocess.run(["rpm2cpio", rpm], capture_output=True, check=True).stdout
    subprocess.run(["cpio", "-idm", "--quiet"], cwd=root, input=archive, check=True)
    return root


def test_rpmlint_finds_nothing_unexplained(rpm: Path) -> None:
    recipe = ROOT / "packaging/rpm"
    source = rpm.with_name(f"swapctl-{version()}-1.src.rpm")
    said = run(
        *("rpmlint", "-r", recipe / "swapctl.rpmlintrc"),
        *(rpm, source, recipe / "swapctl.spec"),
    )
    assert "2 packages and 1 specfiles checked; 0 errors, 0 warnings" in said, said


def test_it_has_what_make_installs(rpm: Path, unpacked: Path, data: set[str]) -> None:
    listed = set(run("rpm", "-qlp", rpm).split())
    directories = {name for name in listed if (unpacked / name.lstrip("/")).is_dir()}
    assert {f"/{name}" for name in files(unpacked)} == listed - directories
    beside = {name for name in files(unpacked) if not name.startswith(LIBRARIES)}
    licence = f"usr/share/licenses/swapctl-{version()}/LICENSE"
    assert beside == data | {"usr/bin/swapctl", licence}
    # Removed with the package are only directories of its own.
    assert not [name for name in directories if "swapctl" not in name]


def test_its_program_runs(unpacked: Path) -> None:
    same_program(unpacked)


def test_nothing_runs_when_it_is_removed(rpm: Path) -> None:
    assert run("rpm", "-qp", "--scripts", "--triggers", rpm) == ""


def test_it_requires_what_the_program_needs(rpm: Path) -> None:
    required = run("rpm", "-qp", "--requires", rpm)
    found = set(re.findall(r"^python3-(\w+) >= (\S+)", required, re.MULTILINE))
    assert found == {tuple(one.split(">=")) for one in PROJECT["dependencies"]}
