"""A fresh Debian as an image to boot: systemd, what the package needs, and no more than that."""

import tempfile
from pathlib import Path
from uuid import uuid4

from tests.debian import chroot
from tests.vm.kernels import run

SUITE = "trixie"
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "kmod", "e2fsprogs", "xfsprogs", "btrfs-progs"),
    *("python3-click", "python3-psutil", "python3-pyroute2", "python3-tabulate"),
)
SIZE = "2G"
FSTAB = "/dev/vda / ext4 errors=remount-ro 0 1\n"


def make(image: Path) -> None:
    """A new one."""
    tree = chroot.system(SUITE, "boot", PACKAGES)
    run("mkfs.ext4", "-q", "-d", str(tree), str(image), SIZE)
    with tempfile.TemporaryDirectory() as name:
        run("mount", "-o", "loop", str(image), name)
        try:
            etc = Path(name) / "etc"
            (etc / "fstab").write_text(FSTAB)
            (etc / "hostname").write_text("guest\n")
            # Without one it would be the first boot, at which a system asks questions.
            (etc / "machine-id").write_text(f"{uuid4().hex}\n")
            # What dpkg installs there is to survive the power cut.
            (etc / "dpkg/dpkg.cfg.d/99mmdebstrap").unlink()
        finally:
            run("umount", name)
