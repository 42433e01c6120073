"""The first filesystem of a guest: busybox, the modules that lead to the root, two scripts."""

import lzma
import os
import shutil
import stat
import subprocess
from pathlib import Path

from tests.vm.kernels import Kernel

HERE = Path(__file__).parent
# The disks and the host's files, and what lets the guest write over them.
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_blk", "virtio_net", "ext4")


def _modules(kernel: Kernel) -> list[Path]:
    """With what they depend on, in the order of loading."""
    found: list[Path] = []
    for name in MODULES:
        done = subprocess.run(
            ["modprobe", "-d", kernel.root, "-S", kernel.release, "--show-depends", name],
            env=os.environ | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            verb, _, path = line.partition(" ")
            if verb == "insmod" and Path(path.strip()) not in found:
                found.append(Path(path.strip()))
    return found


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """A file of a cpio archive in the format "newc": hexadecimal fields, padded to 4 bytes."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def build(kernel: Kernel, path: Path, scripts: str) -> None:
    """`scripts` is what the names of the two begin with."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise OSError("no busybox on this machine")
    program = stat.S_IFREG | 0o755
    entries = [_entry(name, stat.S_IFDIR | 0o755) for name in ("bin", "dev", "modules", "proc")]
    entries += [
        _entry("bin/busybox", program, Path(busybox).read_bytes()),
        _entry("bin/sh", stat.S_IFLNK | 0o777, b"busybox"),
        _entry("init", program, (HERE / f"{scripts}-init").read_bytes()),
        _entry("main", program, (HERE / f"{scripts}-main").read_bytes()),
    ]
    for number, module in enumerate(_modules(kernel)):
        content = module.read_bytes()
        if module.suffix == ".xz":
            content = lzma.decompress(content)
        name = f"modules/{number:02}-{module.name.removesuffix('.xz')}"
        entries.append(_entry(name, stat.S_IFREG | 0o644, content))
    path.write_bytes(b"".join([*entries, _entry("TRAILER!!!", 0)]))
