"""The source archive and the wheel: the same bytes wherever they are made, and what is in them."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packages.built import PROJECT, ROOT, run, tracked, version

slow = pytest.mark.slow
AUTOMATIC_RUNS = ".ci/"
MADE = ("swapctl-{}.tar.gz", "swapctl-{}-py3-none-any.whl", "swapctl.pyz")


def sums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def made_again(tree: Path, elsewhere: Path) -> dict[str, str]:
    """The sums of what another copy of the tree gives."""
    run(tree / "packaging/dist", sys.executable, cwd=elsewhere)
    return sums(tree / "build/dist")


@slow
def test_a_clone_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    run("git", "clone", "-q", "--no-hardlinks", ROOT, clone)
    here = tracked()
    for name in set(run("git", "ls-files", "-z", cwd=clone).split("\0")) - here - {""}:
        (clone / name).unlink()
    for name in here:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).unlink(missing_ok=True)
        shutil.copyfile(ROOT / name, clone / name, follow_symlinks=False)
        if not (clone / name).is_symlink():
            # As under another umask.
            (clone / name).chmod((ROOT / name).stat().st_mode & 0o700)
    assert made_again(clone, tmp_path) == sums(dist)


@slow
def test_the_source_archive_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    run("tar", "-xf", only(dist, "*.tar.gz"), "-C", tmp_path)
    first = sums(dist)
    assert set(first) == {name.format(version()) for name in MADE}
    assert made_again(only(tmp_path, "swapctl-*"), tmp_path) == first


@slow
def test_the_source_archive_has_all_that_is_tracked(dist: Path) -> None:
    with tarfile.open(only(dist, "*.tar.gz")) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members}
    assert names == {n for n in tracked() if not n.startswith(AUTOMATIC_RUNS)} | {"PKG-INFO"}
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}
    assert len({member.mtime for member in members}) == 1
    executable = {m.name.partition("/")[2] for m in members if m.isfile() and m.mode & 0o111}
    assert executable == {n for n in names - {"PKG-INFO"} if os.access(ROOT / n, os.X_OK)}


@slow
def test_the_wheel_has_the_program_alone(dist: Path) -> None:
    with ZipFile(only(dist, "*.whl")) as archive:
        names = set(archive.namelist())
    ours = {n for n in tracked() if n.startswith("swapctl/")}
    assert {n for n in names if not n.startswith(f"swapctl-{version()}.dist-info/")} == ours
    assert any(n.endswith("/licenses/LICENSE") for n in names)


@slow
def test_twine_finds_nothing(dist: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *dist.glob("*.[wt]*"))


def test_all_of_the_tree_is_installed(data: set[str]) -> None:
    meant = [p.name for p in (ROOT / "man").iterdir()]
    meant += [p.name for p in (ROOT / "packaging/systemd").iterdir()]
    meant += [p.name for p in (ROOT / "docs").iterdir()]
    meant += ["README.md", "CHANGELOG.md", "swapctl", "_swapctl", "swapctl.fish"]
    assert sorted(name.rpartition("/")[2] for name in data) == sorted(meant)


def test_units_start_the_interpreter_that_is_named(tmp_path: Path) -> None:
    run("make", "install-data", f"DESTDIR={tmp_path}", "PREFIX=/usr", "INTERPRETER=/opt/python")
    units = list((tmp_path / "usr/lib/systemd/system").iterdir())
    started = [line for u in units for line in u.read_text().splitlines() if "-m swapctl" in line]
    assert started
    assert not [line for line in started if not re.match(r"Exec\w+=:?/opt/python -I -m", line)]


def test_an_environment_is_not_installed_elsewhere(tmp_path: Path) -> None:
    words = ["make", "-n", "install", f"DESTDIR={tmp_path}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "an environment works only where it was made" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "pattern"),
    [
        ("rpm/swapctl.spec", r"Version: +(.*)"),
        ("arch/PKGBUILD", r"pkgver=(.*)"),
        ("alpine/APKBUILD", r"pkgver=(.*)"),
        ("nix/flake.nix", r'version = "(.*)";'),
        ("nix/flake.nix", r'runCommand "swapctl-(.*?)"'),
    ],
)
def test_recipes_have_the_version(recipe: str, pattern: str) -> None:
    assert re.findall(pattern, (ROOT / "packaging" / recipe).read_text()) == [version()]


@pytest.mark.parametrize("recipe", ["rpm/swapctl.spec", "arch/PKGBUILD"])
def test_recipes_have_the_lowest_versions(recipe: str) -> None:
    text = (ROOT / "packaging" / recipe).read_text()
    found = set(re.findall(r"\bpython3?-(\w+) ?>= ?([\d.]+)", text))
    assert found == {tuple(one.split(">=")) for one in PROJECT["dependencies"]}
    assert re.search(rf"\bpython3? ?{PROJECT['requires-python'].replace('>=', '>= ?')}", text)


@pytest.mark.parametrize("recipe", ["alpine/APKBUILD", "nix/flake.nix"])
def test_recipes_have_every_library(recipe: str) -> None:
    text = (ROOT / "packaging" / recipe).read_text()
    names = [one.partition(">=")[0] for one in PROJECT["dependencies"]]
    assert [n for n in names if not re.search(rf"\b{n}\b", text)] == []
    assert "Untested" in text


@pytest.mark.needs("tool shellcheck")
@pytest.mark.parametrize("recipe", ["arch/PKGBUILD", "alpine/APKBUILD"])
def test_recipes_in_shell(recipe: str) -> None:
    assert run("shellcheck", ROOT / "packaging" / recipe) == ""


@pytest.mark.needs("tool nix-instantiate")
def test_the_flake_can_be_parsed() -> None:
    parsed = run(
        "nix-instantiate", "--store", "dummy://", "--parse", ROOT / "packaging/nix/flake.nix"
    )
    assert 'pname = "swapctl"' in parsed
