"""What guests run for the tests, and the guests at work beside everything else.

Most kinds of work are files of tests that one guest runs. What was recorded stays in
build/vm/SUITE-WORK.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any, NamedTuple

from tests.vm import boots
from tests.vm.guest import OURS, Guest, Start
from tests.vm.kernels import SUITES, Kernel, fetch

LIMIT = 40 * 60
MEMORY = 1536
# A machine with many processors need not have memory for as many guests.
MOST = 4
# Nothing is cached in a guest, and hypothesis takes it seconds to import.
WITHOUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
NOTHING: dict[str, Any] = {"kernel": "", "rows": [], "left_out": {}}


class Work(NamedTuple):
    """What one guest runs, and how many cases it compares at least. The files are run by pytest in
    one process, in this order."""

    files: tuple[str, ...]
    at_least: int

    def examine(self, kernel: Kernel, folder: Path, start: Start) -> int:
        """All of it in one boot; the status of pytest."""
        command = [sys.executable, "-m", "pytest", "-q", *WITHOUT, *self.files]
        environment = {"SWAPCTL_ORACLE_DIR": f"{OURS}/out"}
        guest = start(kernel, folder, command, memory=MEMORY, environment=environment)
        return guest.wait(LIMIT)


class Job(NamedTuple):
    """A kind of work and the kernel for it."""

    work: str
    suite: str


# The longest first, so that no processor waits for the last one.
WORKS = {
    "oracle": Work(("tests/kernel/test_oracle.py",), 1500),
    "prepare": Work(("tests/vm/guest_prepare.py", "tests/kernel/test_prepare_f2fs.py"), 0),
    "network": Work(
        (
            "tests/vm/guest_nfs_paths.py",
            "tests/kernel/test_network.py",
            "tests/vm/guest_dead_server.py",
        ),
        0,
    ),
    "servers": Work(
        ("tests/vm/guest_nfs.py", "tests/vm/guest_cifs.py", "tests/vm/guest_rare.py"), 90
    ),
    "storage": Work(
        ("tests/vm/guest_storage.py", "tests/vm/guest_below.py", "tests/vm/guest_targets.py"), 0
    ),
    "stacks": Work(("tests/vm/guest_stacks.py",), 0),
    "witness": Work(
        (
            "tests/kernel/test_witness.py",
            "tests/vm/guest_witness.py",
            "tests/vm/guest_prove_memory.py",
        ),
        0,
    ),
}
JOBS = [Job(work, suite) for work in WORKS for suite in SUITES]
BOOTS = Job("boots", "trixie")
ALL = (BOOTS, *JOBS)


class Run(NamedTuple):
    """What was done for a job: how it ended, and what it recorded in its folder."""

    job: Job
    status: int
    seconds: float
    folder: Path
    record: dict[str, Any]

    @property
    def disagreements(self) -> list[dict[str, Any]]:
        return [row for row in self.record["rows"] if not row["agrees"]]

    @property
    def summary(self) -> str:
        rows, left_out = self.record["rows"], self.record["left_out"]
        kinds = len({row["filesystem"] for row in rows})
        lines = [f"{self.job.suite} {self.job.work}: status {self.status}, {self.seconds:.0f} s"]
        if rows:
            lines.append(
                f"    {self.record['kernel']}: {len(rows)} cases on {kinds} filesystems, "
                f"{len(self.disagreements)} disagreements"
            )
        lines += [
            f"    left out: {len(left_out[reason]):4} {reason}" for reason in sorted(left_out)
        ]
        return "\n".join(lines)

    def failures(self) -> str:
        """The end of what pytest printed: the failures, and their list."""
        text = (self.folder / "output.log").read_text(errors="replace")
        _, _, failed = text.partition("= FAILURES =")
        return "\n".join((failed or text).splitlines()[-400:])


def read_record(folder: Path) -> dict[str, Any]:
    """What the run in the guest left; it may have ended before there was anything."""
    path = folder / "oracle.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else NOTHING
    return record


class Guests:
    """The guests of some jobs, begun now and in their order, in folders below `root`.

    As many run at a time as there are processors, or MOST: the other tests mostly wait. Once
    `have_all` says that these are through, it is one more, because guests wait for a sixth of their
    time.
    """

    def __init__(self, jobs: Sequence[Job], root: Path, at_first: int | None = None) -> None:
        count = min(len(os.sched_getaffinity(0)), MOST) if at_first is None else at_first
        self._root = root
        self._free = Semaphore(count)
        self._have_all = False
        self._ended = False
        self._lock = Lock()
        self._running: list[Guest] = []
        self._pool = ThreadPoolExecutor(count + 1)
        self.runs: dict[Job, Future[Run]] = {
            job: self._pool.submit(self._in_turn, job) for job in jobs
        }

    def have_all(self) -> None:
        """Nothing else is done from now on."""
        if not self._have_all:
            self._have_all = True
            self._free.release()

    def end(self) -> None:
        """Ends those that run, and begins no others; nothing of them is left when it returns."""
        with self._lock:
            self._ended = True
        self._free.release(len(self.runs) + 1)
        for guest in self._running:
            guest.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _in_turn(self, job: Job) -> Run:
        with self._free:
            self._go_on()
            return self._examine(job)

    def _go_on(self) -> None:
        if self._ended:
            raise CancelledError

    def _start(self, *arguments: Any, **options: Any) -> Guest:
        with self._lock:
            self._go_on()
            guest = Guest(*arguments, **options)
            self._running.append(guest)
        return guest

    def _examine(self, job: Job) -> Run:
        folder = self._root / f"{job.suite}-{job.work}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        started = time.monotonic()
        examine = boots.examine if job == BOOTS else WORKS[job.work].examine
        status = examine(fetch(job.suite), folder, self._start)
        seconds = time.monotonic() - started
        return Run(job, status, seconds, folder, read_record(folder))
