"""On Debian's kernels swapctl and swapon(2) agree too, NFS and the rarer filesystems included."""

import re
from concurrent.futures import Future

import pytest

from tests.vm.conftest import NEEDS
from tests.vm.jobs import JOBS, WORKS, Job, Run

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


@pytest.mark.parametrize("job", JOBS, ids="-".join)
def test_the_promise_on_debian(
    job: Job, runs: dict[Job, Future[Run]], runs_seen: list[Run]
) -> None:
    run = runs[job].result()
    runs_seen.append(run)
    assert run.status == 0, run.failures()
    assert run.disagreements == []
    assert len(run.record["rows"]) >= WORKS[job.work].at_least
    assert [reason for reason in run.record["left_out"] if not NAMED.match(reason)] == []
