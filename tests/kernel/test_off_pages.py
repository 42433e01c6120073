"""`off` of areas that hold pages: they come back, unless memory is short or a signal comes."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from swapctl.facts import SwapArea
from swapctl.place import Leaving
from swapctl.rules.engine import evaluate
from swapctl.rules.leaving import memory_short
from tests.kernel.loopfs import MIB, Mounted
from tests.kernel.support import (
    LINGERING,
    area,
    bound,
    cleared,
    document,
    findings,
    goes_on,
    held,
    ordinal,
    prepared,
    rows,
    strace,
    swapctl,
    volume,
    wait_until,
)

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

PAGE = os.sysconf("SC_PAGE_SIZE")
FIRST = ("--priority", "32767")

CAP_SYS_RESOURCE = 24

# Fills memory, pushes it out, says so; on a line of input says what it reads back.
HOLDER = """
import hashlib, mmap, os, sys
size = int(sys.argv[1])
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, size, 1 << 20):
    memory[at : at + (1 << 20)] = os.urandom(1 << 20)
print(hashlib.sha256(memory).hexdigest(), flush=True)
memory.madvise(21)
print("out", flush=True)
sys.stdin.readline()
print(hashlib.sha256(memory).hexdigest(), flush=True)
"""


@pytest.fixture(scope="module", params=rows("ext4"))
def ext4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("on")) as mounted:
        yield mounted


@pytest.fixture
def home(ext4: Mounted) -> Iterator[Path]:
    with cleared(ext4.path / "home") as directory:
        yield directory


@contextmanager
def pushed_out(path: Path, size: int) -> Iterator[subprocess.Popen[str]]:
    """Activate a file first in line; a process has that much memory in it. At the end the memory is
    compared, unless it was before."""
    assert swapctl("on", path, *FIRST).returncode == 0
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        before = process.stdout.readline()
        assert process.stdout.readline() == "out\n"
        yield process
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == before
        assert len(before.strip()) == hashlib.sha256().digest_size * 2


def capable(capability: int) -> bool:
    """Whether this process, and what it starts, has a capability."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) >> capability & 1)


def in_use(path: Path) -> int:
    found = area(path)
    assert found is not None
    return found.used


def test_off_brings_every_byte_back(home: Path) -> None:
    path = prepared(home / "swap", "96M")
    with pushed_out(path, 48 * MIB):
        assert in_use(path) >= MIB
        done = swapctl("off", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{path}: deactivated in " in done.stdout
        assert "MiB read back" in done.stdout
        assert area(path) is None


def test_off_when_memory_is_short(home: Path, tmp_path: Path) -> None:
    path = prepared(home / "swap", "48M")
    with pushed_out(path, 16 * MIB):
        lines = Path("/proc/meminfo").read_text().splitlines()
        lines = ["MemAvailable: 512 kB" if x.startswith("MemAvailable:") else x for x in lines]
        (tmp_path / "meminfo").write_text("\n".join([*lines, ""]))
        swaps = Path("/proc/swaps").read_text().splitlines()
        (line,) = (x for x in swaps if x.startswith(f"{path} "))
        used = int(line.split()[3]) << 10
        assert used >= MIB
        (tmp_path / "swaps").write_text(f"{swaps[0]}\n{line}\n")
        short = bound((tmp_path / "meminfo", "/proc/meminfo"), (tmp_path / "swaps", "/proc/swaps"))
        done = swapctl("off", path, "--json", before=short)
        assert document(done)["changed"] is False
        assert findings(done)["memory-short"] == {
            "in use": used,
            "memory available": 512 << 10,
            "free in other areas": 0,
        }
        text = swapctl("off", path, before=short)
        assert text.returncode == 1
        assert "512.0 KiB" in text.stdout
        assert "--force" in text.stdout
        assert area(path) is not None
        assert swapctl("off", path, "--force", before=short).returncode == 0
        assert area(path) is None


@pytest.mark.parametrize(("used", "refused"), [(300, False), (301, True)])
def test_room_is_memory_and_the_other_areas(used: int, refused: bool) -> None:
    mine = SwapArea("/swap", "file", 1000, used, -2, False, "8:1", 12)
    outcome = evaluate((memory_short,), Leaving(mine, 100, 200))
    assert [f.rule_id for f in outcome.findings] == (["memory-short"] if refused else [])


def _scores(log: Path) -> list[str]:
    return re.findall(r'^write\(\d+, "(-?\d+)(?:\\n)?"', log.read_text(), re.MULTILINE)


@pytest.mark.needs("tool strace")
def test_off_is_spared_by_the_oom_killer(home: Path, tmp_path: Path) -> None:
    path, log = prepared(home / "swap", "4M", "--on"), tmp_path / "log"
    own = Path("/proc/self/oom_score_adj").read_text()
    with held(log, "swapoff", "off", path) as tracer:
        (child,) = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()
        score = Path(f"/proc/{child}/oom_score_adj").read_text()
        goes_on(tracer)
        _, err = tracer.communicate(timeout=LINGERING)
    # Where the kernel does not allow it, off goes on without.
    assert (tracer.returncode, err) == (0, "")
    assert _scores(log)[0] == "-1000"
    assert score == ("-1000\n" if capable(CAP_SYS_RESOURCE) else own)
    assert swapctl("on", path).returncode == 0
    allowed = strace(log, f"write:retval=5:when={ordinal(log, 'write', '-1000')}")
    assert swapctl("off", path, before=allowed).returncode == 0
    assert _scores(log) == ["-1000", own.strip()]


@pytest.mark.needs("tool strace")
def test_off_interrupted_leaves_the_area_active(home: Path, tmp_path: Path) -> None:
    path = prepared(home / "swap", "48M")
    with pushed_out(path, 16 * MIB):
        assert in_use(path) >= MIB
        done = swapctl("off", path, before=strace(tmp_path / "log", "swapoff:signal=SIGINT"))
        assert (done.returncode, done.stdout) == (130, "")
        assert area(path) is not None
        assert swapctl("off", path).returncode == 0
        assert area(path) is None


def test_off_interrupted_half_way(home: Path) -> None:
    path = prepared(home / "swap", "160M")
    with pushed_out(path, 144 * MIB):
        full = in_use(path)
        command = [sys.executable, "-m", "swapctl", "off", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: process.poll() is not None or _below(path, full))
            with suppress(ProcessLookupError):
                process.send_signal(2)
            process.communicate(timeout=LINGERING)
        # -2: Python was leaving already, and no longer handles signals then.
        assert process.returncode in (0, 130, -2)
        assert process.returncode == 130 or area(path) is None
        if area(path) is not None:
            assert swapctl("off", path).returncode == 0


def _below(path: Path, full: int) -> bool:
    """Has it given back more than others may have freed meanwhile?"""
    found = area(path)
    return found is None or found.used < full - 4 * MIB
