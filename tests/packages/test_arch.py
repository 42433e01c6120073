"""The package for Arch Linux."""

import subprocess
from pathlib import Path

import pytest

from tests.packages.built import LIBRARIES, PROJECT, ROOT, files, run, same_program, version

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("tool makepkg", "tool fakeroot", "tool bsdtar", "tool zstd"),
]
# What pacman reads and does not install.
ABOUT = {".BUILDINFO", ".MTREE", ".PKGINFO"}


@pytest.fixture(scope="module")
def unpacked(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run(ROOT / "packaging/arch/build")
    root = tmp_path_factory.mktemp("arch")
    package = ROOT / f"build/arch/swapctl-{version()}-1-any.pkg.tar.zst"
    subprocess.run(["bsdtar", "-xf", package, "-C", root], check=True)
    return root


def test_it_has_what_make_installs(unpacked: Path, data: set[str]) -> None:
    # makepkg compresses pages, and leaves out scripts of the package where there are none.
    pages = {f"{name}.gz" if "/man/" in name else name for name in data}
    licence = "usr/share/licenses/swapctl/LICENSE"
    beside = {name for name in files(unpacked) if not name.startswith(LIBRARIES)}
    assert beside == pages | ABOUT | {"usr/bin/swapctl", licence}


def test_its_program_runs(unpacked: Path) -> None:
    same_program(unpacked)


def test_it_requires_what_the_program_needs(unpacked: Path) -> None:
    lines = (unpacked / ".PKGINFO").read_text().splitlines()
    required = {line.removeprefix("depend = ") for line in lines if line.startswith("depend = ")}
    libraries = {f"python-{one}" for one in PROJECT["dependencies"]}
    assert required == libraries | {f"python{PROJECT['requires-python']}"}
    assert f"pkgver = {version()}-1" in lines
