"""On Debian's kernels swapctl and swapon(2) agree too, NFS and the rarer filesystems included."""

import re
from concurrent.futures import Future
from typing import Any

import pytest

from tests.vm.conftest import NEEDS
from tests.vm.jobs import JOBS, WORKS, Job, Run
from tests.vm.kernels import SUITES

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.kernel,
    pytest.mark.needs(*NEEDS),
]

# Every case that is left out names what is lacking: a probe, or an operation of a rare filesystem.
NAMED = re.compile(
    r"(Skipped: )?(this machine lacks|the running kernel lacks|\S+ does not do this:) "
)


# What holds on Debian's oldest and newest kernel is taken to hold on the one between, unless cases
# are compared; `make test-vm` asks it all the same.
BETWEEN = SUITES[1]


def asked(job: Job) -> Any:
    between = job.suite == BETWEEN and not WORKS[job.work].at_least
    return pytest.param(job, id="-".join(job), marks=[pytest.mark.long] if between else [])


@pytest.mark.parametrize("job", [asked(job) for job in JOBS])
def test_the_promise_on_debian(
    job: Job, runs: dict[Job, Future[Run]], runs_seen: list[Run]
) -> None:
    run = runs[job].result()
    runs_seen.append(run)
    assert run.status == 0, run.failures()
    assert run.disagreements == []
    assert len(run.record["rows"]) >= WORKS[job.work].at_least
    assert [reason for reason in run.record["left_out"] if not NAMED.match(reason)] == []
