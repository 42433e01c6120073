"""The oracle's cases on Debian's kernels: swapctl and swapon(2) agree there too.

One guest per kernel, two at a time. What a guest recorded stays in build/vm/SUITE.
"""

import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

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

AT_LEAST = 150
LIMIT = 30 * 60
MEMORY = 1536
# Every case that is left out names what is lacking: a probe, or an operation of a rare filesystem.
NAMED = re.compile(r"(Skipped: )?(this machine lacks|\S+ does not do this:) ")


def examine(suite: str, folder: Path, guests: list[Guest]) -> Run:
    """All of it in one boot."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command.append("tests/kernel/test_oracle.py")
    environment = {"SWAPCTL_ORACLE_DIR": f"{OURS}/out"}
    guest = Guest(fetch(suite), folder, command, memory=MEMORY, environment=environment)
    guests.append(guest)
    status = guest.wait(LIMIT)
    return Run(suite, status, time.monotonic() - started, guest.output, read_record(folder))


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Run]]]:
    """Started together for the kernels that are asked for."""
    names = [item.name for item in request.session.items if item.path == request.path]
    asked = [suite for suite in SUITES if any(name.endswith(f"[{suite}]") for name in names)]
    precompile()
    folder = request.config.rootpath / "build" / "vm"
    guests: list[Guest] = []
    pool = ThreadPoolExecutor(2)
    try:
        yield {suite: pool.submit(examine, suite, folder / suite, guests) for suite in asked}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for guest in guests:
            guest.close()


@pytest.mark.parametrize("suite", SUITES)
def test_the_promise_on(suite: str, runs: dict[str, Future[Run]], runs_seen: list[Run]) -> None:
    run = runs[suite].result()
    runs_seen.append(run)
    assert run.disagreements == []
    assert len(run.record["rows"]) >= AT_LEAST
    assert [reason for reason in run.record["left_out"] if not NAMED.match(reason)] == []
    assert run.status == 0, run.output.read_text()
