"""The notes about swapon(8) against the command itself, over the conditions of the oracle."""

import os
import subprocess
from contextlib import ExitStack

import pytest

from swapctl.gather import snapshot
from swapctl.rules import judge
from tests.kernel.conditions import CONDITIONS, Condition, Place, applies
from tests.kernel.loopfs import FILESYSTEMS, Mounts
from tests.kernel.oracle import swapoff
from tests.kernel.test_oracle import SUBJECTS

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool swapon"),
]
# Each note, and what the command says on stderr when it holds.
SAYINGS = {
    "swapon8-skips": "it appears to have holes",
    "swapon8-warns": "insecure",
}
EXT4 = next(f for f in FILESYSTEMS if f.name == "ext4")


def judged_conditions() -> list[Condition]:
    """Those of the plain ext4 that root asks about; the caller's own troubles come earlier."""
    assert SUBJECTS, "importing the oracle fills the table"
    return [c for c in CONDITIONS if applies(c, EXT4) and c.become is None and "many" not in c.name]


@pytest.mark.parametrize("condition", judged_conditions(), ids=lambda c: c.name)
def test_notes_agree_with_the_command(condition: Condition, mounts: Mounts) -> None:
    mounted = mounts.get(EXT4)
    with ExitStack() as undo:
        directory = mounted.path / f"{condition.name}-8"
        directory.mkdir()
        path = condition.make(Place(mounted, directory, undo, []))
        report = judge(snapshot(path))
        file = report.snapshot.file
        if getattr(file, "kind", None) != "regular":
            return
        noted = {f.rule_id for f in report.outcome.findings}
        run = subprocess.run(
            [b"swapon", b"--", os.fsencode(path)],
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if run.returncode == 0:
            swapoff(path)
        said = run.stderr.decode("utf-8", "replace")
    if "cannot open" in said:
        return
    for rule_id, words in SAYINGS.items():
        assert (rule_id in noted) == (words in said), f"{rule_id} in {noted}, but it said {said!r}"
    if "swapon8-blind" in noted:
        assert "holes" not in said
        assert run.returncode != 0
