"""The lines that the kernel logs lead to the rules that predict them."""

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.kernel_log import MEANINGS, about_swap, meaning
from swapctl.rules import judge
from swapctl.rules.catalogue import ALL_RULES
from tests.golden.regenerate import MACHINES, report
from tests.unit.snapshots import EXAMPLES, EXT4, mount

IDS = {rule.id for rule in ALL_RULES}


@cache
def predicted() -> tuple[tuple[str, str], ...]:
    """(rule, log line) of every finding that predicts a line."""
    snapshots = [violating for violating, _ in EXAMPLES.values()]
    snapshots += [report(machine).snapshot for machine in MACHINES]
    snapshots.append(mount(EXT4, fstype="fuse"))
    pairs = {
        (finding.rule_id, finding.violation.log)
        for snapshot in snapshots
        for finding in judge(snapshot).outcome.findings
        if finding.violation.log
    }
    return tuple(sorted((rule_id, log) for rule_id, log in pairs if log))


@pytest.mark.parametrize("known", MEANINGS, ids=lambda known: known.pattern)
def test_a_meaning_is_a_rule_or_says_it_itself(known: object) -> None:
    assert isinstance(known, type(MEANINGS[0]))
    re.compile(known.pattern)
    assert known.rule_id in IDS if known.rule_id else known.text.endswith(".")


def test_there_are_predictions() -> None:
    assert len({log for _, log in predicted()}) >= 15


@pytest.mark.parametrize(
    ("rule_id", "log"),
    predicted(),
)
def test_a_predicted_line_leads_to_a_rule_that_predicts_it(rule_id: str, log: str) -> None:
    """The line cannot tell rules apart that share its text; then one of them is named."""
    known = meaning(log)
    assert known is not None
    same_text = {one for one, line in predicted() if meaning(line) is known}
    assert rule_id in same_text
    assert known.rule_id in same_text


def test_every_rule_that_a_line_leads_to_predicts_a_line() -> None:
    """Else the rules and the table have drifted apart; encryption is an open question there."""
    predicting = {rule_id for rule_id, _ in predicted()}
    assert {m.rule_id for m in MEANINGS if m.rule_id} - predicting == {"file-encrypted"}


# As Linux 6.18 writes them; the function stands behind each.
REAL = {
    "Unable to find swap-space signature": "header-missing",
    "Unable to handle swap header version 2": "header-version",
    "Swap area shorter than signature indicates": "header-too-long",
    "Empty swap-file": "area-empty",
    "swapon: file /a b/swap has unallocated extents": "file-holes",
    "swapon: file /swap has shared extents": "file-shared",
    "swapon: Cannot find a single usable page in file.": "area-no-page",
    "swapon: swapfile has holes": "filesystem-unsupported",
    "BTRFS warning (device vda2): swapfile must not be copy-on-write": "btrfs-cow",
    "BTRFS warning (device vda2 state M): swapfile must not be compressed": "btrfs-compressed",
    "BTRFS warning (device sdb): swapfile must have single data profile": "btrfs-profile",
    "BTRFS warning (device sdb): cannot activate swapfile while exclusive operation is running": (
        "btrfs-exclusive-operation"
    ),
}


@pytest.mark.parametrize(("line", "rule_id"), REAL.items())
def test_real_lines(line: str, rule_id: str) -> None:
    known = meaning(line)
    assert known is not None
    assert known.rule_id == rule_id


NOT_ABOUT_SWAP = [
    "Adding 1020k swap on /swapfile.  Priority:-2 extents:1 across:1020k SS",
    "EXT4-fs (loop0): mounted filesystem with ordered data mode",
    "usb 1-1: new high-speed USB device",
    "",
]


@pytest.mark.parametrize("line", NOT_ABOUT_SWAP)
def test_other_lines_mean_nothing(line: str) -> None:
    assert meaning(line) is None


def test_only_the_lines_about_swap_are_kept_in_their_order() -> None:
    lines = [*NOT_ABOUT_SWAP, "Empty swap-file", "x", "swapon: swapfile has holes"]
    assert [line for line, _ in about_swap(lines)] == [
        "Empty swap-file",
        "swapon: swapfile has holes",
    ]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n")))
def test_the_name_of_the_file_does_not_matter(name: str) -> None:
    known = meaning(f"swapon: file /{name} has shared extents")
    assert known is not None
    assert known.rule_id == "file-shared"


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "Empty swap-file",
        "x is inline",
        "swapfile has holes",
    ],
)
def test_a_misleading_name_does_not_matter(name: str) -> None:
    """The kernel logs names as they are; records of the log may have several lines."""
    known = meaning(f"swapon: file /{name} has unallocated extents")
    assert known is not None
    assert known.rule_id == "file-holes"
