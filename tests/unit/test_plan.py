"""Plans: the order of the steps, the choice of the method, and commands that really work."""

import itertools
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swapctl.facts import Device, Unknown, need
from swapctl.place import Place
from swapctl.plan import METHODS, Plan, choose_method, make_plan
from swapctl.rules.catalogue import PLACE_RULES
from swapctl.rules.engine import evaluate
from swapctl.storage_facts import Layer
from tests.conftest import UNLOGGED
from tests.golden.regenerate import report
from tests.kernel.loopfs import FILESYSTEMS, make
from tests.unit import snapshots_storage as storage
from tests.unit.snapshots import alter
from tests.unit.snapshots_place import MIB, place

UUID = bytes(range(16))
ORDER = (
    *(
        "make-directory",
        "make-subvolume",
        "create",
        "nocow",
        "pin",
        "allocate",
        "write",
        "write-random",
        "write-zeroes",
    ),
    *("header", "sync", "verify", "publish"),
)


MACHINES = ("ext4-ready", "xfs-ready", "btrfs-ready")


def plan(one: Place, method: str = "auto", label: str = "") -> Plan:
    return make_plan(one, method=method, uuid=UUID, label=label)


def actions(of: Plan) -> list[str]:
    return [step.action for step in of.steps]


@pytest.mark.parametrize("machine", MACHINES)
def test_recorded_places_pass_their_rules(machine: str) -> None:
    outcome = evaluate(PLACE_RULES, place(machine))
    assert (outcome.findings, outcome.undecided) == ((), ())


def on_f2fs(*options: str) -> Place:
    one = place()
    mount = need(one.mount)._replace(fstype="f2fs", super_options=options)
    return one._replace(mount=mount, section=4 * MIB)


def test_f2fs_pins_before_there_are_blocks() -> None:
    made = plan(on_f2fs("mode=adaptive"))
    assert actions(made)[:4] == ["create", "pin", "allocate-sections", "write-random"]
    assert made.steps[2].text == "allocate 64.0 MiB in whole sections of 4.0 MiB"


def test_no_file_is_made_on_f2fs_in_lfs_mode() -> None:
    assert evaluate(PLACE_RULES, on_f2fs("mode=adaptive")).findings == ()
    (found,) = evaluate(PLACE_RULES, on_f2fs("mode=lfs")).findings
    assert found.rule_id == "place-lfs-mode"
    (lack, *_) = evaluate(
        PLACE_RULES, on_f2fs("mode=lfs")._replace(section=Unknown("section", "not root"))
    ).undecided
    assert lack.rule_id == "place-lfs-mode"


CASES = list(itertools.product(MACHINES, METHODS, ("", "directory", "subvolume")))


@pytest.mark.parametrize(("machine", "method", "makes"), CASES)
def test_order(machine: str, method: str, makes: str) -> None:
    """Not copy-on-write before there are blocks; no name before all is on the disk and judged."""
    found = actions(plan(place(machine)._replace(makes=makes), method))
    assert found == [action for action in ORDER if action in found]
    assert {"create", "allocate", "header", "sync", "verify", "publish"} <= set(found)
    assert found[-1] == "publish"
    assert ("nocow" in found) == (machine == "btrfs-ready")
    assert [a for a in found if a.startswith("make-")] == ([f"make-{makes}"] if makes else [])
    wrote = [action for action in found if action.startswith("write")]
    expected = {"write-zeroes": ["write-zeroes"], "fallocate": []}
    assert wrote == expected.get(method, ["write-random"])  # they are on a virtual disk


def disk(**changes: object) -> Device:
    """A whole disk that can write zeroes by itself."""
    seen = need(report("ext4-ready").snapshot.device)
    assert seen is not None
    able = {"backing_file": None, "slaves": (), "write_zeroes_unmap_max_bytes": 2**31}
    return alter(seen, **{**able, **changes})


(OWN_DISK,) = need(storage.disk().storage) or ()
LOST = Unknown("block device", "no sysfs")
PLAIN = storage.disk().storage
# The device, the layers, the method and whether zeros are kept.
DEVICES = {
    "disk": (disk(), PLAIN, "write-zeroes", True),
    "disk that cannot": (disk(write_zeroes_unmap_max_bytes=0), PLAIN, "write", True),
    "disk of an old kernel": (disk(write_zeroes_unmap_max_bytes=None), PLAIN, "write", True),
    "linear on a virtual disk": (disk(), storage.mapper("linear").storage, "write", False),
    "loop on a disk": (disk(), storage.stack(storage.LOOP, OWN_DISK).storage, "write", True),
    "loop on a virtual disk": (disk(), storage.EXT4.storage, "write", False),
    "image in zfs": (disk(), storage.file(fstype="zfs").storage, "write", False),
    "thin volume": (disk(), storage.mapper("thin").storage, "write", False),
    "thin disk": (disk(), storage.disk(thin=True).storage, "write", False),
    "virtual disk": (disk(), storage.disk(transport="virtio").storage, "write", False),
    "iSCSI": (disk(), storage.disk(transport="iscsi").storage, "write", False),
    "zram": (disk(), storage.device("zram", "zram0").storage, "write", False),
    "VDO": (disk(), storage.mapper("vdo").storage, "write", False),
    "none": (None, None, "write", True),
    "not known": (LOST, LOST, "write", False),
    "layers not known": (disk(), LOST, "write", False),
}


@pytest.mark.parametrize(("device", "layers", "method", "zeros"), DEVICES.values(), ids=DEVICES)
def test_zeroes_are_left_to_the_device_or_written_only_where_they_are_kept(
    device: Device | Unknown | None,
    layers: tuple[Layer, ...] | Unknown | None,
    method: str,
    zeros: bool,
) -> None:
    here = place()._replace(device=device, storage=layers)
    assert choose_method(here, "auto") == method
    assert plan(here).method == method
    wrote = {a for a in actions(plan(here)) if a.startswith("write")}
    assert wrote == {"write-zeroes" if method != "write" else "write" if zeros else "write-random"}
    for wanted in METHODS[1:]:
        assert choose_method(here, wanted) == wanted


def test_a_server_may_drop_zeros() -> None:
    """Where it does, it reports fewer blocks than the size, and swapon(2) refuses the file."""
    nfs = need(place().mount)._replace(fstype="nfs4")
    here = place()._replace(mount=nfs, device=None, storage=None)
    assert "write-random" in actions(plan(here))


def test_a_plan_repeats_the_request() -> None:
    made = plan(place(size=MIB), "write", "swap")
    assert (made.path, made.directory, made.size) == ("/data/new", "/data", MIB)
    assert (made.uuid, made.label, made.page_size) == (UUID, "swap", 4096)


def test_commands_keep_strange_names_as_one_word() -> None:
    path = "/data/a b;'c"
    made = plan(place(path=path), label="my label;")
    for step in made.steps:
        if step.action in ("nocow", "allocate", "header", "sync", "verify"):
            assert shlex.split(step.command)[-1] == path, step
    (header,) = (step for step in made.steps if step.action == "header")
    uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert shlex.split(header.command) == ["mkswap", "-U", uuid, "-L", "my label;", path]


MADE = {row.name: row for row in FILESYSTEMS if row.name in ("ext4", "xfs", "btrfs")}


@pytest.fixture(params=MADE)
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A filesystem on a loop device, mounted in a directory of root's own."""
    with ExitStack() as undo:
        yield make(MADE[request.param], tmp_path / "scratch", tmp_path, undo, written=True).path


def swapctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swapctl", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.kernel
@pytest.mark.needs(
    UNLOGGED,
    *("CAP_SYS_ADMIN", "loop devices", "tool mkswap", "tool chattr", "tool fallocate"),
    *("tool mkfs.ext4", "tool mkfs.xfs", "tool mkfs.btrfs", "filesystem xfs", "filesystem btrfs"),
)
@pytest.mark.parametrize("name", ["swapfile", "a b'c"])
def test_the_commands_of_a_dry_run_make_a_good_file(mounted: Path, name: str) -> None:
    """What `prepare --dry-run` prints does about the same: check finds nothing in its product."""
    path = mounted / name
    dry = swapctl("prepare", str(path), "--size", "16M", "--label", "a b", "--dry-run")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert not path.exists()
    _, _, shell = dry.stdout.partition("in a shell:\n")
    commands = [line.strip() for line in shell.splitlines()]
    assert len(commands) >= 6
    script = f'swapctl() {{ {shlex.join([sys.executable, "-m", "swapctl"])} "$@"; }}\n'
    script += "set -e\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    judged = swapctl("check", "--strict", str(path))
    assert judged.returncode == 0, judged.stdout
    assert judged.stdout.splitlines()[0].partition(" (")[0].endswith(": ready")
    assert path.stat().st_size == 16 * MIB
