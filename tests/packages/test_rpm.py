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


def test_fedora_has_its_own_way() -> None:
    recipe = ROOT / "packaging/rpm/swapctl.spec"
    text = run("rpmspec", "--parse", "--define", "fedora 43", recipe)
    for macro in ("buildrequires", "wheel", "install", "save_files", "check_import"):
        assert f"%pyproject_{macro}" in text
    assert not re.search(r"installer|python3-click|DEB_", text)
    # What a removal stops: never an instance of the unit that swap units require.
    assert set(re.findall(r"^%systemd_\w+ (.*)", text, re.MULTILINE)) == {"swapctl-monitor.timer"}


@pytest.mark.needs("CAP_SYS_ADMIN")
def test_removing_it_leaves_swapfiles(rpm: Path, tmp_path: Path) -> None:
    swapfile = tmp_path / "var/swap/swapfile"
    swapfile.parent.mkdir(parents=True)
    swapfile.write_bytes(bytes(4096))
    database = ("--root", tmp_path, "--dbpath", "/rpm", "--force-debian")
    run("rpm", *database, "--nodeps", "-i", rpm)
    assert (tmp_path / "usr/bin/swapctl").exists()
    run("rpm", *database, "-e", "swapctl")
    left = {name for name in files(tmp_path) if not name.startswith("rpm/")}
    assert left == {"var/swap/swapfile"}
