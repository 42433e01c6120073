"""Debian's kernels: the newest package of a suite, unpacked into a cache, nothing installed.

    python -m tests.vm.kernels [SUITE...]

apt fetches and verifies, with lists and a source of its own; the archive is the one that the
machine itself uses. A kernel is looked for again after a day.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SUITES = ("bookworm", "trixie", "sid")
METAPACKAGE = "linux-image-amd64"
# From 7.x on an image package is empty and leads to packages of binary, modules and base.
PARTS = re.compile(r"Depends: (linux-(?:image|binary|modules|base)-\d\S*)")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
FRESH = 24 * 3600


class Kernel(NamedTuple):
    """`root` is shaped as modprobe -d wants it: modules are in lib/modules/RELEASE."""

    suite: str
    release: str
    root: Path

    @property
    def image(self) -> Path:
        return self.root / "vmlinuz"

    @property
    def modules(self) -> Path:
        return self.root / "lib" / "modules" / self.release


def run(*command: str, cwd: Path = Path("/")) -> str:
    """A tool's output. Raises OSError with what it said."""
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def cache() -> Path:
    """Outside the checkout: shared by clones, and left alone by `make clean`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base).resolve() / "swapctl-vm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def archive() -> str:
    """The address of the Debian archive that this machine's apt uses."""
    fields = "$(CREATED_BY) $(LABEL) $(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", fields).splitlines()
    found = [line.split()[1:] for line in lines if line.startswith("Packages ")]
    # Where no lists have been fetched yet, apt leaves the name of the field in place of a label.
    named = [address for label, address in found if label == "Debian"]
    unnamed = [address for label, address in found if label.startswith("$")]
    likely = named + [address for address in unnamed if address.rstrip("/").endswith("/debian")]
    if not likely:
        raise OSError("apt knows no Debian archive on this machine")
    return likely[0]


class _Apt:
    """apt with one suite and with directories of its own."""

    def __init__(self, folder: Path, suite: str) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        source = folder / "suite.sources"
        source.write_text(
            f"Types: deb\nURIs: {archive()}\nSuites: {suite}\n"
            f"Components: main\nSigned-By: {KEYRING}\n"
        )
        settings = {
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::Lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "5",
            "Acquire::Languages": "none",
        }
        self._options = [f"-o{name}={value}" for name, value in settings.items()]

    def __call__(self, program: str, *words: str, cwd: Path = Path("/")) -> str:
        return run(program, "-qq", *self._options, *words, cwd=cwd)


def _packages(apt: _Apt) -> list[str]:
    """The packages that make up the kernel, by name."""
    todo, found = [METAPACKAGE], list[str]()
    while todo:
        for name in PARTS.findall(apt("apt-cache", "depends", todo.pop())):
            if name not in found:
                found.append(name)
                todo.append(name)
    if not found:
        raise OSError(f"{METAPACKAGE} leads to no kernel")
    return sorted(found)


def _unpack(apt: _Apt, packages: list[str], root: Path) -> None:
    """Only the kernel and its modules are kept; they lie in / or in /usr."""
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        there = Path(name)
        apt("apt-get", "download", *packages, cwd=there)
        for package in sorted(there.glob("*.deb")):
            run("dpkg-deb", "--extract", str(package), str(there / "tree"))
        [modules] = (there / "tree").glob("**/lib/modules/*/kernel")
        release = modules.parent.name
        [image, *_] = sorted((there / "tree").glob("**/vmlinuz*"))
        made = there / "made"
        (made / "lib/modules").mkdir(parents=True)
        shutil.move(image, made / "vmlinuz")
        shutil.move(modules.parent, made / "lib/modules" / release)
        for config in (there / "tree").glob("boot/config-*"):
            shutil.move(config, made / "lib/modules" / release / "config")
        run("depmod", "--basedir", str(made), release)
        shutil.rmtree(root, ignore_errors=True)
        made.rename(root)


def _known(suite: str, root: Path) -> Kernel:
    [modules] = (root / "lib/modules").iterdir()
    return Kernel(suite, modules.name, root)


def fetch(suite: str) -> Kernel:
    """The suite's newest kernel; the one in the cache where the archive is out of reach."""
    folder = cache()
    root, stamp = folder / suite, folder / f"{suite}.packages"
    with (folder / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH:
            return _known(suite, root)
        try:
            apt = _Apt(folder / f"{suite}.apt", suite)
            apt("apt-get", "update", "--error-on=any")
            packages = _packages(apt)
            versions = apt("apt-cache", "show", "--no-all-versions", *packages)
            listed = "".join(re.findall(r"^(?:Package|Version): .*\n", versions, re.MULTILINE))
            if not (stamp.exists() and stamp.read_text() == listed):
                stamp.unlink(missing_ok=True)
                _unpack(apt, packages, root)
            stamp.write_text(listed)
        except OSError as error:
            if not stamp.exists():
                raise
            print(f"{suite}: not renewed: {error}", file=sys.stderr)
        return _known(suite, root)


def main() -> None:
    for suite in sys.argv[1:] or SUITES:
        kernel = fetch(suite)
        print(kernel.suite, kernel.release, kernel.root)


if __name__ == "__main__":
    main()
