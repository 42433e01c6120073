"""The witness of a proof on f2fs and on filesystems that count nothing.

To be run as root in a machine of its own: `python -m pytest tests/vm/guest_witness.py`.
"""

import os
from contextlib import ExitStack
from pathlib import Path

from swapctl.gather import snapshot
from swapctl.gather.witness import Witness
from swapctl.proof_changes import changes, grown
from swapctl.storage_facts import Span
from swapctl.unknown import Unknown
from tests.kernel.loopfs import MIB, Mounted, attach, run
from tests.kernel.test_witness import (
    BLOCK,
    PLACES,
    TIMES,
    below,
    events,
    image,
    look,
    lower,
    times,
    undo,
    write,
)

__all__ = ("below", "undo")  # fixtures


@lower("f2fs")
def test_checkpoints_of_f2fs(below: Mounted) -> None:
    file = image(below, "written")

    def act() -> None:
        for mode in range(TIMES):
            file.chmod(0o600 + mode)
            run("sync", "-f", str(file))

    change = look(file, below, act)
    assert change.filesystem.transactions == "none"
    assert grown(change, "commit") == TIMES
    assert times(events(change, "housekeeping", "other"), "transaction") == TIMES
    assert grown(change, "allocation") == 0
    assert [one.map for one in change.files] == [()]


@lower("f2fs")
def test_f2fs_gives_out_blocks_below_a_loop_device(below: Mounted, undo: ExitStack) -> None:
    device = attach(image(below, "sparse"), undo)
    change = look(device, below, lambda: write(device))
    (file,) = change.files
    assert not isinstance(file.map, Unknown)
    assert [one.became for one in file.map] == ["appeared"]
    assert file.map[0].parts.first == tuple(Span(place, BLOCK) for place in PLACES)
    assert times(events(change, "loop"), "allocation") > 0
    used = grown(change, "used")
    assert isinstance(used, int)
    assert used >= len(PLACES) * BLOCK


@lower("f2fs")
def test_f2fs_writes_elsewhere(below: Mounted, undo: ExitStack) -> None:
    """Small ones as this write in place, unless they are told not to."""
    name = Path(below.devices[0]).name
    Path(f"/sys/fs/f2fs/{name}/ipu_policy").write_text("0")
    device = attach(image(below, "written"), undo)
    change = look(device, below, lambda: write(device))
    (file,) = change.files
    assert not isinstance(file.map, Unknown)
    assert [one.became for one in file.map] == ["moved"]


@lower("vfat")
def test_blocks_of_vfat_that_move(below: Mounted) -> None:
    """The map is that of FIBMAP."""
    file = below.path / "file"
    file.write_bytes(os.urandom(MIB))
    run("sync", "-f", str(file))

    def act() -> None:
        with file.open("r+b") as opened:
            opened.truncate(MIB // 2)
            (below.path / "other").write_bytes(os.urandom(MIB))
            opened.seek(0, os.SEEK_END)
            opened.write(os.urandom(MIB // 2))

    change = look(file, below, act)
    assert change.filesystem.transactions == "none"
    assert grown(change, "used") == MIB
    (one,) = change.files
    assert not isinstance(one.map, Unknown)
    assert [found.became for found in one.map] == ["moved"]
    assert one.map[0].parts.first == (Span(MIB // 2, MIB // 2),)


@lower("jfs")
def test_what_jfs_does_not_count_is_not_known(below: Mounted) -> None:
    file = below.path / "file"
    file.write_bytes(os.urandom(MIB))
    run("sync", "-f", str(file))
    with Witness(snapshot(str(file))) as witness:
        seen = witness.observe(())
        (change, *_) = changes(seen, witness.observe(()))
    assert change.filesystem.fstype == "jfs"
    assert isinstance(grown(change, "transaction"), Unknown)
    assert isinstance(change.trace, Unknown)
    assert [one.map for one in change.files] == [()]
