"""The Debian package of this tree, built in a system of its suite and for it.

    python3 -m tests.debian.build [SUITE]

Without a suite it is for this machine's, or for trixie where that is none of those known. In
build/deb/SUITE are the package, its source, and what lintian of the suite says. The tracked files
are built, as they are in the working tree. The same files of the same commit give the same bytes.
"""

import fcntl
import io
import os
import platform
import re
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

from tests.debian.chroot import inside, system
from tests.vm.kernels import SUITES, run

ROOT = Path(__file__).parents[2]
NAME = "swapctl"
# What builds packages, and what judges them. Nothing is compiled: libtool, which debhelper brings,
# is content with the smallest of the C compilers.
TOOLS = ("dpkg-dev", "lintian", "tcc")
# Provided by packages that stand there too.
PROVIDED = ("debhelper-compat", "dh-sequence-python3")
DEBHELPER = ("debhelper", "dh-python")
BUILD = f"""
set -eu
mkdir /build
cd /build
tar -xf /out/{NAME}_*.orig.tar.xz
cp /out/{NAME}_*.orig.tar.xz .
cd {NAME}-*/
cp -r packaging/debian debian
dpkg-buildpackage --no-sign --no-check-builddeps >/out/build.log 2>&1
status=0
lintian --allow-root --info --fail-on error,warning ../*.changes >/out/lintian.txt 2>&1 || status=$?
echo "lintian: status $status" >>/out/lintian.txt
cp ../*.deb ../*.dsc ../*.debian.tar.xz ../*.changes ../*.buildinfo /out
"""


def _git(*words: str) -> str:
    """Also as root in another's checkout."""
    return run("git", "-c", f"safe.directory={ROOT}", *words, cwd=ROOT)


def version() -> str:
    """Of the program; the packaging has a revision behind it."""
    [found] = re.findall(r'__version__ = "(.+)"', (ROOT / NAME / "__init__.py").read_text())
    return str(found)


def packages() -> tuple[str, ...]:
    """What debian/control wants to build with, and what builds and judges packages."""
    text = (ROOT / "packaging/debian/control").read_text()
    [listed] = re.findall(r"^Build-Depends:\n((?: .*\n)+)", text, re.MULTILINE)
    names = re.findall(r"^ ([a-z0-9+.-]+)", listed, re.MULTILINE)
    return (*(name for name in names if name not in PROVIDED), *DEBHELPER, *TOOLS)


def source(moment: int) -> bytes:
    """The tracked files as a tar, all of one time and of root."""
    names = sorted(name for name in _git("ls-files", "-z").split("\0") if name)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as archive:
        for name in names:
            if not os.path.lexists(ROOT / name):
                continue  # removed, and the removal is not committed yet
            entry = archive.gettarinfo(str(ROOT / name), f"{NAME}-{version()}/{name}")
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = moment, 0, 0, "", ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            if entry.isreg():
                with (ROOT / name).open("rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)
    return made.getvalue()


def built(suite: str) -> Path:
    """The package, built anew if a tracked file changed since.

    Raises OSError with the end of what was printed when it cannot be built.
    """
    folder = ROOT / "build" / "deb" / suite
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        moment = int(_git("log", "-1", "--format=%ct"))
        tree = source(moment)
        digest, stamp = sha256(tree).hexdigest(), folder / "of"
        if not (stamp.exists() and stamp.read_text() == digest):
            _build(suite, folder, tree, moment)
            stamp.write_text(digest)
        [package] = folder.glob("*.deb")
        return package


def _build(suite: str, folder: Path, tree: bytes, moment: int) -> None:
    for old in folder.iterdir():
        old.unlink()
    (folder / f"{NAME}_{version()}.orig.tar.xz").write_bytes(tree)
    root = system(suite, "build", packages())
    command = ["env", f"SOURCE_DATE_EPOCH={moment}", "sh", "-c", BUILD]
    words = inside(root, command, {"/out": folder})
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        log = folder / "build.log"
        said = log.read_text(errors="replace") if log.exists() else ""
        lines = (said + done.stderr).splitlines()
        raise OSError("\n".join([f"{suite}: the package cannot be built", *lines[-60:]]))


def running() -> str:
    """The suite of this machine, or what stands for it."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return codename if codename in SUITES else "trixie"


def main() -> int:
    """Build for the suite that is named."""
    suite = sys.argv[1] if sys.argv[1:] else running()
    if suite not in SUITES:
        print(f"{suite}: none of {', '.join(SUITES)}", file=sys.stderr)
        return 2
    try:
        print(built(suite).relative_to(ROOT))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
