"""Snapshots that violate and pass the rules about the machine around a candidate."""

from typing import Any

from swapctl.facts import Snapshot, SwapArea
from swapctl.setup_facts import (
    FstabLine,
    Kubelet,
    Leftover,
    Manager,
    Setup,
    SnapshotTool,
    SwapUnit,
)
from tests.golden.regenerate import report

NOTHING = Setup(("/data/swapfile",), (), (), (), (), (), None, ())
EXT4 = report("ext4-ready").snapshot._replace(setup=NOTHING)
BTRFS = report("btrfs-ready").snapshot._replace(setup=NOTHING)


def around(s: Snapshot = EXT4, **changes: Any) -> Snapshot:
    return s._replace(setup=NOTHING._replace(**changes))


def zram(priority: int, s: Snapshot) -> Snapshot:
    area = SwapArea("/dev/zram0", "partition", 2**30, 0, priority, False, "253:0", None)
    return s._replace(areas=(area,))


LINE = FstabLine(3, ("nofail",))
UNIT = SwapUnit("/etc/systemd/system/data-swapfile.swap", "/data/swapfile", True, True, None)
ZRAM = Manager("zram-generator", "/etc/systemd/zram-generator.conf", ("zram",), None, False)
CLOUD = Manager("cloud-init", "/etc/fstab, line 3", ("file",), "/data/swapfile", True)
DPHYS = Manager("dphys-swapfile", "/x.service", ("file",), "/var/swap", False)
REFUSES = Kubelet(True, "/var/lib/kubelet/config.yaml")
SNAPPER = SnapshotTool("snapper", "/etc/snapper/configs/root", "/")

EXAMPLES: dict[str, tuple[Snapshot, Snapshot]] = {
    "fstab-makefs": (
        around(fstab=(LINE._replace(options=("nofail", "x-systemd.makefs")),)),
        around(fstab=(LINE,)),
    ),
    "fstab-duplicate": (around(fstab=(LINE, LINE._replace(number=9))), around(fstab=(LINE,))),
    "fstab-unit": (around(fstab=(LINE,), units=(UNIT,)), around(units=(UNIT,))),
    "unit-path": (
        around(units=(UNIT._replace(what="/data/other", fits=False),)),
        around(units=(UNIT,)),
    ),
    "fstab-gpt-swap": (
        around(fstab=(LINE,), gpt_swaps=("/dev/sda3",)),
        around(gpt_swaps=("/dev/sda3",)),
    ),
    "boot-leftover": (
        around(leftovers=(Leftover("/etc/fstab, line 4", "/old", "nothing"),)),
        around(fstab=(LINE,)),
    ),
    "manager-of-file": (around(managers=(CLOUD,)), around(managers=(DPHYS,))),
    "manager-rival": (around(managers=(DPHYS, CLOUD)), around(managers=(DPHYS, ZRAM))),
    "kubelet-swap": (
        around(kubelet=REFUSES),
        around(kubelet=REFUSES._replace(refuses_swap=False)),
    ),
    "snapshot-subvolume": (around(BTRFS, snapshot_tools=(SNAPPER,)), BTRFS),
    "zram-behind": (
        zram(5, around(fstab=(LINE._replace(options=("pri=10",)),))),
        zram(100, around(fstab=(LINE._replace(options=("pri=10",)),))),
    ),
}
