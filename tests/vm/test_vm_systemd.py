"""A fresh Debian boots with its swap, whatever happened to the files before."""

import json
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.vm.boots import (
    ABSENT,
    BTRFS,
    ENABLED,
    GONE,
    LARGE,
    ODD,
    PLAIN,
    SLOW_STEP,
    THEIRS,
    XFS,
    Step,
    read,
    service,
    unit,
)
from tests.vm.conftest import NEEDS
from tests.vm.jobs import BOOTS, Job, Run

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.kernel,
    pytest.mark.needs(
        *NEEDS, *(f"tool {name}" for name in ("mmdebstrap", "mkfs.xfs", "mkfs.btrfs", "make"))
    ),
    pytest.mark.parametrize("job", [BOOTS], ids="-".join),
]

Steps = dict[str, Step]
CYCLE = "ordering cycle"


@pytest.fixture
def boots(job: Job, runs: dict[Job, Future[Run]], runs_seen: list[Run]) -> list[Steps]:
    run = runs[job].result()
    if run not in runs_seen:
        runs_seen.append(run)
    assert run.status == 0
    return read(run.folder)


@pytest.fixture
def first(boots: list[Steps]) -> Steps:
    return boots[0]


@pytest.fixture
def second(boots: list[Steps]) -> Steps:
    return boots[1]


@pytest.fixture
def third(boots: list[Steps]) -> Steps:
    return boots[2]


def areas(step: Step) -> Iterator[str]:
    """The paths in a text of /proc/swaps, which has blanks in octal."""
    for line in step.out.splitlines()[1:]:
        yield line.split()[0].replace("\\040", " ")


def verdicts(step: Step) -> dict[str, tuple[str, bool]]:
    assert step.code == 0, step
    targets = json.loads(step.out)["targets"]
    return {target["path"]: (target["verdict"], target["active"]) for target in targets}


# Installed, enabled, and the power cut.


def test_enabling_activates(first: Steps) -> None:
    assert first["install"].code == 0, first["install"]
    for path in ENABLED:
        assert first[f"enable {path}"].code == 0, first[f"enable {path}"]
    assert set(areas(first["swaps"])) == set(ENABLED)


def test_enabling_twice_changes_nothing(first: Steps) -> None:
    assert list(areas(first["swaps-enabled"])) == [GONE]
    again = first["enable-gone-again"]
    assert (again.code, again.err) == (0, "")
    assert first["etc-enabled-again"] == first["etc-enabled"] != first["etc-before"]


def test_disabling_undoes_it(first: Steps) -> None:
    """Also where the file could not be made: nothing is failed afterwards."""
    assert first["disable-gone"].code == 0, first["disable-gone"]
    assert first["enable-large"].code == 4, first["enable-large"]
    assert f"journalctl -b -u '{service(LARGE)}'" in first["enable-large"].err
    assert first["failed-large"].out.splitlines() == [service(LARGE)]
    assert first["disable-large"].code == 0, first["disable-large"]
    assert first["etc-disabled"] == first["etc-before"]
    assert first["failed-disabled"].out == ""
    assert list(areas(first["swaps-disabled"])) == []
    states = first["state-disabled"].out.splitlines()
    assert states[::2] == ["LoadState=not-found", "LoadState=loaded"] * 2
    assert states[1::2] == ["ActiveState=inactive"] * 4


def test_what_is_of_others_is_named_and_stays(first: Steps) -> None:
    """A line of fstab, of which systemd has made a unit, and a unit."""
    for name in ("enable-others-line", "disable-others-line"):
        assert first[name].code == 1
        assert "/etc/fstab, line 4" in first[name].err
        assert f"/run/systemd/generator/{unit(THEIRS)} (systemd-fstab-generator)" in first[name].err
    assert first["etc-others-after"] == first["etc-others"]
    assert first["enable-others-unit"].code == 1
    assert f"/etc/systemd/system/{unit(THEIRS)}" in first["enable-others-unit"].err
    assert first["etc-others-unit"] == first["etc-unit"]


# The next boot, with nothing in its way.


def test_all_are_active_after_the_power_was_cut(second: Steps) -> None:
    assert set(areas(second["swaps"])) == set(ENABLED)
    assert verdicts(second["check"]) == dict.fromkeys(ENABLED, ("ready", True))
    assert GONE not in second["swaps"].out


def test_what_the_service_may_not_read_does_not_stop_it(second: Steps) -> None:
    """The trees of btrfs, for which it lacks the capability; it says so."""
    journal = second["journal"].out
    assert f"{BTRFS}: nothing to do, it is what was asked for (undecided)" in journal
    assert "lacks chunk tree: BTRFS_IOC_TREE_SEARCH_V2: Operation not permitted" in journal


def test_nothing_failed(second: Steps) -> None:
    assert (second["running"].code, second["running"].out) == (0, "running\n")
    assert second["failed"].out == ""


def test_no_ordering_cycle(second: Steps, third: Steps) -> None:
    """systemd would drop the job of tmp.mount, or that of swap.target."""
    for journal in (second["journal"].out, third["journal"].out):
        assert f"Starting {service(PLAIN)}" in journal
        assert CYCLE not in journal
    assert second["tmp"].out == "tmpfs\nactive\nactive\n"


def test_the_disk_is_mounted_first(second: Steps, third: Steps) -> None:
    for journal in (second["journal"].out, third["journal"].out):
        for path, mount in ((XFS, "mnt-xfs.mount"), (BTRFS, "mnt-btrfs.mount")):
            assert 0 < journal.find(f"Mounted {mount}") < journal.find(f"Starting {service(path)}")


def test_units_as_systemd_sees_them(second: Steps) -> None:
    assert second["verify"] == Step(0, "", "")
    assert second["limit"].out == "TimeoutStartUSec=1h\n"
    assert second["security"].code == 0, second["security"]


# The next boot, with much in its way.


def test_what_can_be_made_is_made_again(third: Steps) -> None:
    assert set(areas(third["swaps"])) == {PLAIN, XFS}
    assert verdicts(third["check"]) == dict.fromkeys((PLAIN, XFS), ("ready", True))
    assert f"{PLAIN}: 64.0 MiB (67108864 bytes) prepared" in third[f"journal {PLAIN}"].out


def test_only_what_cannot_be_made_fails(second: Steps, third: Steps) -> None:
    for name in ("remove", "holes", "large", "absent", "short", "unmount"):
        assert second[name].code == 0, second[name]
    assert third["running"].out == "degraded\n"
    # Nothing but swap.target needs an area that was enabled with --fail.
    assert third["targets"].out == "inactive\nactive\nactive\n"
    assert third["failed"].out.splitlines() == sorted(map(service, (ODD, LARGE, BTRFS)))


def test_the_journal_says_why(third: Steps) -> None:
    journal = {path: third[f"journal {path}"].out for path in (ODD, LARGE, BTRFS)}
    assert f"{ODD}: refused" in journal[ODD]
    assert "file-holes" in journal[ODD]
    assert LARGE in journal[LARGE]
    assert "place-no-space" in journal[LARGE]
    assert "start operation timed out" in journal[BTRFS]
    assert third["left"].out == "/mnt/absent:\n\n/mnt/btrfs:\n"
    for path, text in journal.items():
        assert "Traceback" not in text
        assert f"Dependency failed for {unit(path)}" in third["journal"].out


def test_a_disk_that_is_not_there(third: Steps) -> None:
    """Nothing is made in the directory where it would be mounted, and nothing of ours failed."""
    assert f"Dependency failed for {unit(ABSENT)}" in third["journal"].out
    assert f"Starting {service(ABSENT)}" not in third["journal"].out


def test_the_boot_does_not_wait(third: Steps) -> None:
    """The disk is as slow until the boot is seen to be complete without the file."""
    state, swaps = third[SLOW_STEP].out.splitlines()[:3], third[SLOW_STEP].out
    assert state == ["active", "activating", "inactive"]
    assert XFS not in swaps
    began, booted, active = (
        int(line.partition("=")[2]) for line in third["times"].out.splitlines()
    )
    assert 0 < began < booted < active
