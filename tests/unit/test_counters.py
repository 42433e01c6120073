"""The statistics of filesystems, in the words of the kernels 6.1, 6.12, 6.18 and 7.2."""

from pathlib import Path

import pytest

from swapctl.linux import counters

JOURNAL = """{} transactions (2 requested), each up to 1365 blocks
average: 
  0ms waiting for transaction
  0ms request delay
  2048ms running transaction
  36ms logging transaction
  57712us average transaction commit time
  23 handles per transaction
  3 blocks per transaction
  5 logged blocks per transaction
"""  # noqa: W291
XFS = """extent_alloc 35 14848 0 0
abt 0 0 0 0
blk_map 1 38 36 36 0 75 0
bmbt 0 0 0 0
dir 1 1 0 1
trans 3 138 2
ig 3 0 0 3 0 0 0
log 4 10 0 6 6
xpc 0 16777216 0
defer_relog 0
debug 0
"""
# Linux 6.1 lacks cur_commit_ms.
BTRFS = "commits 12\ncur_commit_ms 0\nlast_commit_ms 3\nmax_commit_ms 9\ntotal_commit_ms 45\n"


def test_transactions_of_a_journal() -> None:
    assert counters.parse_journal(JOURNAL.format(3)) == 3
    # Without any the kernel leaves out the rest.
    assert counters.parse_journal("0 transactions (0 requested), each up to 1024 blocks\n") == 0


@pytest.mark.parametrize("text", ["", "transactions\n", "-1 transactions (0 requested)\n"])
def test_a_journal_that_says_something_else(text: str) -> None:
    with pytest.raises(OSError, match="jbd2 shows no number"):
        counters.parse_journal(text)


def test_statistics_of_xfs() -> None:
    assert counters.parse_xfs(XFS) == counters.XfsStatistics(3, 138, 2, 35)


@pytest.mark.parametrize(
    "text", ["", "trans 1 2 3\n", "extent_alloc 1 2 3 4\ntrans 1 2\n", "extent_alloc a b\ntrans\n"]
)
def test_xfs_that_says_something_else(text: str) -> None:
    with pytest.raises(OSError, match="xfs shows no number"):
        counters.parse_xfs(text)


def test_commits_of_btrfs() -> None:
    assert counters.parse_btrfs_commits(BTRFS) == 12
    with pytest.raises(OSError, match="btrfs shows no number"):
        counters.parse_btrfs_commits("commits\n")


def proc(root: Path, *names: str) -> None:
    for name in names:
        (root / "proc/fs/jbd2" / name).mkdir(parents=True)


def test_journal_inside_the_filesystem(tmp_path: Path) -> None:
    proc(tmp_path, "sda1-8", "sda11-8", "cciss!c0d0p1-8")
    directory = tmp_path / "proc/fs/jbd2"
    assert counters.journal("sda1", str(tmp_path)) == f"{directory}/sda1-8/info"
    assert counters.journal("cciss/c0d0p1", str(tmp_path)) == f"{directory}/cciss!c0d0p1-8/info"


def test_journal_on_another_device(tmp_path: Path) -> None:
    proc(tmp_path, "sdb1", "sda11-8")
    (tmp_path / "proc/77").mkdir()
    (tmp_path / "proc/77/comm").write_text("jbd2/sdb1\n")
    (tmp_path / "sys/fs/ext4/sda1").mkdir(parents=True)
    (tmp_path / "sys/fs/ext4/sda1/journal_task").write_text("77\n")
    assert counters.journal("sda1", str(tmp_path)) == f"{tmp_path}/proc/fs/jbd2/sdb1/info"


def test_journal_that_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        counters.journal("sda1", str(tmp_path))
