"""On Debian's kernels swapctl and swapon(2) agree too, NFS and the rarer filesystems included.

Each guest runs the files of one kind of work; as many at a time as there are processors. What a
guest recorded stays in build/vm/SUITE-WORK.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.vm.conftest import NEEDS, Run, read_record
from tests.vm.guest import OURS, Guest, precompile
from tests.vm.kernels import SUITES, fetch

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.kernel,
    pytest.mark.needs(*NEEDS),
]

LIMIT = 40 * 60
MEMORY = 1536
# Every case that is left out names what is lacking: a probe, or an operation of a rare filesystem.
NAMED = re.compile(
    r"(Skipped: )?(this machine lacks|the running kernel lacks|\S+ does not do this:) "
)


class Work(NamedTuple):
    """What one guest runs, and how many cases it compares at least. The files are run by pytest in
    one process, in this order."""

    files: tuple[str, ...]
    at_least: int


# The longest first, so that no processor waits for the last one.
WORKS = {
    "oracle": Work(("tests/kernel/test_oracle.py",), 1500),
    "servers": Work(
        ("tests/vm/guest_nfs.py", "tests/vm/guest_cifs.py", "tests/vm/guest_rare.py"), 90
    ),
    "network": Work(
        (
            "tests/vm/guest_nfs_paths.py",
            "tests/kernel/test_network.py",
            "tests/vm/guest_dead_server.py",
        ),
        0,
    ),
    "prepare": Work(("tests/vm/guest_prepare.py", "tests/kernel/test_prepare_f2fs.py"), 0),
    "storage": Work(("tests/vm/guest_storage.py",), 0),
}
JOBS = [(work, suite) for work in WORKS for suite in SUITES]


def examine(work: str, suite: str, folder: Path, guests: list[Guest]) -> Run:
    """All of it in one boot."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *WORKS[work].files]
    environment = {"SWAPCTL_ORACLE_DIR": f"{OURS}/out"}
    guest = Guest(fetch(suite), folder, command, memory=MEMORY, environment=environment)
    guests.append(guest)
    status = guest.wait(LIMIT)
    seconds = time.monotonic() - started
    return Run(suite, work, status, seconds, guest.output, read_record(folder))


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[tuple[str, str], Future[Run]]]:
    """Those that are asked for, begun together."""
    names = [item.name for item in request.session.items if item.path == request.path]
    asked = [job for job in JOBS if any(name.endswith(f"[{'-'.join(job)}]") for name in names)]
    precompile()
    folder = request.config.rootpath / "build" / "vm"
    guests: list[Guest] = []
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        yield {
            (work, suite): pool.submit(examine, work, suite, folder / f"{suite}-{work}", guests)
            for work, suite in asked
        }
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for guest in guests:
            guest.close()


@pytest.mark.parametrize(("work", "suite"), JOBS)
def test_the_promise_on_debian(
    work: str, suite: str, runs: dict[tuple[str, str], Future[Run]], runs_seen: list[Run]
) -> None:
    run = runs[work, suite].result()
    runs_seen.append(run)
    assert run.status == 0, run.failures()
    assert run.disagreements == []
    assert len(run.record["rows"]) >= WORKS[work].at_least
    assert [reason for reason in run.record["left_out"] if not NAMED.match(reason)] == []
