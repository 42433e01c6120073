"""Device mapper, arrays, network block devices and memory: what check says, and what real pages
show or why they cannot show it.

To be run as root in a machine of its own: `python -m pytest tests/vm/guest_stacks.py`. It makes its
devices as guest_storage.py does. Only few pages go out: where the server of a network block device
is a process of the same machine, many would wait for ever.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kernel.layered import look, signed, unsafe, volume_at
from tests.kernel.loopfs import attach, image, mount, run, write_out
from tests.kernel.support import MINUTES, document, swapctl
from tests.kernel.support import area as active_area
from tests.vm.guest_storage import (
    KEY,
    SECTORS,
    SIZE,
    area,
    array,
    loop,
    modprobe,
    network_block_device,
    table,
)

OUT = "4M"
METADATA = 4 << 20
WARNED = "nothing was seen of what check warns of: "

Build = Callable[[Path, ExitStack], str]


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def fill(device: str) -> None:
    """Write every block once."""
    with open(device, "r+b", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            if file.tell() >= SIZE:
                break
        os.fsync(file.fileno())


def linear(place: Path, undo: ExitStack) -> str:
    modprobe("dm-mod")
    return area(
        table("swlinear", f"0 {SECTORS - 2048} linear {loop(place, 'image', undo)} 2048", undo)
    )


def crypt(place: Path, undo: ExitStack) -> str:
    modprobe("dm-crypt")
    lower = loop(place, "image", undo)
    return area(table("swcrypt", f"0 {SECTORS} crypt aes-xts-plain64 {KEY} 0 {lower} 0", undo))


def thin(place: Path, undo: ExitStack) -> str:
    """A fresh volume: the pool gives out a block at the first write to each."""
    modprobe("dm-thin-pool")
    data = loop(place, "data", undo, SIZE * 2)
    meta = loop(place, "meta", undo, METADATA)
    table("swpool", f"0 {SECTORS * 2} thin-pool {meta} {data} 128 0", undo)
    run("dmsetup", "message", "swpool", "0", "create_thin 0")
    return area(table("swthin", f"0 {SECTORS} thin /dev/mapper/swpool 0", undo))


def written_thin(place: Path, undo: ExitStack) -> str:
    device = thin(place, undo)
    fill(device)
    return area(device)


def snapshot(place: Path, undo: ExitStack) -> str:
    modprobe("dm-snapshot")
    real, cow = loop(place, "real", undo), loop(place, "cow", undo, SIZE * 2)
    return area(table("swsnap", f"0 {SECTORS} snapshot {real} {cow} P 16", undo))


def origin(place: Path, undo: ExitStack) -> str:
    """The device that has the snapshot: its old blocks are copied first."""
    snapshot(place, undo)
    (real,) = run("losetup", "-n", "-O", "NAME", "-j", str(place / "real")).split()
    return area(table("sworigin", f"0 {SECTORS} snapshot-origin {real}", undo))


def mirror(place: Path, undo: ExitStack) -> str:
    return area(array("md111", "raid1", [loop(place, n, undo) for n in ("one", "two")], undo))


def parity(place: Path, undo: ExitStack) -> str:
    members = [loop(place, name, undo) for name in ("one", "two", "three")]
    return area(array("md112", "raid5", members, undo))


def cache(place: Path, undo: ExitStack) -> str:
    modprobe("dm-cache")
    modprobe("dm-cache-smq")
    meta = loop(place, "meta", undo, METADATA)
    fast, slow = loop(place, "fast", undo), loop(place, "slow", undo)
    line = f"0 {SECTORS} cache {meta} {fast} {slow} 512 1 writeback smq 0"
    return area(table("swcache", line, undo))


def served_here(_: Path, undo: ExitStack) -> str:
    network_block_device("nbd1", undo)
    return area("/dev/nbd1")


def compressed(_: Path, undo: ExitStack) -> str:
    modprobe("zram", "num_devices=1")
    Path("/sys/block/zram0/disksize").write_text(str(SIZE))
    undo.callback(Path("/sys/block/zram0/reset").write_text, "1")
    return area("/dev/zram0")


def on_f2fs(place: Path, undo: ExitStack) -> str:
    """A loop device over a file on f2fs, which writes to a new place every time. On volumes as
    small as this it has to be told to do so but for fsync(2), as it does on larger ones."""
    modprobe("f2fs")
    lower = image(place / "bottom", 128 << 20, undo)
    device = attach(lower, undo)
    run("mkfs.f2fs", "-q", "-f", device)
    write_out(lower)
    point = place / "lower"
    mount(device, point, "f2fs", "nodiscard,background_gc=off", undo)
    Path(f"/sys/fs/f2fs/{Path(device).name}/ipu_policy").write_text("16")
    file = image(point / "image", SIZE, undo)
    write_out(file)
    return attach(signed(file, SIZE), undo)


class Case(NamedTuple):
    """`rules` make it unsafe. `proof` is the verdict with real pages, `place` what is to blame or
    `reason` why they show nothing."""

    build: Build
    rules: tuple[str, ...]
    proof: str
    place: str = ""
    reason: str = ""


CASES = (
    Case(linear, (), "proven"),
    Case(crypt, (), "proven"),
    Case(thin, ("storage-thin",), "disproved", "/dev/mapper/swpool"),
    Case(written_thin, ("storage-thin",), "inconclusive", reason=f"{WARNED}storage-thin"),
    Case(snapshot, ("storage-snapshot",), "disproved", "/dev/mapper/swsnap"),
    Case(origin, ("storage-snapshot-origin",), "disproved", "/dev/mapper/swsnap"),
    Case(mirror, (), "proven"),
    Case(parity, (), "proven"),
    Case(cache, (), "proven"),
    Case(served_here, ("storage-nbd-local",), "inconclusive", reason=f"{WARNED}storage-nbd-local"),
    Case(compressed, (), "proven"),
    Case(on_f2fs, ("storage-loop-cow",), "disproved", "lower"),
)


def proved(path: str, rules: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
    allow = [word for rule in rules for word in ("--allow", rule)]
    words = ("prove", path, "--size", OUT, "--time", "0", "--json", *allow)
    done = swapctl(*words, seconds=MINUTES)
    print(done.stdout, done.stderr)
    proof: dict[str, Any] = document(done)["targets"][0]["proof"]
    return done.returncode, proof


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.build.__name__)
def test_verdict_and_proof_agree(case: Case, tmp_path: Path, undo: ExitStack) -> None:
    path = case.build(tmp_path, undo)
    report = look(path)
    assert report.outcome.undecided == ()
    assert unsafe(report) == set(case.rules)
    code, proof = proved(path, case.rules)
    assert proof["verdict"] == case.proof, proof["reasons"]
    assert code == {"proven": 0, "disproved": 1, "inconclusive": 3}[case.proof]
    if case.place:
        place = str(tmp_path / case.place)  # an absolute one stays as it is
        assert {r["place"] for r in proof["reasons"] if r["verdict"] == "disproved"} == {place}
    if case.reason:
        assert case.reason in {reason["text"] for reason in proof["reasons"]}
    assert active_area(Path(path)) is None


@pytest.mark.parametrize("lower", ["ext4-journal", "xfs"])
@pytest.mark.parametrize("option", ["", "-lazytime"])
def test_time_stamps_and_lazytime(lower: str, option: str, tmp_path: Path, undo: ExitStack) -> None:
    """Whether the option helps is a matter of the kernel; check has to know."""
    home = volume_at(tmp_path / "lower", f"{lower}{option}", tmp_path / "bottom", undo)
    file = image(home / "image", SIZE, undo)
    write_out(file)
    path = attach(signed(file, SIZE), undo)
    rules = unsafe(look(path))
    assert rules <= {"storage-loop-timestamps"}
    assert rules or option
    code, proof = proved(path, tuple(rules))
    assert (code, proof["verdict"]) == ((1, "disproved") if rules else (0, "proven"))
