"""The kernel interfaces on real filesystems, each against a second witness."""

import errno
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from swapctl.linux import (
    block,
    btrfs,
    config,
    fiemap,
    header,
    inode,
    kmsg,
    libc,
    meminfo,
    mounts,
    process,
    swaps,
)
from tests.kernel.loopfs import unmount

pytestmark = [pytest.mark.kernel, pytest.mark.needs("CAP_SYS_ADMIN", "loop devices")]

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
UUID = bytes(range(1, 17))
MKFS = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-b", str(PAGE)),
    "xfs": ("mkfs.xfs", "-q"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needs_tools(*tools: str) -> pytest.MarkDecorator:
    return pytest.mark.needs(*(f"tool {tool}" for tool in tools))


@contextmanager
def image(directory: Path, fstype: str, size: int = 320 * MIB) -> Iterator[Path]:
    """A fresh filesystem on a loop image, mounted below `directory`."""
    path, mountpoint = directory / f"{fstype}.img", directory / fstype
    mountpoint.mkdir()
    with path.open("wb") as file:
        file.truncate(size)
    run(*MKFS[fstype], path)
    run("mount", "-o", "loop", path, mountpoint)
    try:
        yield mountpoint
    finally:
        unmount(mountpoint)
        path.unlink()


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture(params=[pytest.param(name, marks=needs_tools(MKFS[name][0])) for name in MKFS])
def filesystem(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with image(tmp_path, request.param) as mountpoint:
        yield request.param, mountpoint


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    with image(tmp_path, "ext4") as mountpoint:
        yield mountpoint


@pytest.fixture
def btrfs_root(tmp_path: Path) -> Iterator[Path]:
    with image(tmp_path, "btrfs") as mountpoint:
        yield mountpoint


def make_area(path: Path, pages: int = 10, label: str = "") -> Path:
    """A file that swapon(2) accepts."""
    path.touch(0o600)
    if path.parent.name == "btrfs":
        run("chattr", "+C", path)
    with path.open("r+b") as file:
        file.write(header.pack(PAGE, pages, UUID, label))
        file.write(bytes(PAGE * (pages - 1)))
        file.flush()
        os.fsync(file.fileno())
    return path


@contextmanager
def active(path: Path, flags: int = 0) -> Iterator[None]:
    libc.swapon(os.fsencode(path), flags)
    try:
        yield
    finally:
        libc.swapoff(os.fsencode(path))


def patchwork(path: Path) -> None:
    """Data, a hole, unwritten blocks, data that is not yet on disk."""
    path.touch()
    if path.parent.name == "btrfs":
        run("chattr", "+C", path)
    run("fallocate", "-l", str(2 * MIB), path)
    with path.open("r+b") as file:
        for at in range(0, MIB, 8 * PAGE):
            os.pwrite(file.fileno(), b"x" * PAGE, at)
    run("fallocate", "-p", "-o", str(MIB), "-l", str(64 * PAGE), path)


def filefrag(path: Path) -> list[tuple[int, int, int]]:
    rows = re.findall(
        r"^ *\d+: +(\d+)\.\. *\d+: +(\d+)\.\. *\d+: +(\d+):",
        run("filefrag", "-v", "-s", "-b1", path),
        re.MULTILINE,
    )
    return [(int(a), int(b), int(c)) for a, b, c in rows]


@needs_tools("filefrag")
@pytest.mark.parametrize("batch", [1, 3, 2048])
def test_extents_are_filefrag_s(filesystem: tuple[str, Path], batch: int) -> None:
    path = filesystem[1] / "patchwork"
    patchwork(path)
    with opened(path) as fd:
        found = list(fiemap.extents(fd, 2 * MIB, batch=batch))
        part = list(fiemap.extents(fd, 5 * PAGE, batch=batch))
    assert len(found) > 16
    assert any(extent.flags & fiemap.FIEMAP_EXTENT_UNWRITTEN for extent in found)
    assert [(e.logical, e.physical, e.length) for e in found] == filefrag(path)
    assert [extent.logical for extent in part] == [
        extent.logical for extent in found if extent.logical < 5 * PAGE
    ]


def test_a_filesystem_without_a_map_says_so() -> None:
    with opened(Path("/proc/self/status")) as fd, pytest.raises(OSError, match="FIEMAP") as caught:
        list(fiemap.extents(fd, PAGE))
    assert caught.value.errno in (errno.EOPNOTSUPP, errno.ENOTTY)


@needs_tools("chattr", "lsattr")
def test_flags_are_lsattr_s(ext4: Path) -> None:
    path = ext4 / "file"
    path.touch()
    letters = {"a": inode.FS_APPEND_FL, "i": inode.FS_IMMUTABLE_FL, "e": inode.FS_EXTENT_FL}
    try:
        run("chattr", "+ai", path)
        with opened(path) as fd:
            flags = inode.get_flags(fd)
            shown = run("lsattr", path).split()[0]
            statx = libc.statx(fd, 0)
            inode.set_flags(fd, flags & ~(inode.FS_IMMUTABLE_FL | inode.FS_APPEND_FL))
        assert {letter: bool(flags & bit) for letter, bit in letters.items()} == {
            letter: letter in shown for letter in letters
        }
        assert statx.attributes & statx.attributes_mask & 0x30 == 0x30
        assert "i" not in run("lsattr", path).split()[0]
    finally:
        run("chattr", "-ai", path)


@needs_tools("mkfs.xfs", "xfs_io")
def test_extended_flags_are_xfs_io_s(tmp_path: Path) -> None:
    with image(tmp_path, "xfs") as root:
        path = root / "file"
        path.touch()
        run("xfs_io", "-c", "extsize 1m", "-c", "chproj 7", path)
        run("fallocate", "-l", str(MIB), path)
        with opened(path) as fd:
            found = inode.get_xflags(fd)
        shown = run("xfs_io", "-r", "-c", "stat", path)
    for name, value in found._asdict().items():
        match = re.search(rf"^fsxattr\.{name} = (0x[0-9a-f]+|\d+)", shown, re.MULTILINE)
        if match:
            assert int(match[1], 0) == value, name
    assert found.xflags & inode.FS_XFLAG_EXTSIZE
    assert (found.extsize, found.projid, found.nextents) == (MIB, 7, 1)


def test_statx_and_statfs_are_stat_s(filesystem: tuple[str, Path]) -> None:
    fstype, root = filesystem
    magic = {"ext4": 0xEF53, "xfs": 0x58465342, "btrfs": 0x9123683E}
    with opened(root) as fd:
        state = libc.statfs(fd)
        found = libc.statx(fd, libc.STATX_MNT_ID | libc.STATX_DIOALIGN)
    mount = mounts.by_id(mounts.read(), found.mount_id)
    assert found.mask & libc.STATX_MNT_ID
    assert mount is not None
    assert (mount.path, mount.fstype) == (str(root), fstype)
    shown = [int(word) for word in run("stat", "-f", "-c", "%s %S %b %a", root).split()]
    assert state.magic == magic[fstype]
    assert (state.block_size, state.size) == (shown[0], shown[1] * shown[2])
    assert state.available == pytest.approx(shown[1] * shown[3], abs=16 * MIB)


@needs_tools("setfacl", "getfacl")
def test_acl_is_getfacl_s(ext4: Path) -> None:
    path = ext4 / "file"
    path.touch()
    with opened(path) as fd:
        assert inode.acl_entries(fd) == ()
        run("setfacl", "-m", "u:1000:rw,u:1001:rwx,g:50:r,m::rw", path)
        found = inode.acl_entries(fd)
    rows = re.findall(
        r"^(user|group):(\d+):(...)(?:\s+#effective:(...))?$",
        run("getfacl", "-n", "-p", path),
        re.MULTILINE,
    )
    assert found == tuple(f"{kind}:{who}:{less or all_}" for kind, who, all_, less in rows)
    assert found == ("user:1000:rw-", "user:1001:rw-", "group:50:r--")
    with opened(Path("/proc/self/status")) as fd:
        assert inode.acl_entries(fd) == ()


@needs_tools("blkid")
def test_packed_header_is_blkid_s(tmp_path: Path) -> None:
    path = make_area(tmp_path / "area", label="swap-label")
    shown = dict(
        line.split("=", 1) for line in run("blkid", "-p", "-o", "export", path).splitlines()
    )
    assert (shown["TYPE"], shown["UUID"]) == ("swap", str(uuid.UUID(bytes=UUID)))
    assert shown["LABEL"] == "swap-label"


@needs_tools("mkswap")
@pytest.mark.parametrize("page_size", [4096, 65536])
def test_mkswap_s_header_is_read(tmp_path: Path, page_size: int) -> None:
    path = tmp_path / "area"
    path.touch(0o600)
    os.truncate(path, 20 * page_size)
    ours = "01234567-89ab-cdef-0123-456789abcdef"
    run("mkswap", "-p", str(page_size), "-L", "label", "-U", ours, path)
    page = path.read_bytes()[:65536]
    found = header.parse(page, PAGE)
    assert found is not None
    assert (found.signature, found.signature_page_size) == ("SWAPSPACE2", page_size)
    assert (found.version, found.last_page, found.bad_page_count) == (1, 19, 0)
    assert (found.uuid, found.label) == (ours, "label")
    assert header.pack(page_size, 20, uuid.UUID(ours).bytes, "label")[1024:] == page[1024:page_size]


@needs_tools("swapon", "findmnt")
def test_active_area_is_swapon_s(filesystem: tuple[str, Path]) -> None:
    path = make_area(filesystem[1] / "a swap\\file")
    with kmsg.since_now() as log, active(path, libc.SWAP_FLAG_PREFER | 77):
        (area,) = [area for area in swaps.read() if area.path == str(path)]
        status = path.stat()
        assert (area.kind, area.size, area.used, area.priority) == ("file", 9 * PAGE, 0, 77)
        assert area.device == f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
        assert (area.inode, area.deleted) == (status.st_ino, False)
        columns = "--show=NAME,TYPE,SIZE,USED,PRIO"
        shown = run("swapon", columns, "--noheadings", "--raw", "--bytes").splitlines()
        name = str(path).replace("\\", "\\x5c").replace(" ", "\\x20")
        assert f"{name} file {9 * PAGE} 0 77" in shown
        with pytest.raises(OSError, match="swapon: ") as caught:
            libc.swapon(os.fsencode(path), 0)
        assert caught.value.errno == errno.EBUSY
        assert any(f"swap on {path}." in message for message in log())
    assert str(path) not in [area.path for area in swaps.read()]


def test_a_refusal_is_in_the_log(ext4: Path) -> None:
    path = ext4 / "empty"
    path.write_bytes(bytes(10 * PAGE))
    with kmsg.since_now() as log:
        with pytest.raises(OSError, match="swapon: ") as caught:
            libc.swapon(os.fsencode(path), 0)
        assert caught.value.errno == errno.EINVAL
        assert "Unable to find swap-space signature" in log()


def test_a_foreign_byte_order_is_accepted(ext4: Path) -> None:
    path = make_area(ext4 / "area")
    with path.open("r+b") as file:
        file.write(header.pack(PAGE, 10, UUID, byte_order="big"))
        os.fsync(file.fileno())
    with active(path):
        assert [area.size for area in swaps.read() if area.path == str(path)] == [9 * PAGE]


@needs_tools("findmnt")
def test_mount_table_is_findmnt_s(tmp_path: Path) -> None:
    odd = tmp_path / "a b\tc\\040"
    odd.mkdir()
    with image(odd, "ext4") as root:
        (mount,) = [mount for mount in mounts.read() if mount.path == str(root)]
        number = run("findmnt", "-n", "-r", "-o", "MAJ:MIN", "--target", root).strip()
        assert mount.device == number
        assert mount.source == run("findmnt", "-n", "-r", "-o", "SOURCE", "--target", root).strip()
        device = block.device(mount.device)
        assert device.mounted_at == (str(root),)
        assert device.backing_file == f"{odd}/ext4.img"
        assert (device.size, device.partition) == (320 * MIB, False)
        shown = run("lsblk", "-dnbro", "SIZE,RO,ROTA,LOG-SEC,RM,DISC-MAX", mount.source).split()
        assert [int(word) for word in shown] == [
            *(device.size, device.read_only, device.rotational, device.logical_block_size),
            *(device.removable, device.discard_max_bytes),
        ]


def test_btrfs_device_is_found_by_its_source(btrfs_root: Path) -> None:
    (mount,) = [mount for mount in mounts.read() if mount.path == str(btrfs_root)]
    number = os.stat(mount.source).st_rdev
    assert mount.device != f"{os.major(number)}:{os.minor(number)}"
    device = block.device(f"{os.major(number)}:{os.minor(number)}")
    assert device.mounted_at == (str(btrfs_root),)


def settled_chunks(fd: int, root: Path, source: str) -> tuple[list[btrfs.Chunk], str]:
    """The chunks and their dump at a moment when btrfs is not removing an empty one."""
    for _ in range(100):
        run("btrfs", "filesystem", "sync", root)
        chunks = btrfs.chunks(fd)
        dump = run("btrfs", "inspect-internal", "dump-tree", "-t", "chunk", source)
        if chunks == btrfs.chunks(fd) and dump.count("CHUNK_ITEM") == len(chunks):
            return chunks, dump
        time.sleep(0.1)
    pytest.fail("the chunk tree does not settle")


@needs_tools("btrfs", "chattr")
def test_chunks_are_those_of_dump_tree_and_map_swapfile(btrfs_root: Path) -> None:
    path = btrfs_root / "area"
    path.touch()
    run("chattr", "+C", path)
    run("fallocate", "-l", str(48 * MIB), path)
    source = run("findmnt", "-n", "-o", "SOURCE", btrfs_root).strip()
    with opened(path) as fd:
        info = btrfs.fs_info(fd)
        chunks, dump = settled_chunks(fd, btrfs_root, source)
        first = next(fiemap.extents(fd, 48 * MIB))
        flags = btrfs.inode_flags(fd, os.fstat(fd).st_ino)
        with pytest.raises(OSError, match="inode") as caught:
            btrfs.inode_flags(fd, 9999)
    assert caught.value.errno == errno.ENOENT
    rows = re.findall(
        r"CHUNK_ITEM (\d+)\).*?length (\d+) owner .*? type (\S+).*?num_stripes (\d+)", dump, re.S
    )
    assert [(str(c.logical), str(c.length), str(len(c.stripes))) for c in chunks] == [
        (logical, length, stripes) for logical, length, _, stripes in rows
    ]
    assert [btrfs.profile_name(chunk.type_flags) for chunk in chunks] == [
        kind.rpartition("|")[2].lower() for _, _, kind, _ in rows
    ]
    stripes = [(int(i), int(at)) for i, at in re.findall(r"devid (\d+) offset (\d+)\n", dump)]
    assert [stripe for chunk in chunks for stripe in chunk.stripes] == stripes[-len(stripes) :]
    found = btrfs.locate(chunks, first.physical)
    assert found is not None
    ((device, start),) = found[0].stripes
    offset = run("btrfs", "inspect-internal", "map-swapfile", "-r", path)
    assert (device, (start + found[1]) // PAGE) == (1, int(offset))
    dump = run("btrfs", "inspect-internal", "dump-tree", "-t", "5", source)
    assert f"flags 0x{flags:x}(NODATASUM|NODATACOW|PREALLOC)" in dump
    assert flags == (
        btrfs.BTRFS_INODE_NODATASUM | btrfs.BTRFS_INODE_NODATACOW | btrfs.BTRFS_INODE_PREALLOC
    )
    shown = run("btrfs", "filesystem", "show", btrfs_root)
    assert f"uuid: {info.fsid}" in shown
    assert (info.num_devices, btrfs.exclusive_operation(info.fsid)) == (1, "none")
    shown = run("btrfs", "inspect-internal", "dump-super", source)
    assert re.search(rf"^sectorsize\s+{info.sectorsize}$", shown, re.MULTILINE)
    assert re.search(rf"^nodesize\s+{info.nodesize}$", shown, re.MULTILINE)


@needs_tools("btrfs")
def test_search_pages_through_a_tree(btrfs_root: Path) -> None:
    for number in range(3000):
        (btrfs_root / f"{number}").touch()
    with opened(btrfs_root) as fd:
        names = [
            item.objectid
            for item in btrfs.search(fd, 0, (256, 0, 0), (2**64 - 257, 255, 2**64 - 1))
            if item.type == btrfs.BTRFS_INODE_ITEM_KEY
        ]
    assert names == sorted(path.stat().st_ino for path in (btrfs_root, *btrfs_root.iterdir()))


@needs_tools("btrfs")
def test_subvolumes(btrfs_root: Path) -> None:
    with opened(btrfs_root) as fd:
        btrfs.create_subvolume(fd, b"sub")
        with pytest.raises(OSError, match="SUBVOL_CREATE") as caught:
            btrfs.create_subvolume(fd, b"sub")
    assert caught.value.errno == errno.EEXIST
    assert "path sub" in run("btrfs", "subvolume", "list", btrfs_root)
    with opened(btrfs_root / "sub") as fd:
        assert btrfs.subvolume_flags(fd) == 0
        run("btrfs", "property", "set", btrfs_root / "sub", "ro", "true")
        assert btrfs.subvolume_flags(fd) == btrfs.BTRFS_SUBVOL_RDONLY


def test_other_filesystems_are_not_btrfs(ext4: Path) -> None:
    with opened(ext4) as fd:
        for ask in (btrfs.fs_info, btrfs.subvolume_flags, btrfs.chunks):
            with pytest.raises(OSError, match="BTRFS_IOC") as caught:
                ask(fd)
            assert caught.value.errno == errno.ENOTTY


def test_the_caller_may_administer() -> None:
    assert process.caller() == (os.geteuid(), True, True)


def test_the_age_of_the_process_is_that_of_ps() -> None:
    before = process.age()
    seconds = int(run("ps", "-o", "etimes=", "-p", str(os.getpid())))
    assert before - 1 < seconds < process.age() + 1


def test_counters_are_there() -> None:
    memory = meminfo.read()
    assert memory["MemTotal"] > memory["MemFree"] > 0
    text = Path("/proc/vmstat").read_text()
    assert set(meminfo.vmstat_counters(text, ("pswpin", "pswpout"))) == {"pswpin", "pswpout"}


def test_max_swap_areas_is_where_the_kernel_stops(ext4: Path) -> None:
    """Fills the table for a moment; other areas may be active and stay so."""
    release = os.uname().release
    try:
        limit = config.max_swap_areas(config.read(release), release)
    except FileNotFoundError:
        pytest.skip("the kernel's configuration is not installed")
    paths = [make_area(ext4 / f"area{number}") for number in range(limit + 1)]
    with ExitStack() as stack:
        refused = None
        for path in paths:
            try:
                stack.enter_context(active(path))
            except OSError as error:
                refused = error.errno
                break
        count = len(swaps.read())
    assert (count, refused) == (limit, errno.EPERM)
