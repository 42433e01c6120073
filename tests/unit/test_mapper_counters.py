"""How much pools and snapshots have given out, from states that kernels have shown."""

import pytest

from swapctl.gather.mapper_counters import given_out


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (
            "thin-pool",
            "0 12/1024 130/1024 - rw discard_passdown queue_if_no_space - 1024 ",
            130,
        ),
        ("thin-pool", "7 12/1024 1024/1024 - out_of_data_space discard_passdown", 1024),
        ("snapshot", "16/131072 16", 16),
        ("snapshot", "131072/131072 272", 131072),
    ],
)
def test_a_state_says_how_much(kind: str, status: str, expected: int) -> None:
    assert given_out(kind, status) == expected


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("thin-pool", "Fail"),
        ("thin-pool", "Error"),
        ("snapshot", "Invalid"),
        ("snapshot", "Merge failed"),
        ("snapshot", ""),
        ("snapshot", "/ 16"),
    ],
)
def test_a_state_that_says_something_else(kind: str, status: str) -> None:
    with pytest.raises(OSError, match="its state is"):
        given_out(kind, status)
