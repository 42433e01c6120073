"""The witness of a proof sees what the kernel did: known numbers of transactions, and where.

What lies below is a file on a filesystem that is made for the test, carried by a loop device, which
is the candidate; or the candidate is a file on that filesystem itself.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from swapctl.gather import snapshot
from swapctl.gather.witness import Witness
from swapctl.linux import inode, libc, tracefs
from swapctl.linux.trace_text import parse
from swapctl.proof import tally
from swapctl.proof_changes import changes, grown
from swapctl.proof_facts import Change, Event, Kind, Role
from swapctl.storage_facts import Span
from swapctl.unknown import Unknown
from tests.kernel.loopfs import FILESYSTEMS, MIB, Mounted, attach, make, mount, run, write_out

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "filesystem tracefs"),
]
SIZE = 8 * MIB
BLOCK = 65536
# Each for itself, in pieces of the file that do not touch.
PLACES = (MIB, 3 * MIB, 6 * MIB)
TIMES = 5
ROWS = {f.name: f for f in FILESYSTEMS}


def lower(*names: str) -> Callable[[Any], Any]:
    """Parametrized with filesystems that are made for the test."""
    return pytest.mark.parametrize(
        "below",
        [pytest.param(name, id=name, marks=pytest.mark.needs(*ROWS[name].needs)) for name in names],
        indirect=True,
    )


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def below(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    """The tests on one filesystem follow each other, and have files of their own on it."""
    scratch = tmp_path_factory.mktemp("below")
    with ExitStack() as undo:
        yield make(ROWS[request.param], scratch / "fs", scratch, undo)


def image(on: Mounted, kind: str) -> Path:
    """A new file on the filesystem in that state, which is on the disk."""
    path = on.path / f"image{len(list(on.path.iterdir()))}"
    with path.open("xb") as file:
        if on.filesystem.fstype == "btrfs" and kind != "copied":
            inode.set_flags(file.fileno(), inode.get_flags(file.fileno()) | inode.FS_NOCOW_FL)
        file.truncate(SIZE)
        if kind == "unwritten":
            libc.fallocate(file.fileno(), 0, 0, SIZE)
    if kind in ("written", "copied"):
        write_out(path)
    # Reading through the loop device would note the time of access, once after a write. What is in
    # the page cache is written in larger pieces by some kernels.
    with path.open("rb") as file:
        file.read()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    run("sync", "-f", str(path))
    return path


def write(device: str) -> None:
    """As a page that goes out: it is on the disk when this returns."""
    fd = os.open(device, os.O_RDWR)
    try:
        for place in PLACES:
            os.pwrite(fd, os.urandom(BLOCK), place)
        os.fsync(fd)
    finally:
        os.close(fd)


def look(
    candidate: Path | str, on: Mounted, act: Callable[[], None], ours: tuple[int, ...] = ()
) -> Change:
    """What the witness saw of it on the filesystem. Before, it sees nothing."""
    with Witness(snapshot(str(candidate))) as witness:
        assert witness.lacks == ()
        # Whatever the test did until here.
        witness.observe(ours)
        first = witness.observe(ours)
        before = witness.observe(ours)
        act()
        after = witness.observe(ours)
        at = [one.place for one in witness.filesystems].index(str(on.path))
    assert witness.filesystems[at].traced == (on.filesystem.fstype not in ("tmpfs", "vfat"))
    idle = changes(first, before)[at]
    assert grown(idle, "transaction") == grown(idle, "allocation") == 0
    assert [file.map for file in idle.files] == [()]
    if idle.filesystem.traced:
        assert witness.traces is None
        assert events(idle) == []
    return changes(before, after)[at]


def events(change: Change, *roles: Role) -> list[Event]:
    """Those of the roles, without any those that are neither the witness's nor for order."""
    assert not isinstance(change.trace, Unknown)
    assert change.trace.lost == 0
    return [
        event
        for event in change.trace.events
        if event.role in roles or (not roles and event.role not in ("witness", "housekeeping"))
    ]


def times(found: list[Event], kind: Kind) -> int:
    return sum(event.times for event in found if event.kind == kind)


CHILD = """
import os, sys
from swapctl.linux import libc
sys.stdin.readline()
fd = os.open(sys.argv[1], os.O_RDWR)
for mode in range(int(sys.argv[2])):
    os.fchmod(fd, 0o600 + mode)
    libc.syncfs(fd) if sys.argv[3] == "btrfs" else os.fsync(fd)
print(flush=True)
sys.stdin.readline()
"""


@contextmanager
def changer(path: Path, fstype: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """A process that changes the file's mode, so many times, one transaction for each."""
    command = (sys.executable, "-c", CHILD, str(path), str(TIMES), fstype)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def act() -> None:
            stdin.write(b"\n")
            stdin.flush()
            assert stdout.readline() == b"\n"

        yield process.pid, act
        stdin.write(b"\n")


@lower("ext4", "xfs", "btrfs")
def test_a_known_number_of_transactions(below: Mounted) -> None:
    file = image(below, "written")
    with changer(file, below.filesystem.fstype) as (pid, act):
        change = look(file, below, act, (pid,))
    assert change.filesystem.own
    assert change.filesystem.transactions == "counted"
    assert grown(change, "transaction") == TIMES
    assert grown(change, "allocation") == 0
    ours = events(change, "ours")
    assert times(ours, "transaction") == TIMES
    assert {event.pid for event in ours} == {pid}
    assert [file.map for file in change.files] == [()]


@lower("ext4")
def test_what_others_did_is_told_apart(below: Mounted) -> None:
    file = image(below, "written")
    with changer(file, "ext4") as (pid, act):
        change = look(file, below, act)
    assert grown(change, "transaction") == TIMES
    assert events(change, "ours") == []
    assert {event.pid for event in events(change, "other")} == {pid}


@lower("btrfs")
def test_what_the_cleaner_removes_is_told_apart(below: Mounted) -> None:
    """Block groups that have become empty, some seconds ago where they are discarded; they go when
    it is woken, every half a minute or by this ioctl, in a transaction that nothing else shows."""
    file, large = image(below, "written"), below.path / "large"
    with large.open("xb") as new:
        os.posix_fallocate(new.fileno(), 0, 128 * MIB)
    run("sync", "-f", str(large))
    large.unlink()
    run("sync", "-f", str(file))
    with Witness(snapshot(str(file))) as witness:
        witness.observe(())
        idle = witness.observe(())
        before = witness.observe(())
        (control, *_) = changes(idle, before)
        deadline, change = time.monotonic() + 120, control
        while not grown(change, "transaction"):
            assert time.monotonic() < deadline
            run("btrfs", "filesystem", "sync", str(below.path))
            time.sleep(0.5)
            after = witness.observe(())
            (change, *_), before = changes(before, after), after
    assert not isinstance(change.trace, Unknown)
    seen = {(e.event, e.role) for e in change.trace.events if e.kind == "transaction"}
    assert seen == {("btrfs_remove_block_group", "housekeeping")}
    found = tally(change, control)
    assert found.filesystem.place == str(below.path)
    assert found.transactions.caused == 0, change


@lower("ext4-nojournal")
def test_without_a_journal_there_are_none(below: Mounted) -> None:
    file = image(below, "written")
    with changer(file, "ext4") as (pid, act):
        change = look(file, below, act, (pid,))
    assert change.filesystem.transactions == "none"
    assert events(change) == []
    assert {one.kind for one in change.growth} == {"used"}


FATES = (
    ("sparse", "appeared"),
    ("unwritten", "changed flags"),
    ("copied", "moved"),
    ("written", None),
)


def cases() -> list[tuple[str, str, str | None]]:
    return [
        (name, kind, fate)
        for name in ("ext4", "ext4-nojournal", "xfs", "btrfs")
        for kind, fate in FATES
        if kind != "copied" or name == "btrfs"
    ]


@pytest.mark.parametrize(
    ("below", "kind", "fate"),
    [
        pytest.param(*case, id="-".join(case[:2]), marks=pytest.mark.needs(*ROWS[case[0]].needs))
        for case in cases()
    ],
    indirect=["below"],
)
def test_what_a_page_costs_below_a_loop_device(
    below: Mounted, kind: str, fate: str | None, undo: ExitStack
) -> None:
    device = attach(image(below, kind), undo)
    change = look(device, below, lambda: write(device))
    assert not change.filesystem.own
    (file,) = change.files
    assert not isinstance(file.map, Unknown)
    expected = () if fate is None else (fate,)
    assert tuple(one.became for one in file.map) == expected
    for one in file.map:
        assert one.parts.first == tuple(Span(place, BLOCK) for place in PLACES)
    seen = events(change, "loop", "completion")
    # Whatever else, a write notes the time.
    journal = change.filesystem.transactions == "counted"
    assert (times(seen, "transaction") > 0) == journal
    assert isinstance(many := grown(change, "transaction"), int)
    assert (many > 0) == journal
    loops = [event for event in seen if event.role == "loop"]
    assert all("loop_process_work" in event.stack for event in loops)
    if kind != "unwritten":  # which can need a further block for the map itself
        assert bool(loops) == (journal or kind == "sparse")
    used = grown(change, "used")
    assert isinstance(used, int)
    if kind == "sparse":
        assert used >= len(PLACES) * BLOCK
    if kind == "written":
        assert grown(change, "allocation") == times(seen, "allocation") == 0


@lower("ext4")
def test_only_where_the_candidate_is_counts(
    below: Mounted, tmp_path: Path, undo: ExitStack
) -> None:
    """The filesystem in the image writes elsewhere, which has nothing to do with the candidate."""
    inner = below.path / "inner"
    with inner.open("xb") as file:
        file.truncate(64 * MIB)
    run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "nodiscard", str(inner))
    mount(attach(inner, undo), tmp_path / "upper", "ext4", "", undo)
    candidate, other = tmp_path / "upper/candidate", tmp_path / "upper/other"
    candidate.write_bytes(os.urandom(MIB))
    other.touch()
    run("sync", "-f", str(candidate))

    def act() -> None:
        other.write_bytes(os.urandom(MIB))
        run("sync", "-f", str(other))

    change = look(candidate, below, act)
    assert isinstance(used := grown(change, "used"), int)
    assert used >= MIB
    assert [file.map for file in change.files] == [()]
    assert times(events(change), "allocation") == 0
    assert times(events(change), "transaction") > 0


@lower("tmpfs")
def test_pages_of_a_file_in_memory_appear(below: Mounted, undo: ExitStack) -> None:
    device = attach(image(below, "sparse"), undo)
    change = look(device, below, lambda: write(device))
    assert change.filesystem.transactions == "none"
    (file,) = change.files
    assert not isinstance(file.map, Unknown)
    assert [one.became for one in file.map] == ["appeared"]
    assert file.map[0].parts.first == tuple(Span(place, BLOCK) for place in PLACES)
    assert grown(change, "used") == len(PLACES) * BLOCK


@lower("ext4-nojournal")
def test_a_file_that_lost_its_name_is_lacking(below: Mounted, undo: ExitStack) -> None:
    file = image(below, "written")
    device = attach(file, undo)
    file.unlink()
    with Witness(snapshot(device)) as witness:
        # What is below that filesystem can be watched.
        assert str(below.path) not in [one.place for one in witness.filesystems]
        assert any(lack.what.startswith("backing file of loop") for lack in witness.lacks)


def instances() -> set[str]:
    """Of this process; other programs may have theirs."""
    fd = libc.mount_apart(b"tracefs")
    try:
        return {n for n in os.listdir(f"/proc/self/fd/{fd}/instances") if n.startswith("swapctl-")}
    finally:
        os.close(fd)


def of(pid: int) -> set[str]:
    return {name for name in instances() if name.endswith(f"-{pid}")}


def test_nothing_of_the_tracing_stays() -> None:
    instance = tracefs.Instance()
    try:
        assert len(of(os.getpid())) == 1
    finally:
        instance.close()
    assert of(os.getpid()) == set()
    instance.close()


@lower("ext4")
def test_nothing_stays_after_an_error(below: Mounted) -> None:
    file = image(below, "written")
    with pytest.raises(KeyboardInterrupt), Witness(snapshot(str(file))):
        assert len(of(os.getpid())) == 1
        raise KeyboardInterrupt
    assert of(os.getpid()) == set()


HOLD = """
from swapctl.linux.tracefs import Instance
import time
held = Instance()
print(flush=True)
time.sleep(600)
"""


def test_what_a_killed_one_left_is_removed_by_the_next() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # One that lives keeps its own.
        tracefs.Instance().close()
        assert len(of(process.pid)) == 1
        process.send_signal(signal.SIGKILL)
    assert len(of(process.pid)) == 1
    tracefs.Instance().close()
    assert of(process.pid) == set()


def test_a_child_does_not_keep_the_instance() -> None:
    instance = tracefs.Instance()
    instance.enable("jbd2/jbd2_start_commit", "")
    assert list(instance.lines()) == []
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        instance.close()
        assert of(os.getpid()) == set()
        assert child.poll() is None


@lower("ext4")
def test_events_that_do_not_fit_are_counted(below: Mounted) -> None:
    """One transaction for each change of the mode, and the smallest buffer of one processor."""
    many = 3000
    file = image(below, "written")
    status = file.stat()
    processors = os.sched_getaffinity(0)
    instance = tracefs.Instance(0)
    try:
        os.sched_setaffinity(0, {min(processors)})
        number = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
        instance.enable("jbd2/jbd2_handle_start", f"dev == {number}")
        for change in range(many):
            file.chmod(0o600 + change % 2)
        seen = sum(event.event == "jbd2_handle_start" for event in parse(instance.lines()))
        lost = instance.lost()
    finally:
        os.sched_setaffinity(0, processors)
        instance.close()
    assert 0 < lost < many
    # Of the last event the stack alone may be lost.
    assert many <= seen + lost <= many + 1
