"""What the tests of prepare, on and off share: running swapctl, looking at what it left behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from swapctl.facts import SwapArea
from swapctl.linux import libc, swaps
from tests.conftest import UNLOGGED
from tests.kernel.loopfs import FILESYSTEMS, MIB, Filesystem, Mounted, make, run

COMMAND = (sys.executable, "-m", "swapctl")
LINGERING = 300
# For strace: a delay, in which it is stopped itself.
HOLD = "{}:delay_enter=5000000"
MINUTES = 600.0  # pages move slowly in an emulated machine
PATIENCE = 300
# What metadata may grow by for good: xfs keeps inode chunks, btrfs rewrites its trees.
SLACK = {"ext4": 64 << 10, "ext3": 64 << 10, "xfs": MIB, "btrfs": 2 * MIB}
SIZES = {"ext4": 320, "ext4-1k": 192, "ext3": 320, "xfs": 320, "btrfs": 1024}
ROWS = {f.name: f._replace(size=SIZES[f.name] * MIB) for f in FILESYSTEMS if f.name in SIZES}

Done = subprocess.CompletedProcess[str]


def rows(*names: str) -> list[Any]:
    """Parameters for a fixture: filesystems, skipped where they cannot be made, or where all that
    is made of images is unsafe."""
    return [
        pytest.param(ROWS[name], id=name, marks=pytest.mark.needs(UNLOGGED, *ROWS[name].needs))
        for name in names
    ]


@contextmanager
def volume(row: Filesystem, scratch: Path) -> Iterator[Mounted]:
    """The filesystem, made and mounted for as long as the context lasts, on an image that has all
    its blocks: above holes, or in memory, no swap file is safe."""
    with ExitStack() as undo:
        yield make(row, scratch / row.name, scratch, undo, written=True)


@contextmanager
def cleared(directory: Path) -> Iterator[Path]:
    """A new directory of root's own; at the end its areas are given back and all is removed."""
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        for area in swaps.read():
            if area.path.startswith(f"{directory}/"):
                libc.swapoff(os.fsencode(area.path))
        run("rm", "-rf", str(directory))


def swapctl(
    *arguments: str | Path, before: Sequence[str | Path] = (), seconds: float = LINGERING
) -> Done:
    """Run swapctl; `before` is a command that runs it, such as strace with its options."""
    return subprocess.run(
        [*before, *COMMAND, *arguments],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        timeout=seconds,
    )


def with_terminal(*arguments: str | Path, codes: Collection[int] = (0,)) -> str:
    """What a run writes to its stderr when that is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:  # EIO: the other side is closed
            pass
        os.close(ours)
        process.communicate(timeout=LINGERING)
    assert process.returncode in codes
    return text.decode()


def prepared(path: Path, size: str = "4M", *arguments: str) -> Path:
    """A swapfile made by swapctl."""
    done = swapctl("prepare", path, "--size", size, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return path


def unlike(content: bytes) -> bool:
    """Are all blocks random, and none like another one?"""
    found = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    return len(set(found)) == len(found) and min(len(set(one)) for one in found) > 200


def document(done: Done) -> dict[str, Any]:
    """The JSON that a run printed."""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def findings(done: Done) -> dict[str, dict[str, Any]]:
    """What a refused `prepare --json` or `off --json` found: by rule, evidence by name."""
    assert done.returncode == 1, done
    return {
        one["rule"]: {e["name"]: e["value"] for e in one["evidence"]}
        for one in document(done)["findings"]
    }


def verdict(path: Path) -> str:
    """What check says."""
    (found,) = document(swapctl("check", "--json", path))["targets"]
    return str(found["verdict"])


def area(path: Path) -> SwapArea | None:
    """The kernel's line about an area."""
    return next((a for a in swaps.read() if a.path == str(path)), None)


def _missing(mount: Path) -> int:
    state = os.statvfs(mount)
    return (state.f_blocks - state.f_bavail) * state.f_frsize


def used(mounted: Mounted) -> int:
    """The bytes that are not available, after what is under way has been written."""
    sync = (
        ("btrfs", "filesystem", "sync") if mounted.filesystem.fstype == "btrfs" else ("sync", "-f")
    )
    run(*sync, str(mounted.path))
    return _missing(mounted.path)


def settles(mounted: Mounted, before: int) -> bool:
    """Whether the space in use comes back to what it was; freeing goes on in the background."""
    limit = before + SLACK[mounted.filesystem.fstype]
    deadline = time.monotonic() + PATIENCE
    while used(mounted) > limit:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def state(path: Path) -> dict[str, tuple[int, ...]]:
    """Every name below a directory with what a change would change."""
    found: dict[str, tuple[int, ...]] = {}
    for one in [path, *path.rglob("*")]:
        seen = one.lstat()
        found[str(one)] = (
            seen.st_ino,
            seen.st_mode,
            seen.st_size,
            seen.st_blocks,
            seen.st_nlink,
            seen.st_mtime_ns,
            seen.st_ctime_ns,
        )
    return found


def private(fstype: str, keep: Path) -> list[str | Path]:
    """A command that runs another one in a mount namespace where, of the filesystems of a type,
    only those below `keep` are left."""
    script = """
        type=$1 keep=$2
        shift 2
        while read -r _ point kind _; do
            case $kind,$point in
                "$type,$keep"*) ;;
                "$type",*) umount -l "$(printf "$point")" ;;
            esac
        done </proc/mounts
        exec "$@"
    """
    return ["unshare", "-m", "--propagation", "slave", "sh", "-ec", script, "sh", fstype, keep]


def bound(*pairs: tuple[Path, str]) -> list[str | Path]:
    """A command that runs another one in a mount namespace where files stand in for others."""
    script = """
        while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
        shift
        exec "$@"
    """
    names = [name for pair in pairs for name in pair]
    return ["unshare", "-m", "sh", "-ec", script, "sh", *names, "--"]


CALLS = "openat,ioctl,fallocate,pwrite64,fsync,linkat,renameat2,unlinkat,swapon,swapoff,write"


def strace(log: Path, *inject: str) -> list[str | Path]:
    """A command that runs another one under strace, with faults injected."""
    options = [word for one in inject for word in ("-e", f"inject={one}")]
    return ["strace", "-o", log, "-e", f"trace={CALLS}", *options]


def ordinal(log: Path, call: str, pattern: str, match: int = 1) -> int:
    """Which of all calls of that name it was, when the pattern matched for the n-th time."""
    lines = [line for line in log.read_text().splitlines() if line.startswith(f"{call}(")]
    places = [n for n, line in enumerate(lines, 1) if re.search(pattern, line)]
    return places[match - 1]


@contextmanager
def held(log: Path, call: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """swapctl, stopped at the entry of its first system call of that name until it `goes_on`;
    strace, which holds it, is the process that is given."""
    before = strace(log, HOLD.format(call))
    with subprocess.Popen(
        [*before, *COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            hold(process, log, call)
            yield process
        finally:
            goes_on(process)


def process_state(pid: int) -> str:
    """The letter of proc_pid_stat(5), X where it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X"
    return status.rpartition(")")[2].split()[0]


def hold(process: "subprocess.Popen[str]", log: Path, call: str) -> None:
    """Stop strace when what it traces is about to make the call, which then is not made."""
    wait_until(
        lambda: process.poll() is not None or (log.exists() and f"{call}(" in log.read_text())
    )
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: process_state(process.pid) == "T")
    assert "\n" not in log.read_text().rpartition(f"{call}(")[2]


def goes_on(process: "subprocess.Popen[str]") -> None:
    """What is held is held no more."""
    process.send_signal(signal.SIGCONT)


def remove_zram(number: str) -> None:
    """Busy while the last close is still under way."""
    control = Path("/sys/class/zram-control/hot_remove")
    for _ in range(1000):
        with suppress(OSError):
            control.write_text(number)
            return
        time.sleep(0.02)
    control.write_text(number)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what happens soon."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
