"""The reports on recorded machines stay what they are, to the letter."""

import json
from pathlib import Path

import pytest

from swapctl.record import dump, load
from tests.golden.regenerate import HERE, MACHINES, expected, report

HOW = "If the change is meant: python -m tests.golden.regenerate, and read the difference."

VERDICTS = {
    "btrfs-cow-compressed-holes": ("refused", "EINVAL"),
    "btrfs-raid1": ("refused", "EINVAL"),
    "btrfs-ready": ("ready", None),
    "directory": ("refused", "EISDIR"),
    "ext4-1k-scattered": ("usable", None),
    "ext4-holes-0644": ("refused", "EINVAL"),
    "ext4-ready": ("ready", None),
    "loop-device": ("ready", None),
    "loop-device-read-only": ("unsafe", None),
    "not-root": ("undecided", None),
    "path-missing": ("refused", "ENOENT"),
    "tmpfs": ("refused", "EINVAL"),
    "xfs-ready": ("ready", None),
    "xfs-reflinked": ("refused", "EINVAL"),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["check.txt", "check.json"])
def test_reports_are_the_recorded_ones(machine: str, name: str) -> None:
    recorded = HERE / machine / name
    assert recorded.exists(), HOW
    assert expected(machine)[name] == recorded.read_text(encoding="utf-8"), HOW


def test_verdicts() -> None:
    """Written by hand: regenerating does not change what a machine was recorded for."""
    found = {machine: report(machine) for machine in MACHINES}
    assert {name: (r.verdict, r.swapon.errno) for name, r in found.items()} == VERDICTS


@pytest.mark.parametrize("machine", MACHINES)
def test_recorded_facts_are_what_this_version_would_write(machine: str) -> None:
    """Nothing is lost and nothing added, but for the version that wrote it."""
    path: Path = HERE / machine / "facts.json"
    text = path.read_text(encoding="utf-8")
    again = json.loads(dump(load(text, str(path))))
    assert again["snapshot"] == json.loads(text)["snapshot"]
