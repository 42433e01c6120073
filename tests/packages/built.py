"""What the tests of packages share: lists of the tree's files, and what a package has to have."""

import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Where distributions keep libraries of Python.
LIBRARIES = "usr/lib/python3/dist-packages"


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """What a command prints; fails with all that it says when it does."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked() -> set[str]:
    """The files of this tree: what git knows, or will when it is added."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def files(root: Path) -> set[str]:
    """The names of all files below a directory."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def laid_out(root: Path) -> set[str]:
    """What `make install-data` puts below a root of /usr."""
    run("make", "install-data", f"DESTDIR={root}", "PREFIX=/usr")
    return files(root)


def same_program(root: Path) -> None:
    """The package that was unpacked at `root` has this tree's modules, and they run."""
    libraries = root / LIBRARIES
    ours = {name for name in tracked() if name.startswith("swapctl/")}
    theirs = {n for n in files(libraries) if n.startswith("swapctl/") and "__pycache__" not in n}
    assert theirs == ours
    assert not [n for n in ours if (libraries / n).read_bytes() != (ROOT / n).read_bytes()]

    def python(*arguments: str | Path) -> str:
        settings = {"PYTHONPATH": str(libraries), "PYTHONDONTWRITEBYTECODE": "1"}
        return run(sys.executable, *arguments, cwd=root, **settings).strip()

    found = python("-c", "import swapctl; print(swapctl.__file__)")
    assert Path(found).is_relative_to(libraries)
    assert python(root / "usr/bin/swapctl", "--version") == f"swapctl {version()}"


@cache
def version() -> str:
    """The version that the tree says it is."""
    return run(sys.executable, "-c", "import swapctl; print(swapctl.__version__)").strip()
