"""Guests: a Debian kernel under QEMU on the machine's own root filesystem.

    python -m tests.vm.guest SUITE COMMAND...

Everything that the machine has is there: the checkout, the interpreter, the tools. Reads go to the
machine (9p), writes stay in the guest's memory; only the guest's folder on the machine is written
through, as OUT (in the environment). TMPDIR is a disk of its own. A checkout below /dev, /proc,
/run or /sys is not visible.

Or, with an image of one, a system of its own boots: its disk keeps what is written, its first
process is its own, and the command runs when that has reached multi-user.target.
"""

import compileall
import fcntl
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from string import ascii_lowercase
from threading import Lock
from typing import NamedTuple

from tests.vm import initramfs
from tests.vm.kernels import Kernel, fetch

ROOT = Path(__file__).parents[2]
OURS = "/run/guest"
GIB = 1 << 30
KVM_CREATE_VM = 0xAE01
PANIC = "Kernel panic"
KVM = ("-accel", "kvm", "-cpu", "host")
# Beside others an emulated processor takes longer than systemd waits for disks and daemons.
PATIENT = "systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600"
# Without wide vectors: they are slower than none when every one of them is emulated.
TCG = ("-accel", "tcg", "-cpu", "Nehalem")


class GuestError(Exception):
    """No status came from the guest: it died, or its time was up."""


class Wire(NamedTuple):
    """One end of a private network of two guests; a guest takes it over with its start."""

    end: socket.socket
    address: str
    mac: str


def wires() -> tuple[Wire, Wire]:
    """A cable: nothing but its two ends is on this network."""
    first, second = socket.socketpair()
    return (
        Wire(first, "10.0.0.1/24", "52:54:00:00:00:01"),
        Wire(second, "10.0.0.2/24", "52:54:00:00:00:02"),
    )


def kvm() -> bool:
    """Whether the processor itself can run guests; emulated, /dev/kvm exists and fails later."""
    words = Path("/proc/cpuinfo").read_text().split()
    if not {"vmx", "svm"} & set(words):
        return False
    try:
        fd = os.open("/dev/kvm", os.O_RDWR)
    except OSError:
        return False
    try:
        os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _word(path: Path) -> str:
    """In an option of QEMU's a comma is written twice."""
    return str(path).replace(",", ",,")


def _share(path: Path, tag: str, *options: str) -> list[str]:
    words = (
        "local",
        f"path={_word(path)}",
        f"mount_tag={tag}",
        "security_model=none",
        "multidevs=remap",
    )
    return ["-virtfs", ",".join((*words, *options))]


def disk(path: Path, *options: str) -> list[str]:
    """Unsafe: what a guest has written is with the machine's kernel, and lost only with that."""
    words = ("format=raw", "if=virtio", "cache=unsafe", "discard=unmap", *options)
    return ["-drive", ",".join((f"file={_word(path)}", *words))]


class Guest:
    """A guest that runs one command; `folder` must exist and is its OUT.

    In the folder, and left there: output.log (of the command, as it comes), console.log (what the
    kernel printed there), dmesg.log and status.
    """

    def __init__(
        self,
        kernel: Kernel,
        folder: Path,
        command: Sequence[str],
        *,
        memory: int = 1024,
        scratch: int = 8 * GIB,
        disks: Sequence[Path] = (),
        extra: Sequence[str] = (),
        wire: Wire | None = None,
        environment: Mapping[str, str] | None = None,
        system: Path | None = None,
    ) -> None:
        """`memory` in MiB; `scratch` is the size of the disk behind TMPDIR; `disks` are raw images
        that appear as /dev/vda, vdb and so on; `extra` are more words for QEMU. `system` is the raw
        image of a system to boot, /dev/vda then; it has no TMPDIR of ours, and is cut off from its
        power when the command has ended."""
        self.kernel = kernel
        self.folder = folder
        # Who waits for it and who ends it may be different threads.
        self._closing = Lock()
        for name in ("status", "console.log", "dmesg.log", "output.log"):
            (folder / name).unlink(missing_ok=True)
        self.output.touch()
        script = _script(command, environment or {}) if system is None else _line(command)
        (folder / "command").write_text(script)
        with ExitStack() as undo:
            initrd = folder / "initramfs"
            undo.callback(initrd.unlink, missing_ok=True)
            initramfs.build(kernel, initrd, "guest" if system is None else "system")
            line = ["console=ttyS0 panic=-1 quiet loglevel=5 mitigations=off"]
            words = [
                *("qemu-system-x86_64", "-nodefaults", "-nographic", "-no-user-config"),
                *("-no-reboot", "-smp", "1", *(KVM if kvm() else TCG)),
                *("-m", f"{memory}M", "-kernel", str(kernel.image), "-initrd", str(initrd)),
                *("-chardev", f"file,id=console,path={_word(folder / 'console.log')}"),
                *("-serial", "chardev:console"),
                *_share(kernel.modules, "modules", "readonly=on"),
                *_share(folder, "out"),
            ]
            if system is None:
                line.append(f"scratch=/dev/vd{ascii_lowercase[len(disks)]}")
                words += _share(Path("/"), "root", "readonly=on")
                disks = (*disks, _scratch(folder, scratch, undo))
            else:
                line.append(PATIENT)
                disks = (system, *disks)
            for image in disks:
                words += disk(image)
            if wire:
                words += ["-netdev", f"socket,id=wire,fd={wire.end.fileno()}"]
                words += ["-device", f"virtio-net-pci,netdev=wire,mac={wire.mac},romfile="]
                line.append(f"address={wire.address}")
            words += ["-append", " ".join(line), *extra]
            # A guest ends with the thread that started it, however that ends.
            words = ["setpriv", "--pdeathsig", "KILL", *words]
            passed = (wire.end.fileno(),) if wire else ()
            # Not in the directory of a test, which may have to be unmounted while the guest runs.
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, pass_fds=passed, cwd="/"
            )
            undo.callback(self._end)
            if wire:
                wire.end.close()
            self._undo = undo.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> Path:
        return self.folder / "output.log"

    def wait(self, timeout: float) -> int:
        """The status of the command, when the guest is gone."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise GuestError(f"{self.kernel.suite}: time was up\n{self.tail()}") from None
        finally:
            self.close()
        status = self.folder / "status"
        if not status.exists():
            raise GuestError(f"{self.kernel.suite}: the guest died\n{self.tail()}")
        return int(status.read_text())

    def tail(self) -> str:
        """The last that the kernel and the command printed; of a panic everything, since its reason
        comes first."""
        found = []
        for name in ("console.log", "output.log"):
            path = self.folder / name
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()
                panics = [number for number, line in enumerate(lines) if PANIC in line]
                found += [f"{path}:", *lines[min([*panics, max(len(lines) - 40, 0)]) :]]
        return "\n".join(found)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """Ends the guest if it still runs, and removes its disk."""
        with self._closing:
            self._undo.close()

    def _end(self) -> None:
        if self.runs:
            self._process.kill()
        self._process.wait()


# Starts a guest that somebody else ends should it still run; the arguments are those of Guest.
Start = Callable[..., Guest]


def _scratch(folder: Path, size: int, undo: ExitStack) -> Path:
    image = folder / "scratch.img"
    undo.callback(image.unlink, missing_ok=True)
    with image.open("wb") as new:
        new.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", image], check=True)
    return image


def _line(command: Sequence[str]) -> str:
    return f"exec {shlex.join(command)}\n"


def _script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """With an environment made from nothing: what the host's PATH leads to may be slow shims."""
    folders = [str(Path(sys.executable).parent), "/usr/local/sbin", "/usr/local/bin"]
    folders += ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    variables = {
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "OUT": f"{OURS}/out",
        "PATH": ":".join(folders),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERM": "dumb",
        "TMPDIR": f"{OURS}/scratch",
        **environment,
    }
    words = [
        "/usr/bin/env",
        "-i",
        *(f"{name}={value}" for name, value in variables.items()),
        *command,
    ]
    return f"cd {shlex.quote(str(ROOT))} && exec {shlex.join(words)}\n"


def precompile() -> None:
    """Modules are compiled once on the machine, not every time in a guest."""
    for name in ("swapctl", "tests"):
        compileall.compile_dir(ROOT / name, quiet=2)


def main() -> int:
    suite, *command = sys.argv[1:]
    precompile()
    with tempfile.TemporaryDirectory(prefix="swapctl-vm-") as name:
        guest = Guest(fetch(suite), Path(name), command, memory=2048)
        shown = subprocess.Popen(["tail", "-n", "+1", "-f", f"--pid={guest.pid}", guest.output])
        try:
            return guest.wait(timeout=3600)
        except GuestError as error:
            print(error, file=sys.stderr)
            return 125
        finally:
            shown.wait()


if __name__ == "__main__":
    sys.exit(main())
