"""The package of each suite, built, judged, installed and removed in systems of that suite.

What can be imported there is what the suite has; the kernel and the swap are this machine's. All
that happens in a suite happens once, and is looked at by several tests.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import swapctl
from swapctl.linux import libc
from tests.debian.build import ROOT, built
from tests.debian.chroot import inside, system
from tests.vm.kernels import SUITES

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.needs(
        *("CAP_SYS_ADMIN", "loop devices", "the kernel log"),
        *("tool mmdebstrap", "tool git", "tool unshare", "filesystem overlay"),
        "a temporary directory that can hold swap",
    ),
]
# What the package does not depend on: what runs the tests, and makes the filesystem for them.
TOOLS = ("python3-pytest", "e2fsprogs")
# What dpkg keeps of all packages, and mount(8) of its own.
RECORDS = re.compile(r"/var/(lib|log|cache)/(dpkg|apt)\b|/var/log/dpkg.log|/run/mount\b")


class Seen(NamedTuple):
    """The package of a suite, and the folder with what was seen in that suite."""

    package: Path
    folder: Path

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def lines(self, name: str) -> list[str]:
        return self.text(name).splitlines()


def depends(package: Path) -> list[str]:
    """What it depends on, without versions: what the suite has must do, and dpkg will say."""
    field = ["dpkg-deb", "--field", str(package), "Depends"]
    listed = subprocess.run(field, check=True, capture_output=True, text=True).stdout
    return [each.split()[0].partition(":")[0] for each in listed.split(",")]


def prepared(suite: str) -> tuple[Path, Path]:
    """The package, and a system that has what it depends on."""
    package = built(suite)
    return package, system(suite, "user", [*depends(package), *TOOLS])


@pytest.fixture(scope="module")
def preparations(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[tuple[Path, Path]]]]:
    """Those of all suites that are asked for, at once: half of the time is spent waiting."""
    asked = {
        item.callspec.params["seen"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "seen" in item.fixturenames
    }
    with ThreadPoolExecutor(len(SUITES)) as pool:
        yield {suite: pool.submit(prepared, suite) for suite in SUITES if suite in asked}


@pytest.fixture(scope="module", params=SUITES)
def seen(
    request: pytest.FixtureRequest,
    preparations: dict[str, Future[tuple[Path, Path]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    package, root = preparations[request.param].result()
    here = tmp_path_factory.mktemp(request.param)
    shares = {f"/{name}": here / name for name in ("package", "checks", "area", "out")}
    for share in shares.values():
        share.mkdir()
    shutil.copy(package, shares["/package"])
    checks = shares["/checks"]
    shutil.copy(ROOT / "pyproject.toml", checks)
    for name in ("tests", "packaging/debian/tests"):
        shutil.copytree(ROOT / name, checks / name, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        done = subprocess.run(
            inside(root, ["/checks/tests/debian/examine"], shares),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:  # where it was ended before it could do that itself
        for left in shares["/area"].rglob("swapfile"):
            with suppress(OSError):
                libc.swapoff(os.fsencode(left))
    assert done.returncode == 0, f"{request.param}\n{done.stdout}{done.stderr}"
    return Seen(package, shares["/out"])


def test_lintian_has_nothing_to_say(seen: Seen) -> None:
    said = seen.package.with_name("lintian.txt").read_text()
    assert said == "lintian: status 0\n"


def test_everything_is_in_it(seen: Seen) -> None:
    # On Debian 12 units are still in /lib.
    contents = {path.removeprefix("/usr") for path in seen.lines("contents")}
    systemd = ROOT / "packaging/systemd"
    units = [*systemd.glob("*.service"), *systemd.glob("*.timer")]
    expected = [
        *(f"/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in ROOT.glob("man/*.[1-9]")),
        *(f"/lib/systemd/system/{unit.name}" for unit in units),
        *(f"/lib/systemd/catalog/{catalog.name}" for catalog in systemd.glob("*.catalog")),
        "/sbin/swapctl",
        "/lib/python3/dist-packages/swapctl/__main__.py",
        "/share/doc/swapctl/examples/swapctl.conf",
        "/share/doc/swapctl/copyright",
        "/share/bash-completion/completions/swapctl",
        "/share/zsh/vendor-completions/_swapctl",
        "/share/fish/vendor_completions.d/swapctl.fish",
    ]
    assert [path for path in expected if path not in contents] == []
    assert [path for path in contents if path.startswith(("/etc", "/var"))] == []


def test_the_program_runs(seen: Seen) -> None:
    assert seen.lines("version") == [f"swapctl {swapctl.__version__}"] * 2
    assert "refused" in seen.text("check")
    assert "swapfile" in seen.text("real-swapfile")


def test_the_kernel_agrees_with_the_installed_program(seen: Seen) -> None:
    assert seen.text("module") == "/usr/lib/python3/dist-packages/swapctl/__init__.py\n"
    log = seen.text("pytest.log")
    assert seen.text("pytest.status") == "0\n", log[-20000:]
    rows = json.loads(seen.text("oracle.json"))["rows"]
    assert len(rows) >= 150
    assert [row for row in rows if not row["agrees"]] == []


def test_removal_touches_no_swap(seen: Seen) -> None:
    enabled = seen.lines("enabled")
    assert enabled[0].startswith("/area/kept/swapfile ")
    assert enabled[1] == "active"
    assert any(line.endswith(".swap") for line in enabled[2:])
    assert seen.lines("removed") == enabled
    assert seen.lines("purged") == enabled


def test_purge_leaves_nothing_else(seen: Seen) -> None:
    kept = {line.split()[0 if " -> " in line else -1] for line in seen.lines("enabled")[2:]}
    new = {
        path
        for path in set(seen.lines("after")) - set(seen.lines("before"))
        if not RECORDS.match(path)
    }
    new -= {str(parent) for path in kept for parent in (Path(path), *Path(path).parents)}
    assert new == set()
    assert set(seen.lines("before")) <= set(seen.lines("after"))
