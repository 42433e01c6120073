"""Ten thousand attempts to have `prepare`, `enable` and `disable` touch what is outside: links at
the name, at the hidden name and on the way, planted by a process that does nothing else.

What may happen in each round is listed; what is outside is looked at in the end. That the racer was
there at the moment that counts is shown by the rounds that failed because of it.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from swapctl import apply, newfile
from swapctl.enabling import carry_out, disabling, enabling
from swapctl.errors import SwapctlError
from swapctl.gather import place as places
from swapctl.gather.patience import Patience
from swapctl.place import Place
from swapctl.plan import make_plan
from swapctl.rules.places import judge_place
from tests.kernel.loopfs import MIB, mount
from tests.kernel.races import SOMEBODY, Outside, outside, racing
from tests.kernel.support import ROWS, cleared, swapctl, volume

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

CANARIES = ("outside/roots", "outside/theirs")
SIZE = 64 << 10
NEEDS = pytest.mark.needs(*ROWS["ext4"].needs)
ANOTHER = "another directory than the one that was looked at has this name now"
UNFIT = "the new file would not pass its check"
# Of all rounds, how many have to end each way for the race to be one.
LEAST = 5
# How many rounds it may take for that, on a machine that has nothing else to do.
MANY = 20_000


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where nothing waits for a disk."""
    with ExitStack() as undo:
        point = tmp_path_factory.mktemp("races") / "memory"
        mount("none", point, "tmpfs", "mode=0711", undo)
        yield point


@pytest.fixture(scope="module", params=[pytest.param(ROWS["ext4"], marks=NEEDS)])
def ext4(request: pytest.FixtureRequest, memory: Path) -> Iterator[Path]:
    with volume(request.param._replace(size=64 * MIB), memory) as mounted:
        mounted.path.chmod(0o711)
        yield mounted.path


@pytest.fixture
def home(memory: Path) -> Iterator[Path]:
    with cleared(memory / "home") as directory:
        directory.chmod(0o711)
        yield directory


@pytest.fixture
def disk(ext4: Path) -> Iterator[Path]:
    with cleared(ext4 / "home") as directory:
        directory.chmod(0o711)
        yield directory


@contextmanager
def canaries(home: Path) -> Iterator[Outside]:
    """They are looked at when the racer has ended."""
    found = outside(home / "outside")
    yield found
    assert found.same()
    assert found.contents()


def once(directory: int, *, hidden: bool, between: Callable[[], None] = lambda: None) -> str:
    """Make a file and give it its name; which error that met."""
    making = newfile._named if hidden else newfile.create
    with making(directory, "swap") as file:
        between()
        try:
            file.publish("swap")
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        status = os.stat("swap", dir_fd=directory, follow_symlinks=False)
        assert os.path.samestat(status, os.fstat(file.fd))
        assert (status.st_mode, status.st_uid, status.st_nlink) == (0o100600, 0, 1)
        os.unlink("swap", dir_fd=directory)
        return "published"


@contextmanager
def opened(path: Path, mode: int) -> Iterator[int]:
    """A new directory of that mode."""
    path.mkdir()
    path.chmod(mode)
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.parametrize(("hidden", "rounds"), [(False, 2500), (True, 1500)])
def test_links_at_the_name(home: Path, hidden: bool, rounds: int) -> None:
    """By a user in a sticky directory, where root's own names cannot be taken away."""
    ends: Counter[str] = Counter()
    target = home / "target"
    with canaries(home), opened(target, 0o1777) as directory:
        with racing(home, "plant", "target/swap", str(home), *CANARIES, uid=SOMEBODY) as racer:
            for number in range(rounds):
                wait = racer.waits_for_turn if number % 2 else lambda: None
                ends[once(directory, hidden=hidden, between=wait)] += 1
            assert racer.counts()[1] > LEAST
        for one in target.iterdir():  # the last link
            assert (one.name, one.lstat().st_uid) == ("swap", SOMEBODY)
            one.unlink()
    assert set(ends) == {"published", "EEXIST"}
    assert min(ends.values()) > LEAST, ends


def test_links_at_the_hidden_name(home: Path) -> None:
    """By a user in a directory open to all, where every name can be replaced at any moment: what
    is published is the file that was made, or nothing is."""
    ends: Counter[str] = Counter()
    target = home / "target"
    with canaries(home), opened(target, 0o777) as directory:
        with racing(home, "hidden", "target", str(home), *CANARIES, uid=SOMEBODY) as racer:
            for number in range(1500):
                wait = racer.waits_for_turn if number % 2 else lambda: None
                ends[once(directory, hidden=True, between=wait)] += 1
                with suppress(FileNotFoundError):
                    (target / "swap").unlink()
            assert racer.counts()[1] > LEAST
        for one in target.iterdir():  # it was ended in the middle of a turn
            assert one.name.endswith(".theirs")
            one.unlink()
    assert set(ends) <= {"published", "ESTALE"}
    assert ends["published"] > LEAST, ends
    assert ends["ESTALE"] > LEAST, ends


ALLOWED = ("storage-loop-memory", "storage-loop-timestamps")


def look(path: Path) -> Place:
    return places.look(
        str(path),
        chosen=False,
        size=SIZE,
        reserve=0,
        wanted_type=None,
        patience=Patience(),
    )


def prepare(path: Path, *directories: int) -> str:
    """As the command does; how it ended. The file may be made in one of the open directories, whose
    names change."""
    try:
        place = look(path)
        outcome = judge_place(place, ALLOWED)
        if outcome.findings or outcome.undecided:
            (one,) = outcome.findings
            assert one.rule_id == "place-untrusted", outcome
            (evidence, *_) = one.violation.evidence
            return f"refused: {Path(str(evidence.value)).name}"
        plan = make_plan(place, method="write", uuid=bytes(16), label="", allow=ALLOWED)
        apply.run(plan, lambda *_: None)
    except SwapctlError as error:
        return error.message
    # It may lead elsewhere by now.
    (made,) = (one for one in directories if os.listdir(one) == ["swap"])
    status = os.stat("swap", dir_fd=made, follow_symlinks=False)
    assert (status.st_mode, status.st_uid, status.st_nlink) == (0o100600, 0, 1)
    os.unlink("swap", dir_fd=made)
    return "prepared"


def test_links_on_the_way(disk: Path) -> None:
    """Root itself, or a mount, changes what is on the way: the file gets into the directory that
    was judged, or into none."""
    ends: Counter[str] = Counter()
    linked = f"cannot open the directory: {os.strerror(errno.ENOTDIR)}"
    (disk / "way").mkdir()
    (disk / "link").symlink_to(disk / "outside")
    with canaries(disk), opened(disk / "way" / "directory", 0o700) as directory:
        with racing(disk, "swap", "0.0003", "way/directory", "link") as racer:
            # It has little time between the look and the use.
            while ends.total() < 1000 or (ends[linked] <= LEAST and ends.total() < MANY):
                ends[prepare(disk / "way" / "directory" / "swap", directory)] += 1
            assert racer.counts()[1] > LEAST
        assert os.listdir(directory) == []
    # Where the open file is said to be leads elsewhere, too, when one looks.
    checked = {end for end in ends if end.startswith(f"{UNFIT}: directory-untrusted: ")}
    assert set(ends) - checked == {"prepared", "refused: outside", linked}
    assert min(ends[end] for end in set(ends) - checked) > LEAST, ends


def test_another_directory_on_the_way(disk: Path) -> None:
    ends: Counter[str] = Counter()
    for name in ("one", "other"):
        (disk / name).mkdir()
    with (
        canaries(disk),
        opened(disk / "one" / "directory", 0o700) as one,
        opened(disk / "other" / "directory", 0o700) as other,
    ):
        with racing(disk, "swap", "0.002", "one/directory", "other/directory"):
            for _ in range(500):
                ends[prepare(disk / "one" / "directory" / "swap", one, other)] += 1
        assert [os.listdir(one), os.listdir(other)] == [[], []]
    assert set(ends) == {"prepared", ANOTHER}
    assert min(ends.values()) > LEAST, ends


def test_links_of_a_user_on_the_way(disk: Path) -> None:
    """Wherever they lead, the user's directory is what is wrong."""
    ends: Counter[str] = Counter()
    theirs = disk / "theirs"
    (theirs / "directory").mkdir(parents=True)
    (theirs / "link").symlink_to("../outside")
    (theirs / "good").symlink_to("../good")
    (disk / "good").mkdir(mode=0o700)
    for one in (theirs, theirs / "directory"):
        os.chown(one, SOMEBODY, SOMEBODY)
    with canaries(disk):
        (disk / "outside").chmod(0o755)
        pairs = ("theirs/directory", "theirs/link", "theirs/directory", "theirs/good")
        with racing(disk, "swap", "0", *pairs, uid=SOMEBODY) as racer:
            for _ in range(1500):
                ends[refused_for(theirs, disk / "theirs" / "directory" / "swap")] += 1
            assert racer.counts()[1] > LEAST
        (disk / "outside").chmod(0o777)
    assert list((disk / "good").iterdir()) == []
    assert set(ends) == {"directory", "outside", "good"}
    assert min(ends.values()) > LEAST, ends


def refused_for(theirs: Path, path: Path) -> str:
    """Where the way led; that it is refused for the user's directory first."""
    place = look(path)
    findings = judge_place(place, ALLOWED).findings
    named = [f.violation.evidence[0].value for f in findings if f.rule_id == "place-untrusted"]
    assert named[0] == str(theirs)
    return Path(place.directory).name


def test_by_the_program(disk: Path) -> None:
    """Loading it takes longer than what it does, so the race is a slow one."""
    ends: Counter[int] = Counter()
    (disk / "way").mkdir()
    (disk / "link").symlink_to(disk / "outside")
    allow = [word for name in ALLOWED for word in ("--allow", name)]
    with (
        canaries(disk),
        opened(disk / "way" / "directory", 0o700) as directory,
        racing(disk, "swap", "0.002", "way/directory", "link"),
    ):
        for _ in range(16):
            path = disk / "way" / "directory" / "swap"
            done = swapctl("prepare", path, "--size", "64K", *allow)
            assert "internal error" not in done.stderr
            assert os.listdir(directory) == (["swap"] if done.returncode == 0 else [])
            if done.returncode == 0:
                os.unlink("swap", dir_fd=directory)
            ends[done.returncode] += 1
    assert set(ends) <= {0, 1, 4}
    assert ends[1] + ends[4] > 0, ends


PATH = "/var/swap/swapfile"
UNITS = "etc/systemd/system"
DROP_INS = "etc/swapctl.conf.d"


def in_tree(root: Path) -> str:
    """Enable and disable; how it ended. What the last round left is not believed any more."""
    for left in (f"{UNITS}/var-swap-swapfile.swap", f"{DROP_INS}/50-var-swap-swapfile.conf"):
        (root / left).unlink(missing_ok=True)
    try:
        carry_out(str(root), enabling(str(root), PATH, {"size": "1G"}).changes)
        carry_out(str(root), disabling(str(root), PATH))
    except SwapctlError as error:
        return error.message.partition(":")[0].partition(", to")[0].replace(str(root), "ROOT")
    return "done"


TREES = {
    "directories": (
        *("swap", "0.003", UNITS, "one-link", UNITS, "one-link"),
        *(DROP_INS, "other-link", DROP_INS, "other-link"),
    ),
    # There is little to look at before it is used, so that many rounds get there.
    "links": ("swap", "0", f"{UNITS}/swap.target.wants", "one-link"),
    "units": ("plant", f"{UNITS}/var-swap-swapfile.swap"),
    "drop-ins": ("plant", f"{DROP_INS}/50-var-swap-swapfile.conf"),
}


@pytest.mark.parametrize("case", TREES)
def test_a_tree_of_somebody(home: Path, case: str) -> None:
    """Who builds an image controls its tree, and root works in it."""
    ends: Counter[str] = Counter()
    root = home / "root"
    for directory in (f"{UNITS}/swap.target.wants", DROP_INS, "usr/lib", "run"):
        (root / directory).mkdir(parents=True)
    kind, *words = TREES[case]
    with canaries(home):
        for link in ("one-link", "other-link"):
            (root / link).symlink_to(home / "outside")
        for directory in (DROP_INS, f"{UNITS}/swap.target.wants"):
            (root / directory / "note").touch()  # it is not removed
        for one in [root, *root.rglob("*")]:
            os.chown(one, SOMEBODY, SOMEBODY, follow_symlinks=False)
        targets = [str(root), *(f"../{one}" for one in CANARIES)] if kind == "plant" else []
        with racing(root, kind, *words, *targets, uid=SOMEBODY) as racer:
            # What is refused takes a moment only.
            while ends.total() < 600 or (ends["done"] < 50 and ends.total() < MANY):
                ends[in_tree(root)] += 1
            assert racer.counts()[1] > LEAST
    assert len(ends) > 1, ends
    assert ends["done"] > LEAST, ends
