"""Snapshots of files on f2fs that violate and pass each rule about it."""

from typing import Any

from swapctl.f2fs_facts import F2fsState, F2fsWalk
from swapctl.facts import Snapshot, need
from tests.golden.regenerate import report

MIB = 2**20
# Every block is in whole sections; they end at 128 MiB.
WALK = F2fsWalk(
    passes=0,
    moved=0,
    hole_at=None,
    hole_met=False,
    tail_at=None,
    tail_bytes=0,
    tail_pieces=0,
    tail_hole_at=None,
    tail_unplaced=0,
    end=128 * MIB,
)


def made(kernel: str = "7.2.13", devices: int = 1, **walk: Any) -> Snapshot:
    """The file of a recorded machine, on f2fs under that kernel."""
    s = report("ext4-ready").snapshot
    mount = need(s.mount)
    assert mount is not None
    state = F2fsState(2 * MIB, False, devices, 2**40, WALK._replace(**walk))
    below = mount._replace(fstype="f2fs", super_options=("rw", "mode=adaptive"))
    return s._replace(host=s.host._replace(kernel=kernel), mount=below, f2fs=state)


def optioned(s: Snapshot, *options: str) -> Snapshot:
    mount = need(s.mount)
    assert mount is not None
    return s._replace(mount=mount._replace(super_options=options))


def compressed(s: Snapshot) -> Snapshot:
    file = need(s.file)
    assert file is not None
    return s._replace(file=file._replace(flags=("compress",)))


GOOD = made()
TAIL = {"tail_at": 62 * MIB, "tail_bytes": MIB, "tail_pieces": 1}
FAR = 2**50

EXAMPLES: dict[str, tuple[Snapshot, Snapshot]] = {
    "f2fs-lfs-mode": (optioned(GOOD, "mode=lfs"), GOOD),
    "f2fs-compressed": (compressed(GOOD), GOOD),
    "f2fs-holes": (made(hole_at=2 * MIB, hole_met=True), GOOD),
    "f2fs-wrong-blocks": (made("6.12.73-amd64", **TAIL), made("6.12.74-amd64", **TAIL)),
    "f2fs-other-device": (made(devices=2, end=FAR), made(devices=2, end=0)),
    "f2fs-unaligned": (made(passes=1, moved=2 * MIB), GOOD),
}

OPEN_QUESTIONS: dict[str, tuple[Snapshot, Snapshot]] = {
    "f2fs-little-room": (made(passes=1, moved=2**41), made(passes=1, moved=2**40)),
}
