"""The numbers and layouts that the modules compute, against those of this system's C headers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from swapctl.linux import btrfs, fiemap, header, inode, libc

INCLUDES = """
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <sys/vfs.h>
#include <fcntl.h>
#include <linux/types.h>
#include <linux/stat.h>
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
"""

# Constants that not all headers define; compared where they are.
NEWER = {
    "BTRFS_INODE_COMPRESS",
    "BTRFS_INODE_NOCOMPRESS",
    "BTRFS_INODE_NODATACOW",
    "BTRFS_INODE_NODATASUM",
    "BTRFS_INODE_PREALLOC",
    "BTRFS_INODE_READONLY",
    "FS_XFLAG_VERITY",
    "STATX_ATTR_WRITE_ATOMIC",
    "STATX_DIOALIGN",
    "SWAP_FLAG_DISCARD_ONCE",
    "SWAP_FLAG_DISCARD_PAGES",
}

SIZES = {
    "struct fiemap": fiemap._HEADER.size,
    "struct fiemap_extent": fiemap._EXTENT.size,
    "struct fsxattr": inode._FSXATTR.size,
    "struct statx": libc._STATX_SIZE,
    "struct posix_acl_xattr_header": inode._ACL_HEADER.size,
    "struct posix_acl_xattr_entry": inode._ACL_ENTRY.size,
    "struct btrfs_ioctl_fs_info_args": btrfs._FS_INFO_SIZE,
    "struct btrfs_ioctl_vol_args": btrfs._VOL_ARGS.size,
    "struct btrfs_ioctl_search_args_v2": btrfs._SEARCH.size,
    "struct btrfs_ioctl_search_header": btrfs._SEARCH_HEADER.size,
    "struct btrfs_stripe": btrfs._STRIPE.size,
    "__u64": btrfs._SUBVOL_FLAGS.size,
}

# Field to offset, as the format strings of the modules have them.
OFFSETS = {
    "struct fiemap, fm_start": 0,
    "struct fiemap, fm_length": 8,
    "struct fiemap, fm_flags": 16,
    "struct fiemap, fm_mapped_extents": 20,
    "struct fiemap, fm_extent_count": 24,
    "struct fiemap_extent, fe_logical": 0,
    "struct fiemap_extent, fe_physical": 8,
    "struct fiemap_extent, fe_length": 16,
    "struct fiemap_extent, fe_flags": 40,
    "struct fsxattr, fsx_xflags": 0,
    "struct fsxattr, fsx_extsize": 4,
    "struct fsxattr, fsx_nextents": 8,
    "struct fsxattr, fsx_projid": 12,
    "struct fsxattr, fsx_cowextsize": 16,
    "struct statx, stx_mask": 0,
    "struct statx, stx_attributes": 8,
    "struct statx, stx_attributes_mask": 56,
    "struct statx, stx_mnt_id": 144,
    "struct statfs, f_type": 0,
    "struct btrfs_ioctl_fs_info_args, num_devices": 8,
    "struct btrfs_ioctl_fs_info_args, fsid": 16,
    "struct btrfs_ioctl_fs_info_args, nodesize": 32,
    "struct btrfs_ioctl_fs_info_args, sectorsize": 36,
    "struct btrfs_ioctl_vol_args, name": 8,
    "struct btrfs_ioctl_search_args_v2, buf_size": 104,
    "struct btrfs_ioctl_search_args_v2, buf": 112,
    "struct btrfs_ioctl_search_key, min_objectid": 8,
    "struct btrfs_ioctl_search_key, max_objectid": 16,
    "struct btrfs_ioctl_search_key, min_offset": 24,
    "struct btrfs_ioctl_search_key, max_offset": 32,
    "struct btrfs_ioctl_search_key, min_transid": 40,
    "struct btrfs_ioctl_search_key, max_transid": 48,
    "struct btrfs_ioctl_search_key, min_type": 56,
    "struct btrfs_ioctl_search_key, max_type": 60,
    "struct btrfs_ioctl_search_key, nr_items": 64,
    "struct btrfs_ioctl_search_header, objectid": 8,
    "struct btrfs_ioctl_search_header, offset": 16,
    "struct btrfs_ioctl_search_header, type": 24,
    "struct btrfs_ioctl_search_header, len": 28,
    "struct btrfs_chunk, length": 0,
    "struct btrfs_chunk, type": 24,
    "struct btrfs_chunk, num_stripes": 44,
    "struct btrfs_chunk, stripe": btrfs._CHUNK.size,
    "struct btrfs_stripe, devid": 0,
    "struct btrfs_stripe, offset": 8,
    "struct btrfs_inode_item, flags": 64,
}


def constants() -> dict[str, int]:
    """All constants of the modules that bear the name of a macro or enumerator."""
    prefixes = ("FS_", "FIEMAP_", "STATX_", "SWAP_FLAG_", "BTRFS_", "AT_", "ACL_", "POSIX_ACL_")
    return {
        name: value
        for module in (btrfs, fiemap, inode, libc)
        for name, value in vars(module).items()
        if name.startswith(prefixes) and isinstance(value, int)
    }


def probe_source() -> str:
    lines = []
    for name in constants():
        line = f'printf("{name}=%llu\\n", (unsigned long long) ({name}));'
        lines.append(f"#ifdef {name}\n{line}\n#endif" if name in NEWER else line)
    lines += [f'printf("{name}=%zu\\n", sizeof({name}));' for name in SIZES]
    lines += [f'printf("{name}=%zu\\n", offsetof({name}));' for name in OFFSETS]
    lines += ['printf("long=%zu\\n", sizeof(long));']
    return INCLUDES + "int main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What a C program compiled against the headers says."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    directory: Path = tmp_path_factory.mktemp("abi")
    (directory / "probe.c").write_text(probe_source())
    build = [compiler, "-D_GNU_SOURCE", "-o", "probe", "probe.c"]
    compiled = subprocess.run(build, cwd=directory, capture_output=True, text=True, check=False)
    if compiled.returncode != 0 and "No such file" in compiled.stderr:
        pytest.skip("kernel headers are not installed")
    assert compiled.returncode == 0, compiled.stderr
    output = subprocess.run([directory / "probe"], capture_output=True, text=True, check=True)
    rows = (line.rpartition("=") for line in output.stdout.splitlines())
    return {name: int(value) for name, _, value in rows}


def test_constants(measured: dict[str, int]) -> None:
    ours = constants()
    assert len(ours) > 60
    missing = set(ours) - set(measured)
    assert missing <= NEWER
    theirs = {name: measured[name] for name in ours if name in measured}
    assert {name: hex(value) for name, value in ours.items() if name in theirs} == {
        name: hex(value) for name, value in theirs.items()
    }


def test_structure_sizes(measured: dict[str, int]) -> None:
    assert {name: measured[name] for name in SIZES} == SIZES


def test_field_offsets(measured: dict[str, int]) -> None:
    assert {name: measured[name] for name in OFFSETS} == OFFSETS


def test_formats_have_their_fields_at_those_offsets() -> None:
    def where(packed: bytes) -> list[int]:
        return [packed.index(bytes([number])) for number in range(1, 1 + len(set(packed) - {0}))]

    little = {
        "extent": fiemap._EXTENT.pack(1, 2, 3, 4),
        "statx": libc._STATX.pack(1, 2, 3, 4, 5, 6),
        "fs_info": btrfs._FS_INFO.pack(1, b"\2", 3, 4),
        "chunk": btrfs._CHUNK.pack(1, 2, 3, 4),
        "search": btrfs._SEARCH.pack(*range(1, 12)),
    }
    if sys.byteorder != "little":
        pytest.skip("offsets of first bytes are those of little-endian machines")
    assert {name: where(packed) for name, packed in little.items()} == {
        "extent": [0, 8, 16, 40],
        "statx": [0, 8, 56, 144, 152, 156],
        "fs_info": [8, 16, 32, 36],
        "chunk": [0, 24, 44, 46],
        "search": [0, 8, 16, 24, 32, 40, 48, 56, 60, 64, 104],
    }


def test_swap_header_layout(tmp_path: Path) -> None:
    """union swap_header is not in the installed headers: spelled out as the kernel has it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "probe.c").write_text(
        """
        #include <stddef.h>
        #include <stdint.h>
        struct info { char bootbits[1024]; uint32_t version, last_page, nr_badpages;
            unsigned char uuid[16], volume[16]; uint32_t padding[117], badpages[1]; };
        #define AT(field, where) \\
            _Static_assert(offsetof(struct info, field) == where, #field)
        AT(version, 1024); AT(last_page, 1028); AT(nr_badpages, 1032);
        AT(uuid, 1036); AT(volume, 1052); AT(badpages, 1536);
        """
    )
    subprocess.run([compiler, "-c", "probe.c"], cwd=tmp_path, check=True)
    page = header.pack(4096, 0x01020305, b"U" * 16, "L" * 16)
    assert page[1024:1028] == (1).to_bytes(4, sys.byteorder)
    assert page[1036:1052] == b"U" * 16
    assert page[1052:1068] == b"L" * 16
    assert not any(page[1068:4086])
