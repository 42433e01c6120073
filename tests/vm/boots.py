"""A fresh Debian: swapctl is installed there, and it boots again after its power was cut.

Each boot runs a few steps when multi-user.target is reached; what they printed is what the tests
in test_vm_systemd.py judge. Everything of one boot is done in that one boot, because each takes
a minute.
"""

import json
import shlex
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TextIO

from tests.debian.build import built
from tests.vm import system
from tests.vm.guest import Guest, GuestError, Start, disk
from tests.vm.kernels import Kernel, run

LIMIT = 15 * 60
MEMORY = 1024
PLAIN = "/var/swap/swapfile"
ODD = "/var/swap/my swap-file"
GONE = "/var/swap/gone"
LARGE = "/var/swap/too-large"
THEIRS = "/var/swap/theirs"
XFS = "/mnt/xfs/swapfile"
BTRFS = "/mnt/btrfs/swapfile"
ABSENT = "/mnt/absent/swapfile"
ENABLED = MappingProxyType(
    {
        PLAIN: "--size 64M",
        ODD: "--size 16M --priority 7",
        XFS: "--size 128M --method write",
        BTRFS: "--size 128M --method write --fail",
    }
)
# Filesystems on disks of their own, /dev/vdb and so on, and what makes them.
OTHERS = MappingProxyType({"xfs": "mkfs.xfs", "btrfs": "mkfs.btrfs"})
DISK = 1 << 30
# In bytes a second. At this speed nothing that is written is complete before the boot is.
SLOW = 512 << 10
SLOW_STEP = "while-slow"


def unit(path: str) -> str:
    """As systemd-escape has it, for the paths that are used here."""
    name = path[1:].replace("-", r"\x2d").replace(" ", r"\x20").replace("/", "-")
    return f"{name}.swap"


def service(path: str) -> str:
    return f"swapctl-prepare@{unit(path).removesuffix('.swap')}.service"


def _q(*words: str) -> str:
    return shlex.join(words)


def _enable(path: str, options: str) -> str:
    return f"swapctl enable {_q(path)} {options}"


def _disable(path: str) -> str:
    return f"swapctl disable {_q(path)}"


def _properties(name: str, *properties: str) -> str:
    return f"systemctl show -p {','.join(properties)} -- {_q(name)}"


# Every file of /etc with its content.
ETC = (
    "find /etc ! -type f -printf '%p %y %l\\n' | sort; find /etc -type f -print0 | sort -z "
    "| xargs -0 sha256sum"
)
FAILED = "systemctl list-units --failed --plain --no-legend --full --all | cut -d' ' -f1 | sort"
SWAPS = "cat /proc/swaps"
CHECK = f"swapctl check --json {_q(*ENABLED)}"
SHORT = f"/etc/systemd/system/{service(BTRFS)}.d"
JOURNAL = "journalctl -b -o short-monotonic --no-hostname"

FIRST = {
    "install": "dpkg -i /run/guest/out/swapctl.deb",
    "disks": "mkdir /mnt/xfs /mnt/btrfs; "
    "echo '/dev/vdb /mnt/xfs xfs defaults 0 0' >>/etc/fstab; "
    "echo '/dev/vdc /mnt/btrfs btrfs nofail 0 0' >>/etc/fstab; "
    "systemctl daemon-reload; mount -a",
    "etc-before": ETC,
    "enable-gone": _enable(GONE, "--size 16M"),
    "etc-enabled": ETC,
    "swaps-enabled": SWAPS,
    "enable-gone-again": _enable(GONE, "--size 16M"),
    "etc-enabled-again": ETC,
    "disable-gone": _disable(GONE),
    "enable-large": _enable(LARGE, "--size 900G"),
    "failed-large": FAILED,
    "disable-large": _disable(LARGE),
    "etc-disabled": ETC,
    "failed-disabled": FAILED,
    "state-disabled": "; ".join(
        _properties(name, "LoadState", "ActiveState")
        for name in (unit(GONE), service(GONE), unit(LARGE), service(LARGE))
    ),
    "swaps-disabled": SWAPS,
    "others-line": f"echo '{THEIRS} none swap sw,nofail 0 0' >>/etc/fstab; systemctl daemon-reload",
    "etc-others": ETC,
    "enable-others-line": _enable(THEIRS, "--size 16M"),
    "disable-others-line": _disable(THEIRS),
    "etc-others-after": ETC,
    "others-unit": f"sed -i '\\|^{THEIRS} |d' /etc/fstab; "
    f"printf '[Swap]\\nWhat={THEIRS}\\n' >{_q(f'/etc/systemd/system/{unit(THEIRS)}')}; "
    "systemctl daemon-reload",
    "etc-unit": ETC,
    "enable-others-unit": _enable(THEIRS, "--size 16M"),
    "etc-others-unit": ETC,
    "others-nothing": f"rm {_q(f'/etc/systemd/system/{unit(THEIRS)}')}; systemctl daemon-reload",
    **{f"enable {path}": _enable(path, options) for path, options in ENABLED.items()},
    "swaps": SWAPS,
}
SECOND = {
    "running": "systemctl is-system-running --wait",
    "failed": FAILED,
    "swaps": SWAPS,
    "check": CHECK,
    "tmp": "findmnt -n -o FSTYPE /tmp; systemctl is-active tmp.mount swap.target",
    "journal": JOURNAL,
    "limit": _properties(service(PLAIN), "TimeoutStartUSec"),
    "verify": "systemd-analyze verify --recursive-errors=no --man=no -- "
    + _q(*map(unit, ENABLED), *map(service, ENABLED)),
    "security": "systemd-analyze security --no-pager --threshold=30 -- " + _q(service(PLAIN)),
    # From here on it is for the next boot.
    "remove": _q("systemctl", "stop", "--", *map(unit, ENABLED)) + " && rm " + _q(*ENABLED),
    "holes": f"truncate -s 16M {_q(ODD)} && chmod 600 {_q(ODD)} && mkswap {_q(ODD)}",
    "large": f"{_enable(LARGE, '--size 900G')} --root /",
    "absent": "mkdir /mnt/absent; "
    "echo '/dev/vdz /mnt/absent ext4 nofail,x-systemd.device-timeout=1 0 0' >>/etc/fstab; "
    f"{_enable(ABSENT, '--size 16M')} --root /",
    "short": f"mkdir {_q(SHORT)} && "
    rf"printf '[Service]\nTimeoutStartSec=5s\n' >{_q(f'{SHORT}/short.conf')}",
    "unmount": "umount /mnt/xfs /mnt/btrfs && sync",
}
TIMES = "; ".join(
    (
        _properties(service(XFS), "InactiveExitTimestampMonotonic"),
        _properties("multi-user.target", "ActiveEnterTimestampMonotonic"),
        _properties(unit(XFS), "ActiveEnterTimestampMonotonic"),
    )
)
THIRD = {
    SLOW_STEP: f"systemctl is-active multi-user.target {_q(service(XFS), unit(XFS))}; {SWAPS}",
    "running": "systemctl is-system-running --wait",
    "failed": FAILED,
    "swaps": SWAPS,
    "check": f"swapctl check --json {_q(PLAIN, XFS)}",
    "times": TIMES,
    "left": "ls -A /mnt/btrfs /mnt/absent",
    "targets": "systemctl is-active swap.target sysinit.target multi-user.target",
    **{
        f"journal {path}": f"journalctl -b -o cat -u {_q(service(path))}"
        for path in (PLAIN, ODD, LARGE, BTRFS)
    },
    "journal": JOURNAL,
}
BOOTS = (FIRST, SECOND, THIRD)


class Step(NamedTuple):
    """How a step ended, and what it printed."""

    code: int
    out: str
    err: str


def _script(steps: Mapping[str, str]) -> str:
    """Numbers for names of files: a step may be named after a path."""
    lines = ['run() { sh -c "$2" >$OUT/"$1.out" 2>$OUT/"$1.err"; echo $? >$OUT/"$1.code"; }']
    lines += [f"run {number} {shlex.quote(text)}" for number, text in enumerate(steps.values())]
    return "\n".join(lines) + "\n"


def read(folder: Path) -> list[dict[str, Step]]:
    """What the steps of each boot left."""
    found = []
    for number, steps in enumerate(BOOTS, 1):
        boot = folder / f"boot-{number}"
        texts = [
            [(boot / f"{at}.{kind}").read_text() for kind in ("code", "out", "err")]
            for at in range(len(steps))
        ]
        found.append(
            {
                name: Step(int(code), out, err)
                for name, (code, out, err) in zip(steps, texts, strict=True)
            }
        )
    return found


class _Monitor:
    """QEMU's own, where the speed of a disk can be changed while it is in use."""

    def __init__(self, undo: ExitStack) -> None:
        # The path of a socket has few bytes, and nobody else may get at it.
        self._path = f"{undo.enter_context(tempfile.TemporaryDirectory())}/monitor"
        self.words = ("-qmp", f"unix:{self._path},server=on,wait=off")

    def speed_up(self, name: str) -> None:
        unlimited = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            peer.connect(self._path)
            with peer.makefile("rw") as lines:
                lines.readline()
                _tell(lines, "qmp_capabilities", {})
                _tell(lines, "block_set_io_throttle", {"device": name, **unlimited})


def _tell(lines: TextIO, what: str, arguments: Mapping[str, object]) -> None:
    lines.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
    lines.flush()
    while "event" in (answer := json.loads(lines.readline())):
        pass
    if "return" not in answer:
        raise GuestError(f"{what}: {answer}")


def _await(path: Path, guest: Guest) -> None:
    until = time.monotonic() + LIMIT
    while not path.exists():
        if time.monotonic() > until or not guest.runs:
            raise GuestError(f"{path.name} did not come\n{guest.tail()}")
        time.sleep(0.2)


def examine(kernel: Kernel, folder: Path, start: Start) -> int:
    """All boots, one after the other; 0 when all steps were run."""
    with ExitStack() as undo:
        root, *others = images = [folder / name for name in ("root", *OTHERS)]
        for image in images:
            undo.callback(image.unlink, missing_ok=True)
        system.make(root)
        for image, mkfs in zip(others, OTHERS.values(), strict=True):
            with image.open("wb") as new:
                new.truncate(DISK)
            run(mkfs, "-q", str(image))
        for number, steps in enumerate(BOOTS, 1):
            out = folder / f"boot-{number}"
            out.mkdir()
            (out / "steps").write_text(_script(steps))
            if steps is FIRST:
                (out / "swapctl.deb").write_bytes(built(kernel.suite).read_bytes())
            monitor = _Monitor(undo)
            words = list(monitor.words)
            for image in others:
                slow = [f"throttling.bps-write={SLOW}"] if SLOW_STEP in steps else []
                words += disk(image, f"id={image.name}", *slow)
            command = ["sh", "/run/guest/out/steps"]
            guest = start(kernel, out, command, memory=MEMORY, system=root, extra=words)
            if SLOW_STEP in steps:
                _await(out / f"{list(steps).index(SLOW_STEP)}.code", guest)
                monitor.speed_up("xfs")
            if status := guest.wait(LIMIT):
                return status
    return 0
