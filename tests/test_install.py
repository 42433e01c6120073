"""`make install-data` and `make uninstall`: all that is there for it, and nothing left."""

import os
import subprocess
from pathlib import Path

from tests.test_linters import MANUALS, ROOT

SYSTEMD = ROOT / "packaging" / "systemd"


def make(*arguments: str) -> None:
    """Without what a surrounding make hands on."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--no-print-directory", "--silent", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_everything_has_its_place(tmp_path: Path) -> None:
    make("install-data", f"DESTDIR={tmp_path}", "PREFIX=/usr", "INTERPRETER=/opt/own/python")
    found = files(tmp_path)
    pages = {f"usr/share/man/man{page.suffix[1:]}/{page.name}" for page in MANUALS}
    assert {name for name in found if name.startswith("usr/share/man/")} == pages
    folders = {".service": "system", ".timer": "system", ".catalog": "catalog"}
    systemd = {f"usr/lib/systemd/{folders[f.suffix]}/{f.name}" for f in SYSTEMD.iterdir()}
    assert {name for name in found if name.startswith("usr/lib/systemd/")} == systemd
    assert {
        "usr/share/bash-completion/completions/swapctl",
        "usr/share/zsh/site-functions/_swapctl",
        "usr/share/fish/vendor_completions.d/swapctl.fish",
    } <= found
    for unit in (tmp_path / "usr/lib/systemd/system").glob("*.service"):
        assert "/opt/own/python -I -m swapctl " in unit.read_text()
        assert "/usr/bin/python3" not in unit.read_text()
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in found} == {0o644}


def test_nothing_is_left(tmp_path: Path) -> None:
    make("install-data", f"PREFIX={tmp_path}/own")
    assert files(tmp_path)
    make("uninstall", f"PREFIX={tmp_path}/own")
    assert files(tmp_path) == set()
