"""A filesystem whose server process is stopped, and tables of more than 10,000 mounts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.linux import mounts
from tests.kernel.loopfs import MIB, run, unmount
from tests.kernel.support import COMMAND, Done, document, swapctl

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN")]

PROMISE = 10.0  # seconds, from the start of the program to its end
MANY = 10_001
REPOSITORY = str(Path(__file__).parents[2])
ENVIRONMENT = {**os.environ, "PYTHONPATH": REPOSITORY, "PYTHONSAFEPATH": "1"}


class Served:
    """A mounted filesystem and the process that serves it."""

    def __init__(self, point: Path, process: subprocess.Popen[bytes]) -> None:
        self.point, self.process = point, process

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """ext4 in a file, served by fuse2fs; resumed before it is unmounted, however the test ends."""
    image, point = tmp_path / "image", tmp_path / "served"
    point.mkdir()
    with image.open("wb") as new:
        new.truncate(16 * MIB)
    run("mkfs.ext4", "-q", "-F", str(image))
    with ExitStack() as undo:
        process = undo.enter_context(
            subprocess.Popen(["fuse2fs", "-f", str(image), str(point), "-o", "fakeroot,rw"])
        )
        undo.callback(process.kill)  # should it not have ended with its mount
        undo.callback(unmount, point)
        undo.callback(process.send_signal, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while not any(m.path == str(point) for m in mounts.read()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (point / "file").write_bytes(bytes(MIB))
        yield Served(point, process)


def timed(*words: str | Path) -> Done:
    """Run swapctl until its output is closed; it keeps the promise. What makes the whole machine
    stand still does not do so twice."""
    for _ in range(2):
        started = time.monotonic()
        done = subprocess.run(
            [*COMMAND, *words],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        took = time.monotonic() - started
        if took < PROMISE:
            return done
        print(f"{took:.1f} s for", *words)
    pytest.fail(f"{took:.1f} s: {done}")


fuse = pytest.mark.needs("filesystem fuse", "tool fuse2fs", "tool mkfs.ext4")


@fuse
def test_a_stopped_process_does_not_stop_the_commands(served: Served, tmp_path: Path) -> None:
    file, link, local = served.point / "file", tmp_path / "link", tmp_path / "local"
    link.symlink_to(file)
    local.write_bytes(bytes(MIB))
    before = swapctl("check", file, local)
    assert before.returncode == 1
    served.stop()
    for words in (
        ("check", file),
        ("check", "--json", link),
        ("check", served.point, served.point / "none", file, link),
        ("facts", file),
        ("on", file),
        ("off", file),
        ("status", link),
        ("prepare", served.point / "new", "--size", "4M"),
        ("prepare", served.point, "--size", "4M"),
    ):
        done = timed(*words)
        assert done.returncode == 3, done
        assert "no answer from" in done.stdout + done.stderr
        assert str(served.point) in done.stdout + done.stderr
    # A path that is known does not become one that is not, and what can be told is.
    done = timed("check", "--json", file, local)
    assert done.returncode == 1
    assert [one["verdict"] for one in document(done)["targets"]] == ["undecided", "refused"]
    served.resume()
    assert swapctl("check", file, local).stdout == before.stdout


@fuse
def test_a_stopped_process_below_the_working_directory(served: Served) -> None:
    """Nobody comes into a directory of a server that is stopped, so they are there before."""
    asked = {("check", "file"): 3, ("prepare", "new", "--size", "4M"): 3, ("check", "."): 3}
    asked |= {("check", "/etc/hostname"): 1}
    with ExitStack() as undo:
        waiting = []
        for words in asked:
            process = undo.enter_context(
                subprocess.Popen(
                    ["sh", "-c", 'echo; read -r _; exec "$@"', "sh", *COMMAND, *words],
                    cwd=served.point,
                    env=ENVIRONMENT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            undo.callback(served.resume)
            undo.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"  # the shell has looked at where it is
            waiting.append(process)
        served.stop()
        for process, code in zip(waiting, asked.values(), strict=True):
            started = time.monotonic()
            said, _ = process.communicate("\n", timeout=60)
            assert process.returncode == code, said
            assert time.monotonic() - started < PROMISE, said
        served.resume()


@fuse
def test_a_process_that_is_stopped_at_a_request(served: Served) -> None:
    """A request that the process has taken cannot be given up, even by SIGKILL; it is left."""
    served.stop()
    # What reads the directory now waits in the kernel, and the next has to queue behind it.
    with subprocess.Popen(["ls", str(served.point)], stdout=subprocess.DEVNULL) as waiting:
        try:
            assert timed("check", served.point / "file").returncode == 3
        finally:
            served.resume()
        assert waiting.wait(20) == 0


@pytest.mark.slow
def test_ten_thousand_mounts(tmp_path: Path) -> None:
    """In a mount namespace that ends with the test: the verdict is that of a short table."""
    local = tmp_path / "local"
    local.write_bytes(bytes(MIB))
    short = swapctl("check", "--json", local)
    script = """
import ctypes, os, subprocess, sys
base, count, *command = sys.argv[1:]
mount = ctypes.CDLL(None, use_errno=True).mount
assert mount(b"many", base.encode(), b"tmpfs", 0, None) == 0
for number in range(int(count)):
    point = f"{base}/{number}"
    os.mkdir(point)
    assert mount(base.encode(), point.encode(), None, 4096, None) == 0
assert len(open("/proc/self/mountinfo").readlines()) > int(count)
sys.exit(subprocess.run(command).returncode)
"""
    many = tmp_path / "many"
    many.mkdir()
    words = (sys.executable, "-c", script, str(many), str(MANY))
    check = (*COMMAND, "check", "--json", str(local))
    done = subprocess.run(
        ["unshare", "-m", *words, *check], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.stdout, done.returncode) == (short.stdout, short.returncode), done.stderr
