"""What is read around a candidate, below a root: the forms that occur, and any kind of rubbish."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from swapctl.facts import File, Snapshot, Unknown, need
from swapctl.gather import gpt, setup
from swapctl.gather.kubelet import in_configuration, in_flags, kubelet
from swapctl.gather.managers import KNOWN, Known, managers
from swapctl.gather.reading import small_file
from swapctl.gather.snapshot_tools import tools
from swapctl.linux.child import Child
from swapctl.linux.files import under
from swapctl.rules import judge
from swapctl.setup_facts import FstabLine, Kubelet, Leftover, Setup
from swapctl.systemd.fstab import Line, swap_lines
from tests.golden.regenerate import report

PATH = "/data/swapfile"
UNIT = "etc/systemd/system/data-swapfile.swap"
EXT4 = report("ext4-ready").snapshot
RUBBISH = bytes(range(256)) * 64


def as_somebody(work: Callable[[], Setup]) -> Setup:
    """In a process without root's way of reading everything."""

    def look(_: Callable[[], None]) -> Setup:
        if os.geteuid() == 0:
            os.setuid(65534)
        return work()

    with closing(Child(look)) as child:
        return child.answer(60)


def put(root: Path, name: str, text: str | bytes = "") -> None:
    path = root / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(text))


def seen(root: Path, s: Snapshot = EXT4) -> Setup:
    found = setup.look(s, str(root))
    assert found is not None
    return found


def found_by(root: Path, s: Snapshot = EXT4) -> set[str]:
    """The rules about it that find something, those that lack a fact marked."""
    outcome = judge(s._replace(setup=seen(root, s))).outcome
    before = judge(s).outcome
    return {f.rule_id for f in outcome.findings} - {f.rule_id for f in before.findings} | {
        f"{u.rule_id}?" for u in outcome.undecided if u not in before.undecided
    }


def test_nothing_is_set_up(tmp_path: Path) -> None:
    assert seen(tmp_path) == Setup((PATH,), (), (), (), (), (), None, ())
    assert found_by(tmp_path) == set()


def test_what_has_no_name_is_not_looked_at(tmp_path: Path) -> None:
    file = EXT4.file
    assert isinstance(file, File)
    assert setup.look(EXT4._replace(file=file._replace(unlinked=True)), str(tmp_path)) is None
    assert setup.look(EXT4._replace(file=None), str(tmp_path)) is None


def test_lines_of_fstab() -> None:
    text = "\n".join(
        (
            "#/s none swap sw 0 0",
            "/s none ext4 sw 0 0",
            "  /a\\040b\\011\\\tnone  swap",
            "/s\\303\\244 none swap sw,nofail 0 0\r",
            "/x\\9 none swap sw\\0",
        )
    )
    assert list(swap_lines(text)) == [
        Line(3, "/a b\t\\", ()),
        Line(4, "/s\u00e4", ("sw", "nofail")),
        Line(5, "/x\\9", ("sw\\0",)),
    ]


CASES = {
    "a plain line": (f"{PATH} none swap sw 0 0\n", set()),
    "makefs": (f"{PATH} none swap nofail,x-systemd.makefs 0 0\n", {"fstab-makefs"}),
    "twice": (f"{PATH} none swap sw 0 0\n{PATH} none swap pri=3\n", {"fstab-duplicate"}),
    "cloud-init": (f"{PATH} none swap sw,comment=cloudconfig 0 0\n", {"manager-of-file"}),
    "a file that is gone": ("/gone none swap sw 0 0\n", {"boot-leftover"}),
    "a file for another time": ("/gone none swap noauto 0 0\n", set()),
    "a file that is none": ("/none none swap sw 0 0\n", {"boot-leftover"}),
    "another area": ("/area none swap sw 0 0\nUUID=1 none swap sw\n/dev/x none swap x\n", set()),
    "a directory": ("/directory none swap sw 0 0\n", set()),
}


@pytest.mark.parametrize("case", CASES)
def test_fstab(case: str, tmp_path: Path) -> None:
    text, expected = CASES[case]
    put(tmp_path, "etc/fstab", text)
    put(tmp_path, "none", bytes(8192))
    put(tmp_path, "area", bytes(4086) + b"SWAPSPACE2")
    (tmp_path / "directory").mkdir()
    assert found_by(tmp_path) == expected


def test_units(tmp_path: Path) -> None:
    put(tmp_path, UNIT, f"[Swap]\nWhat={PATH}\nPriority=7\n")
    (unit,) = need(seen(tmp_path).units)
    assert unit == (f"/{UNIT}", PATH, True, True, 7)
    assert found_by(tmp_path) == set()
    put(tmp_path, "etc/fstab", f"{PATH} none swap sw\n")
    assert found_by(tmp_path) == {"fstab-unit"}
    put(tmp_path, UNIT, "[Swap]\nWhat=/data/other\n")
    assert found_by(tmp_path) == {"fstab-unit", "unit-path", "boot-leftover"}
    put(tmp_path, UNIT, "[Swap]\nWhat=/%i\n")
    assert found_by(tmp_path) == {"fstab-unit", "unit-path?"}
    (tmp_path / UNIT).unlink()
    (tmp_path / UNIT).symlink_to("/dev/null")
    assert found_by(tmp_path) == {"fstab-unit"}


def test_what_the_generator_made_is_the_line_itself(tmp_path: Path) -> None:
    put(tmp_path, "run/systemd/generator/data-swapfile.swap", f"[Swap]\nWhat={PATH}\n")
    put(tmp_path, "etc/fstab", f"{PATH} none swap sw\n")
    assert found_by(tmp_path) == set()


def test_leftover_units(tmp_path: Path) -> None:
    put(tmp_path, "etc/systemd/system/old.swap", "[Swap]\nWhat=/old\n")
    put(
        tmp_path, "etc/systemd/system/made.swap", "[Unit]\nRequires=x.service\n[Swap]\nWhat=/made\n"
    )
    (tmp_path / "etc/systemd/system/masked.swap").symlink_to("/dev/null")
    (tmp_path / "etc/systemd/system/folder.swap").mkdir()
    assert seen(tmp_path).leftovers == (
        Leftover("/etc/systemd/system/old.swap", "/old", "nothing"),
    )


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_managers(known: Known, tmp_path: Path) -> None:
    sign, default = known.signs[-1], known.default
    put(tmp_path, sign, f"{known.key}={default}\n")
    path = f"{default}/1" if known.several else default
    (found,) = managers(str(tmp_path), (path,))
    assert (found.name, found.seen, found.here) == (known.name, sign, bool(default))
    assert managers(str(tmp_path), ("/elsewhere",)) == (found._replace(here=False),)
    if default and not known.several:
        assert not managers(str(tmp_path), (f"{default}/swapfile",))[0].here


def test_settings_of_managers(tmp_path: Path) -> None:
    for sign in ("dphys-swapfile", "swapspace"):
        put(tmp_path, f"etc/systemd/system/multi-user.target.wants/{sign}.service")
    put(tmp_path, "etc/dphys-swapfile", f"#CONF_SWAPFILE=/x\nCONF_SWAPFILE='{PATH}'\n")
    put(tmp_path, "etc/swapspace.conf", 'swappath="/data/"\n')
    put(tmp_path, "etc/default/swapfile", "FILE=/var/tmp/swapfile.swp\nSIZE=0\n")
    found = managers(str(tmp_path), (PATH,))
    assert [(one.name, one.path, one.here) for one in found] == [
        ("dphys-swapfile", PATH, True),
        ("swapspace", "/data", True),
    ]
    assert found_by(tmp_path) == {"manager-of-file", "manager-rival"}
    put(tmp_path, "etc/default/swapfile", f"FILE={PATH}\nSIZE=512\n")
    assert managers(str(tmp_path), (PATH,))[-1].name == "snapd"


CONFIG = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        (CONFIG, True),
        (f"{CONFIG}failSwapOn: false\n", False),
        (f"{CONFIG}failSwapOn:   False # why\r\n", False),
        (f'{CONFIG}"failSwapOn": true\n', True),
        (f"{CONFIG}# failSwapOn: false\n", True),
        (f"{CONFIG}failSwapOn: 'false'\n", None),
        (f"{CONFIG}failSwapOn: no\n", None),
        (f"{CONFIG}failSwapOn:\n  false\n", None),
        (f"{CONFIG}failSwapOn: &a false\n", None),
        (f"{CONFIG}other:\n  failSwapOn: false\n", None),
        (f"{CONFIG}failSwapOn: false\nfailSwapOn: true\n", None),
        ("{kind: KubeletConfiguration, failSwapOn: false}\n", None),
        ('{"kind": "KubeletConfiguration", "failSwapOn": false}\n', None),
        ('"\\x66ailSwapOn": false\n', None),
        ("", None),
        (RUBBISH.decode("latin-1"), None),
    ],
)
def test_configurations_of_kubelet(text: str, refuses: bool | None) -> None:
    found = in_configuration(text, "config.yaml")
    assert isinstance(found, Unknown) if refuses is None else found is refuses


def test_flags_of_kubelet() -> None:
    assert in_flags(["kubelet", "--v=2"]) is None
    assert in_flags(["kubelet", "--fail-swap-on"]) is True
    assert in_flags(["kubelet", "--fail-swap-on=f"]) is False
    assert in_flags(["--fail-swap-on=true", "--fail-swap-on=0"]) is False
    assert isinstance(in_flags(["--fail-swap-on=maybe"]), Unknown)


def test_kubelet(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert kubelet(root) is None
    put(tmp_path, "var/lib/kubelet/pki/x")
    assert kubelet(root) is None
    put(tmp_path, "var/lib/kubelet/config.yaml", CONFIG)
    assert kubelet(root) == Kubelet(True, "/var/lib/kubelet/config.yaml")
    assert found_by(tmp_path) == {"kubelet-swap"}
    put(tmp_path, "etc/default/kubelet", 'KUBELET_EXTRA_ARGS="--fail-swap-on=false"\n')
    assert kubelet(root) == Kubelet(False, "--fail-swap-on")
    put(tmp_path, "sys/fs/cgroup/system.slice/kubelet.service/cgroup.procs", "77\n78\n")
    put(tmp_path, "proc/78/cmdline", b"/usr/bin/kubelet\0--config\0/k.json\0")
    put(tmp_path, "k.json", f"{CONFIG}failSwapOn: false\n")
    assert kubelet(root) == Kubelet(False, "/k.json")
    put(tmp_path, "proc/78/cmdline", b"/usr/bin/kubelet\0--config=/k.json\0--config-dir=/d\0")
    assert found_by(tmp_path) == {"kubelet-swap?"}
    put(tmp_path, "proc/78/cmdline", b"/usr/bin/kubelet\0--fail-swap-on\0")
    assert kubelet(root) == Kubelet(True, "--fail-swap-on of the running kubelet")


def test_snapshot_tools(tmp_path: Path) -> None:
    status = tmp_path.stat()
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    put(tmp_path, "etc/snapper/configs/root", 'SUBVOLUME="/"\nFSTYPE="btrfs"\n')
    put(tmp_path, "etc/snapper/configs/lost", "SUBVOLUME=/lost\n")
    put(tmp_path, "etc/timeshift/timeshift.json", '{"btrfs_mode" : "true"}')
    found = tools(device, str(tmp_path))
    assert [(one.name, one.subvolume) for one in found] == [("snapper", "/"), ("timeshift", "/")]
    assert tools("0:0", str(tmp_path)) == ()
    put(tmp_path, "etc/timeshift/timeshift.json", '{"btrfs_mode" : "false"}')
    assert len(tools(device, str(tmp_path))) == 1
    put(tmp_path, "etc/timeshift/timeshift.json", RUBBISH)
    with pytest.raises(OSError, match="not in a form"):
        tools(device, str(tmp_path))


GPT = "E:ID_PART_ENTRY_SCHEME=gpt\nE:ID_PART_ENTRY_TYPE=0657fd6d-a4ab-43c4-84e5-0933c84b4f4f\n"


@pytest.mark.parametrize(
    ("udev", "specs", "found"),
    [
        (GPT, {PATH}, ("/dev/x2",)),
        (f"{GPT}S:disk/by-id/y\n", {"/dev/disk/by-id/y"}, ()),
        (f"{GPT}E:ID_FS_UUID=1-2\n", {PATH, 'UUID="1-2"'}, ()),
        (GPT, {"/dev/x2"}, ()),
        (f"{GPT}E:ID_PART_ENTRY_FLAGS=0x8000000000000000\n", {PATH}, ()),
        (f"{GPT}E:ID_PART_ENTRY_FLAGS=0x1\n", {PATH}, ("/dev/x2",)),
        (GPT.replace("gpt", "dos"), {PATH}, ()),
        (RUBBISH.decode("latin-1"), {PATH}, ()),
    ],
)
def test_partitions_for_swap(
    udev: str, specs: set[str], found: tuple[str, ...], tmp_path: Path
) -> None:
    status = tmp_path.stat()
    number = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    for name, dev in (("x1", number), ("x2", "259:2")):
        put(tmp_path, f"sys/devices/x/{name}/dev", dev)
        put(tmp_path, f"sys/devices/x/{name}/partition", name[1:])
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/dev/block" / number).symlink_to("../../devices/x/x1")
    put(tmp_path, "run/udev/data/b259:2", udev)
    put(tmp_path, "proc/cmdline", "quiet\n")
    assert gpt.unnamed_swaps(specs, str(tmp_path)) == ()
    put(tmp_path, gpt.GENERATORS[0])
    assert gpt.unnamed_swaps(specs, str(tmp_path)) == found
    put(tmp_path, "proc/cmdline", "quiet systemd.gpt_auto=0\n")
    assert gpt.unnamed_swaps(specs, str(tmp_path)) == ()


FILES = (
    "etc/fstab",
    UNIT,
    "etc/systemd/system/old.swap",
    "etc/systemd/system",
    "etc/dphys-swapfile",
    "etc/default/swapfile",
    "var/lib/kubelet",
    "var/lib/kubelet/config.yaml",
    "etc/snapper/configs",
    "etc/snapper/configs/root",
    "etc/timeshift/timeshift.json",
)


@pytest.mark.parametrize("kind", ["rubbish", "huge", "directory", "pipe", "loop"])
@pytest.mark.parametrize("name", FILES)
def test_rubbish(name: str, kind: str, tmp_path: Path) -> None:
    """It never raises, never waits, and is never taken for a finding about the candidate."""
    btrfs = report("btrfs-ready").snapshot
    put(tmp_path, "etc/systemd/system/multi-user.target.wants/dphys-swapfile.service")
    path = tmp_path / name
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        path.write_bytes(RUBBISH if kind == "rubbish" else bytes(3 * 2**20))
    for s in (EXT4, btrfs):
        assert {one for one in found_by(tmp_path, s) if not one.endswith("?")} == set()


def test_what_may_not_be_read_is_not_known() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        put(root, "etc/fstab", "/area none swap sw 0 0\n")
        put(root, "area")
        put(root, "etc/default/swapfile", "FILE=/x\n")
        put(root, "var/lib/kubelet/config.yaml", CONFIG)
        for path in ("area", "etc/default/swapfile", "var/lib/kubelet/config.yaml"):
            (root / path).chmod(0)
        found = as_somebody(partial(seen, root))
        assert (found.fstab, found.units) == ((), ())
        for fact in (found.leftovers, found.managers, found.kubelet):
            assert isinstance(fact, Unknown)
            assert "Permission denied" in fact.reason


def test_files_of_settings_are_small(tmp_path: Path) -> None:
    put(tmp_path, "x", bytes(2**20))
    assert small_file(under(str(tmp_path), "x")) == "\0" * 2**20
    put(tmp_path, "x", bytes(2**20 + 1))
    with pytest.raises(OSError, match="larger"):
        small_file(under(str(tmp_path), "x"))


def test_a_line_is_found_by_the_resolved_path(tmp_path: Path) -> None:
    put(tmp_path, "etc/fstab", "/real none swap pri=4 0 0\n")
    assert seen(tmp_path, EXT4._replace(resolved="/real")).fstab == (FstabLine(1, ("pri=4",)),)
