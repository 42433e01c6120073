"""Filesystems on loop images: what to make, making it, mounting it and undoing exactly that."""

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from swapctl.linux import mounts

MIB = 1 << 20
# What serves a filesystem in user space.
SERVERS = {"fuse": "fuse2fs", "fuseblk": "ntfs-3g"}


class Filesystem(NamedTuple):
    """One row of the table. `traits` are the words that conditions ask for.

    writable   files can be made in it
    native     the kernel supports swap in it, as far as the type goes
    main       the representative of its type: gets the conditions that do not depend on variants
    prealloc, punch, collapse   the fallocate(2) modes that work
    subpage    blocks smaller than a page
    large      blocks larger than a page
    image      made from a directory of prepared files, read-only
    device     no filesystem at all: block devices are made from images in a scratch directory
    further    rare; makes only some of the files, and says which it cannot make
    """

    name: str
    fstype: str
    mkfs: str
    options: str
    size: int
    images: int
    traits: frozenset[str]

    def has(self, words: str) -> bool:
        """Whether all of the words are traits; a word with a leading ! must not be one."""
        return all((w.lstrip("!") in self.traits) != w.startswith("!") for w in words.split())

    @property
    def needs(self) -> tuple[str, ...]:
        """The probes (tests/conftest.py) that must hold to make and mount it."""
        tools = [f"tool {self.mkfs.split()[0]}"] if self.mkfs else []
        if self.fstype in SERVERS:
            tools += [f"tool {SERVERS[self.fstype]}"]
        types = [f"filesystem {self.fstype}"] if self.fstype else []
        sizes = ["xfs blocks larger than pages"] if self.has("large") else []
        return (*tools, *types, *sizes)


class Mounted(NamedTuple):
    """A filesystem in use: where it is mounted, its loop devices, and a directory outside it."""

    filesystem: Filesystem
    path: Path
    devices: tuple[str, ...]
    scratch: Path


def _row(
    name: str,
    fstype: str,
    mkfs: str,
    traits: str,
    options: str = "",
    size: int = 96,
    images: int = 1,
) -> Filesystem:
    words = frozenset(traits.split())
    return Filesystem(name, fstype, mkfs, options, size * MIB, images, words)


EXT = "writable native ext punch"
EXTENTS = f"{EXT} prealloc collapse"
XFS = "writable native xfs punch prealloc collapse"
BTRFS = "writable native btrfs punch prealloc"
# Headers, names and modes are tried on these with the conditions of foreign filesystems.
FURTHER = "writable native foreign further"
# What holds for every format of f2fs is tried on the plain one.
F2FS = "further f2fs prealloc punch"
COMPRESSING = "mkfs.f2fs -q -f -O extra_attr,compression"

FILESYSTEMS = (
    _row("ext4", "ext4", "mkfs.ext4 -q -F -b 4096", f"{EXTENTS} main callers", size=256),
    _row("ext4-1k", "ext4", "mkfs.ext4 -q -F -b 1024", f"{EXTENTS} subpage"),
    _row("ext4-2k", "ext4", "mkfs.ext4 -q -F -b 2048", f"{EXTENTS} subpage"),
    _row("ext4-noextent", "ext4", "mkfs.ext4 -q -F -b 4096 -O ^extent,^64bit", EXT),
    _row("ext4-journal", "ext4", "mkfs.ext4 -q -F -b 4096", EXTENTS, "data=journal"),
    _row("ext4-bigalloc", "ext4", "mkfs.ext4 -q -F -b 4096 -O bigalloc -C 65536", EXTENTS),
    _row("ext4-nojournal", "ext4", "mkfs.ext4 -q -F -b 4096 -O ^has_journal", EXTENTS),
    _row("ext4-encrypt", "ext4", "mkfs.ext4 -q -F -b 4096 -O encrypt", f"{EXTENTS} encrypt"),
    _row("ext3", "ext3", "mkfs.ext3 -q -F -b 4096", EXT),
    _row("ext2-1k", "ext4", "mkfs.ext2 -q -F -b 1024", f"{EXT} subpage"),
    _row("ext2", "ext2", "mkfs.ext2 -q -F -b 4096", EXT),
    _row("xfs", "xfs", "mkfs.xfs -q -f", f"{XFS} main reflink", size=320),
    _row("xfs-1k", "xfs", "mkfs.xfs -q -f -b size=1024", f"{XFS} reflink subpage", size=320),
    _row("xfs-noreflink", "xfs", "mkfs.xfs -q -f -m reflink=0", XFS, size=320),
    _row("xfs-16k", "xfs", "mkfs.xfs -q -f -b size=16384", f"{XFS} large", size=320),
    _row("btrfs", "btrfs", "mkfs.btrfs -q -f -d single -m single", f"{BTRFS} main", size=512),
    _row("btrfs-nodatacow", "btrfs", "mkfs.btrfs -q -f -d single", BTRFS, "nodatacow", size=256),
    _row("btrfs-compress", "btrfs", "mkfs.btrfs -q -f -d single", BTRFS, "compress=zstd", size=256),
    _row("btrfs-dup", "btrfs", "mkfs.btrfs -q -f -d dup", f"{BTRFS} redundant", size=256),
    _row("btrfs-2dev", "btrfs", "mkfs.btrfs -q -f -d single", f"{BTRFS} pair", size=256, images=2),
    _row("btrfs-raid0", "btrfs", "mkfs.btrfs -q -f -d raid0", f"{BTRFS} redundant", "", 256, 2),
    _row("btrfs-raid1", "btrfs", "mkfs.btrfs -q -f -d raid1", f"{BTRFS} redundant", "", 256, 2),
    _row("tmpfs", "tmpfs", "", "writable punch foreign", "size=64m"),
    _row("ramfs", "ramfs", "", "writable foreign"),
    _row("overlay", "overlay", "mkfs.ext4 -q -F -b 4096", "writable punch foreign"),
    _row("fuse2fs", "fuse", "mkfs.ext4 -q -F -b 4096", "writable foreign"),
    _row("squashfs", "squashfs", "mksquashfs", "image"),
    _row("erofs", "erofs", "mkfs.erofs", "image"),
    _row("device", "", "", "device"),
    _row("f2fs", "f2fs", "mkfs.f2fs -q -f", f"{FURTHER} {F2FS} collapse", size=256),
    _row("f2fs-large-sections", "f2fs", "mkfs.f2fs -q -f -s 4", F2FS, size=1024),
    _row(
        "f2fs-compress", "f2fs", COMPRESSING, f"{F2FS} compression", "compress_extension=txt", 256
    ),
    _row("f2fs-2dev", "f2fs", "mkfs.f2fs -q -f", F2FS, size=128, images=2),
    _row("f2fs-lfs", "f2fs", "mkfs.f2fs -q -f", F2FS, "mode=lfs", 256),
    _row("vfat", "vfat", "mkfs.vfat -F 32 -s 8", f"{FURTHER} prealloc"),
    _row("vfat-512", "vfat", "mkfs.vfat -F 32 -s 1", f"{FURTHER} prealloc subpage"),
    _row("exfat", "exfat", "mkfs.exfat -c 4K", f"{FURTHER} prealloc"),
    _row("exfat-32k", "exfat", "mkfs.exfat -c 32K", f"{FURTHER} prealloc"),
    _row("ntfs3", "ntfs3", "mkfs.ntfs -q -F -Q -c 4096", f"{FURTHER} prealloc punch collapse"),
    _row("ntfs3-1k", "ntfs3", "mkfs.ntfs -q -F -Q -c 1024", f"{FURTHER} prealloc punch subpage"),
    _row("ntfs", "ntfs", "mkfs.ntfs -q -F -Q -c 4096", f"{FURTHER} prealloc punch collapse"),
    _row("ntfs-1k", "ntfs", "mkfs.ntfs -q -F -Q -c 1024", f"{FURTHER} prealloc punch subpage"),
    _row("ntfs-3g", "fuseblk", "mkfs.ntfs -q -F -Q -c 4096", f"{FURTHER} prealloc punch"),
    _row("jfs", "jfs", "mkfs.jfs -q", FURTHER),
    _row("minix", "minix", "mkfs.minix -3", f"{FURTHER} subpage", size=48),
    _row("hfsplus", "hfsplus", "mkfs.hfsplus", f"{FURTHER} prealloc"),
    _row("udf", "udf", "mkudffs --blocksize=4096", f"{FURTHER} prealloc"),
    _row("udf-512", "udf", "mkudffs --blocksize=512", f"{FURTHER} prealloc subpage"),
    _row("hfs", "hfs", "hformat -f", FURTHER, "file_umask=022"),
    _row("reiserfs", "reiserfs", "mkfs.reiserfs -q -f", FURTHER),
    _row("gfs2", "gfs2", "mkfs.gfs2 -q -O -p lock_nolock -J 8", FURTHER, size=128),
    _row("ocfs2", "ocfs2", "mkfs.ocfs2 -q -F -M local", f"{FURTHER} punch", "heartbeat=none", 256),
    _row("nilfs2", "nilfs2", "mkfs.nilfs2 -q -f", f"{FURTHER} prealloc", size=256),
)


def run(*command: str) -> str:
    """Run a tool; its own words are in the error when it fails."""
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise OSError(f"{shlex.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def image(path: Path, size: int, undo: ExitStack) -> Path:
    """A sparse file that is gone again afterwards."""
    with path.open("xb") as new:
        undo.callback(path.unlink)
        new.truncate(size)
    return path


def write_out(path: Path) -> None:
    """Give the image all its blocks, written ones, whatever is in it; mkfs itself makes holes."""
    with path.open("r+b", buffering=0) as file:
        while piece := file.read(MIB):
            file.seek(-len(piece), os.SEEK_CUR)
            file.write(piece)
        os.fsync(file.fileno())


def attach(path: Path, undo: ExitStack, *options: str) -> str:
    """A loop device over the image; others take loop devices too, so a lost race is repeated."""
    for attempt in range(20):
        try:
            device = run("losetup", "-f", "--show", *options, str(path)).strip()
        except OSError as error:
            if attempt == 19 or "busy" not in str(error).lower():
                raise
            time.sleep(0.05)
            continue
        undo.callback(run, "losetup", "-d", device)
        return device
    raise AssertionError("unreachable")


def mount(source: str, path: Path, fstype: str, options: str, undo: ExitStack) -> None:
    """Mount, and unmount at the end; busy for a moment after a process that used it has died.

    By the kernel's own driver (-i): mount.ntfs is a link to ntfs-3g.
    """
    path.mkdir(exist_ok=True)
    run("mount", "-i", "-t", fstype, "-o", options or "defaults", source, str(path))
    undo.callback(unmount, path)


def unmount(path: Path) -> None:
    """A server in user space may have gone, and its mount with it. Or what waited for it has not
    ended yet. Nothing else is asked of the mount, whose server may be away for good."""
    words = ("timeout", "60", "umount", str(path))
    point = os.path.join(os.path.realpath(path.parent), path.name)
    for _ in range(300):
        with contextlib.suppress(OSError):
            run(*words)
        if not any(mount.path == point for mount in mounts.read()):
            return
        time.sleep(0.1)
    run(*words)


def _served(path: Path) -> None:
    """fuse2fs goes into the background first and mounts, or fails to, afterwards."""
    for _ in range(600):
        if path.is_mount():
            return
        time.sleep(0.1)
    raise OSError(f"nothing is mounted on {path}")


def _forget(*devices: str) -> None:
    """btrfs remembers devices that it has seen; an older kernel (6.1) not those of one alone. A
    mount namespace that is taken down, or was made meanwhile, may have them a little longer, or
    much longer; then they stay."""
    for _ in range(300):
        try:
            run("btrfs", "device", "scan", "--forget", *devices)
        except OSError as error:
            if "No such file" in str(error):
                return
            if "cannot unregister device" not in str(error):
                raise
            time.sleep(0.1)
        else:
            return


def make(
    filesystem: Filesystem, scratch: Path, staged: Path, undo: ExitStack, *, written: bool = False
) -> Mounted:
    """Make and mount; `staged` is the directory that read-only images are made of. Images are
    sparse unless they are to be `written`: swapon(2) does not look below, but other rules do."""
    scratch.mkdir()
    undo.callback(shutil.rmtree, scratch)
    point = scratch / "mnt"
    if filesystem.has("device"):
        point.mkdir()
        return Mounted(filesystem, point, (), scratch)
    if not filesystem.mkfs:
        mount("none", point, filesystem.fstype, filesystem.options, undo)
        return Mounted(filesystem, point, (), scratch)
    if filesystem.has("image"):
        return _packed(filesystem, scratch, staged, undo)
    images = [image(scratch / f"image{n}", filesystem.size, undo) for n in range(filesystem.images)]
    if filesystem.fstype == "f2fs":
        return _f2fs(filesystem, scratch, images, undo, written)
    run(*filesystem.mkfs.split(), *map(str, images))
    if written:
        for one in images:
            write_out(one)
    if filesystem.fstype == "fuse":
        point.mkdir()
        run(SERVERS["fuse"], str(images[0]), str(point), "-o", "fakeroot,rw")
        undo.callback(unmount, point)
        _served(point)
        return Mounted(filesystem, point, (), scratch)
    devices = tuple(attach(one, undo) for one in images)
    if filesystem.fstype == "fuseblk":
        point.mkdir()
        run(SERVERS["fuseblk"], devices[0], str(point))
        undo.callback(unmount, point)
        _served(point)
        return Mounted(filesystem, point, devices, scratch)
    if filesystem.fstype == "overlay":
        return _overlay(filesystem, scratch, devices, undo)
    options = [filesystem.options, *(f"device={device}" for device in devices[1:])]
    if filesystem.fstype == "btrfs":
        undo.callback(_forget, *devices)
    mount(devices[0], point, filesystem.fstype, ",".join(filter(None, options)), undo)
    return Mounted(filesystem, point, devices, scratch)


def _f2fs(
    filesystem: Filesystem, scratch: Path, images: list[Path], undo: ExitStack, written: bool
) -> Mounted:
    """The names of further devices are written into the filesystem; the kernel opens them. mkfs
    and, unless told not to, the mounted filesystem discard, which makes holes in the images."""
    devices = tuple(attach(one, undo) for one in images)
    further = ["-c", ",".join(devices[1:])] if devices[1:] else []
    run(*filesystem.mkfs.split(), *further, devices[0])
    options = [filesystem.options]
    if written:
        options.append("nodiscard")
        for one in images:
            write_out(one)
    point = scratch / "mnt"
    mount(devices[0], point, filesystem.fstype, ",".join(filter(None, options)), undo)
    return Mounted(filesystem, point, devices, scratch)


def _packed(filesystem: Filesystem, scratch: Path, staged: Path, undo: ExitStack) -> Mounted:
    packed = scratch / "image"
    first, second = (staged, packed) if filesystem.mkfs == "mksquashfs" else (packed, staged)
    run(filesystem.mkfs, str(first), str(second))
    undo.callback(packed.unlink)
    device = attach(packed, undo)
    point = scratch / "mnt"
    mount(device, point, filesystem.fstype, "ro", undo)
    return Mounted(filesystem, point, (device,), scratch)


def _overlay(
    filesystem: Filesystem, scratch: Path, devices: tuple[str, ...], undo: ExitStack
) -> Mounted:
    below = scratch / "below"
    mount(devices[0], below, "ext4", "", undo)
    layers = [below / name for name in ("lower", "upper", "work")]
    for layer in layers:
        layer.mkdir()
    options = "lowerdir={},upperdir={},workdir={}".format(*layers)
    mount("overlay", scratch / "mnt", "overlay", options, undo)
    return Mounted(filesystem, scratch / "mnt", devices, scratch)


class Mounts:
    """Cases come grouped by filesystem: the one in use stays until another is asked for."""

    def __init__(self, scratch: Path, staged: Path) -> None:
        self._scratch = scratch
        self._staged = staged
        self._undo = ExitStack()
        self._now: Mounted | None = None

    def get(self, filesystem: Filesystem) -> Mounted:
        if self._now is None or self._now.filesystem is not filesystem:
            self.close()
            with ExitStack() as undo:
                where = self._scratch / filesystem.name
                self._now = make(filesystem, where, self._staged, undo)
                self._undo = undo.pop_all()
        assert self._now is not None
        return self._now

    def close(self) -> None:
        self._now = None
        self._undo.close()
