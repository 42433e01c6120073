"""Write the expected trees of `enable` anew: `python -m tests.golden.trees`.

Each is what enabling one file makes in an empty root: a line for each name, where links lead, and
below it the contents. Read the difference before committing.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "enable"
CASES = {
    "plain": ("/swapfile", "--size", "8G"),
    "spaces and dashes": ("/var/swap/my-swap file", "--size", "50%RAM", "--max-share", "25%"),
    "required": ("/data/swap", "--size", "auto", "--fail", "--priority", "10", "--fs", "xfs"),
    "specifiers": ("/a%i/${HOME} $x/'\"é", "--size", "1G", "--discard", "both", "--label", "[a] #"),
    "every option": (
        *("/s", "--size", "64M", "--method", "write", "--reserve", "5%", "--discard", "once"),
        "--nofail",
    ),
}


def swapctl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One command line."""
    return subprocess.run(
        [sys.executable, "-m", "swapctl", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def tree(root: Path) -> str:
    """Everything below a root that is no directory, in its order."""
    lines = []
    for path in sorted(root.rglob("*")):
        name = f"/{path.relative_to(root)}"
        if path.is_symlink():
            lines.append(f"{name} -> {os.readlink(path)}\n")
        elif path.is_file():
            mode = f"{path.stat().st_mode & 0o7777:04o}"
            lines.append(f"{name} {mode}\n{path.read_text(encoding='utf-8')}\n")
        elif not list(path.iterdir()):
            lines.append(f"{name}/\n")
    return "".join(lines)


def expected(case: str) -> str:
    """The tree that enabling makes."""
    with tempfile.TemporaryDirectory() as name:
        done = swapctl("enable", *CASES[case], "--root", name)
        assert done.returncode == 0, done.stderr
        return tree(Path(name))


def file_of(case: str) -> Path:
    """Where the expected tree is recorded."""
    return HERE / f"{case.replace(' ', '-')}.txt"


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for case in CASES:
        file_of(case).write_text(expected(case), encoding="utf-8")


if __name__ == "__main__":
    main()
