"""Stacks of loop devices, images and filesystems: what check says of them before activation, with
the layer and the range, has to agree with what real pages show.

The table is the test. A stack on which something fires is disproved, with a number that is not 0 on
the layer that check named; one on which nothing does is proven.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from swapctl.gather.witness import Witness
from swapctl.rules import Report
from swapctl.rules.engine import Finding, Severity
from tests.conftest import UNLOGGED
from tests.kernel.layered import (
    IMAGE,
    MKFS,
    PAGE,
    filled,
    layers,
    look,
    mounted,
    part,
    position,
    punch,
    signed,
    swapfile,
    unsafe,
    volume_at,
    witness,
)
from tests.kernel.loopfs import MIB, attach, image, run, write_out
from tests.kernel.support import MINUTES, area, document, prepared, swapctl

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool losetup", UNLOGGED),
]
AREA = 32 * MIB
# What goes out in each round of the proof.
SIZE = "8M"
TRIES = 5
# What a proof says where others swap meanwhile, or memory is short.
OTHERS = (
    *("went elsewhere", "others take them", "background activity", "without swapping too"),
    *("stay in memory", " were written and "),
)
DIRECT = "--direct-io=on"
STAMPS, HOLES = "storage-loop-timestamps", "storage-loop-holes"
UNWRITTEN, SHARED = "storage-loop-unwritten", "storage-loop-shared"
COW, DATA = "storage-loop-cow", "storage-loop-journal"

Build = Callable[[Path, ExitStack], Path]


class Stack(NamedTuple):
    """`unsafe` are the rules that have to fire, none where the stack is safe; all of them about the
    file behind the topmost loop device."""

    name: str
    build: Build
    unsafe: tuple[str, ...] = ()


def _home(place: Path, lower: str, undo: ExitStack) -> Path:
    """Where images are put: in a filesystem made for them, or beside the others."""
    return volume_at(place / "lower", lower, place / "bottom", undo) if lower else place


def inside(upper: str, state: str = "written", lower: str = "", *options: str) -> Build:
    """A swap file in a filesystem in an image, which may lie in another one."""

    def build(place: Path, undo: ExitStack) -> Path:
        file = _home(place, lower, undo) / "image"
        return swapfile(volume_at(place / "upper", upper, file, undo, *options, state=state), AREA)

    return build


def device(state: str = "written", lower: str = "", *options: str) -> Build:
    """A loop device that is the area itself."""

    def build(place: Path, undo: ExitStack) -> Path:
        file = filled(_home(place, lower, undo) / "image", AREA, state, undo)
        return Path(attach(signed(file, AREA), undo, *options))

    return build


def _prepared(place: Path, undo: ExitStack) -> Path:
    """Made by swapctl, which writes it: only the rest of the image keeps its holes."""
    home = volume_at(place / "upper", "ext4", place / "image", undo, state="sparse")
    return prepared(home / "swapfile", str(AREA))


def _single_holes(place: Path, undo: ExitStack) -> Path:
    """One page in each MiB without a block, in an image that is written otherwise."""
    path = inside("ext4")(place, undo)
    _, filesystem, *_ = layers(look(path))
    for span in part(filesystem).first:
        for offset in range(MIB // 2, span.length, MIB):
            punch(place / "image", span.offset + offset, PAGE)
    return path


def _offset(place: Path, undo: ExitStack) -> Path:
    """The loop device begins after a hole."""
    file = image(place / "image", IMAGE, undo)
    run(*MKFS, "-E", f"offset={4 * MIB}", str(file), str((IMAGE - 4 * MIB) // 4096))
    write_out(file)
    punch(file, 0, 4 * MIB)
    return swapfile(mounted(attach(file, undo, "-o", str(4 * MIB)), place / "upper", undo), AREA)


def _partition(place: Path, undo: ExitStack) -> Path:
    """The second of two partitions; below the first one is a hole."""
    file = image(place / "image", IMAGE, undo)
    run("sh", "-c", f"printf '2048,8M\n,32M\n' | sfdisk -q {file}")
    write_out(file)
    punch(file, 2 * MIB, 4 * MIB)
    loop = attach(file, undo)
    run("partx", "-a", loop)  # -P needs a kernel that reads tables itself
    undo.callback(run, "partx", "-d", loop)
    return signed(Path(f"{loop}p2"), AREA)


STACKS = (
    Stack("ext4", inside("ext4-journal")),
    Stack("xfs", inside("xfs")),
    Stack("btrfs", inside("btrfs-nocow")),
    Stack("ext4-direct", inside("ext4-journal", "written", "", DIRECT)),
    Stack("ext4-sparse", inside("ext4-journal", "sparse"), (HOLES,)),
    Stack("xfs-sparse", inside("xfs", "sparse"), (HOLES,)),
    Stack("btrfs-sparse", inside("btrfs-nocow", "sparse"), (HOLES,)),
    Stack("ext4-unwritten", inside("ext4-journal", "unwritten"), (UNWRITTEN,)),
    Stack("ext4-unwritten-direct", inside("ext4", "unwritten", "", DIRECT), (UNWRITTEN,)),
    Stack("prepared-in-sparse", _prepared),
    Stack("single-holes", _single_holes, (HOLES,)),
    Stack("offset", _offset),
    Stack("partition", _partition),
    Stack("device", device()),
    Stack("device-direct", device("written", "", DIRECT)),
    Stack("device-sparse", device("sparse"), (HOLES,)),
    Stack("device-sparse-direct", device("sparse", "", DIRECT), (HOLES,)),
    Stack("device-on-ext4", device("written", "ext4")),
    Stack("device-on-ext4-sparse", device("sparse", "ext4"), (HOLES,)),
    Stack("device-on-ext4-journal", device("written", "ext4-journal"), (STAMPS,)),
    Stack("device-on-ext4-journal-sparse", device("sparse", "ext4-journal"), (HOLES, STAMPS)),
    Stack("device-on-ext4-data", device("written", "ext4-data"), (DATA, STAMPS)),
    Stack("device-on-xfs", device("written", "xfs"), (STAMPS,)),
    Stack("device-on-xfs-direct", device("written", "xfs", DIRECT), (STAMPS,)),
    Stack("device-on-xfs-unwritten", device("unwritten", "xfs"), (UNWRITTEN, STAMPS)),
    Stack("device-on-xfs-shared", device("shared", "xfs"), (SHARED, STAMPS)),
    Stack("device-on-btrfs", device("written", "btrfs"), (COW, STAMPS)),
    Stack("device-on-btrfs-nocow", device("written", "btrfs-nocow"), (STAMPS,)),
    Stack("device-on-btrfs-nocow-direct", device("written", "btrfs-nocow", DIRECT), (STAMPS,)),
    Stack("device-on-btrfs-shared", device("shared", "btrfs-nocow"), (SHARED, STAMPS)),
    Stack("xfs-on-xfs", inside("ext4", "written", "xfs"), (STAMPS,)),
)
NEEDS = tuple(
    f"{kind} {name}"
    for kind, names in (
        ("tool", ("mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "chattr", "sfdisk", "partx", "fallocate")),
        ("filesystem", ("ext4", "xfs", "btrfs")),
    )
    for name in names
)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def findings(report: Report) -> list[Finding]:
    return [f for f in report.outcome.findings if f.severity is Severity.UNSAFE]


def names_the_place(finding: Finding, place: Path, block: bytes) -> str:
    """The filesystem that the finding names. It is about the image, and the block that was written
    into the area is in the image where the finding says that the area is."""
    seen = finding.violation.evidence[0]
    file = place / "lower/home/image" if (place / "lower").is_mount() else place / "image"
    found = re.search(rf"file {re.escape(str(file))}: (bytes (\d+)-(\d+)|all of it)", seen.text)
    assert found, seen
    where = (int(found[2]), int(found[3])) if found[2] else (0, file.stat().st_size - 1)
    assert where[0] <= position(file, block) <= where[1]
    return str(seen.value)


def blamed(tally: dict[str, Any]) -> bool:
    """The pages caused something on this filesystem, or the map of a file changed there."""
    counts = [tally[name]["caused"] for name in ("transactions", "allocations")]
    return any(counts) or any(one["map"] for one in tally["files"])


def agree(stack: Stack, place: Path, undo: ExitStack) -> list[str]:
    """Why that could not be seen, nothing where it could: others may swap meanwhile, to their areas
    or to this one."""
    path = stack.build(place, undo)
    block = witness(path, PAGE)
    report = look(path)
    assert (report.swapon.accepts, report.outcome.undecided) == (True, ())
    assert report.verdict == ("unsafe" if stack.unsafe else "ready")
    assert unsafe(report) == set(stack.unsafe)
    places = {names_the_place(finding, place, block) for finding in findings(report)}

    allow = [word for rule in stack.unsafe for word in ("--allow", rule)]
    done = swapctl("prove", path, "--size", SIZE, "--time", "0", "--json", *allow, seconds=MINUTES)
    assert area(path) is None
    proof = document(done)["targets"][0]["proof"]
    reasons = [str(reason["text"]) for reason in proof["reasons"]]
    if any(text in reason for text in OTHERS for reason in reasons):
        return reasons
    assert proof["verdict"] == ("disproved" if stack.unsafe else "proven"), proof["reasons"]
    assert done.returncode == (1 if stack.unsafe else 0)
    assert {tally["place"] for tally in proof["filesystems"] if blamed(tally)} == places
    return []


@pytest.mark.needs(*NEEDS)
@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_verdict_and_proof_agree(stack: Stack, tmp_path: Path) -> None:
    """Made anew for another try: what a proof has filled is a hole no more."""
    for number in range(TRIES):
        place = tmp_path / str(number)
        place.mkdir()
        with ExitStack() as undo:
            disturbed = agree(stack, place, undo)
        if not disturbed:
            return
        print(f"try {number}:", *disturbed)
    pytest.fail(f"disturbed every time, at last: {disturbed}")


@pytest.mark.needs(*NEEDS)
def test_looking_begins_no_transaction(tmp_path: Path, undo: ExitStack) -> None:
    """A new btrfs has empty block groups, which its cleaner removes as soon as it is woken."""
    home = volume_at(tmp_path / "lower", "btrfs-nocow", tmp_path / "bottom", undo)
    path = swapfile(home, AREA)
    seen = look(path).snapshot
    run("sync", "-f", str(path))
    device = Path(run("findmnt", "-n", "-o", "SOURCE", "-T", str(home)).strip()).name
    (found,) = Path("/sys/fs/btrfs").glob(f"*/devices/{device}")
    generation = found.parents[1] / "generation"
    before = generation.read_text()
    with Witness(seen) as witness:
        witness.observe(())
        time.sleep(0.5)
    assert generation.read_text() == before
