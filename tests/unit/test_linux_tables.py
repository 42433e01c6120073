"""The text tables of /proc: mountinfo, swaps, meminfo, vmstat, pressure, status."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.linux import meminfo, mounts, process, swaps

MOUNTINFO = r"""22 27 0:21 / /proc rw,nosuid,relatime shared:5 - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 98:0 /sub\040vol /mnt/a\040b\134040c rw,noatime master:1 propagate_from:2 - ext4 /dev/r\043 rw
40 27 0:45 / /b rw - btrfs /dev/loop0 rw,subvolid=5,subvol=/
41 27 0:46 / /o rw - overlay  rw,lowerdir=/x\054y:/z,upperdir=/u\011v
42 27 8:1 / /plain rw - vfat /dev/sda1
nonsense
43 27 8:1
x 27 8:1 / /m rw - vfat /dev/sda1 rw
"""


def test_mountinfo_fields() -> None:
    table = mounts.parse_mountinfo(MOUNTINFO)
    assert [mount.mount_id for mount in table] == [22, 27, 36, 40, 41, 42]
    odd = table[2]
    assert (odd.parent_id, odd.device) == (27, "98:0")
    assert odd.root == "/sub vol"
    assert odd.path == r"/mnt/a b\040c"
    assert odd.options == ("rw", "noatime")
    assert (odd.fstype, odd.source, odd.super_options) == ("ext4", "/dev/r#", ("rw",))


def test_an_empty_source_does_not_shift_the_options() -> None:
    overlay = mounts.parse_mountinfo(MOUNTINFO)[4]
    assert overlay.source == ""
    assert overlay.super_options == ("rw", "lowerdir=/x,y:/z", "upperdir=/u\tv")


def test_missing_super_options_are_empty() -> None:
    assert mounts.parse_mountinfo(MOUNTINFO)[5].super_options == ()


def test_mounts_are_found_by_id_and_device() -> None:
    table = mounts.parse_mountinfo(MOUNTINFO)
    found = mounts.by_id(table, 40)
    assert found is not None
    assert found.path == "/b"
    assert mounts.by_id(table, 99) is None


def test_a_path_may_contain_what_python_takes_for_a_line_end() -> None:
    text = "36 27 8:1 / /a\x0b\x1c\u2028b rw - ext4 /dev/sda1 rw\n"
    assert [mount.path for mount in mounts.parse_mountinfo(text)] == ["/a\x0b\x1c\u2028b"]


def test_mountinfo_is_read_below_a_root(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_bytes(b"36 27 8:1 / /\xff rw - ext4 /dev/sda1 rw\n")
    (mount,) = mounts.read(str(tmp_path))
    assert os.fsencode(mount.path) == b"/\xff"


@given(st.text())
def test_any_mountinfo_is_survived(text: str) -> None:
    mounts.parse_mountinfo(text)


@given(st.lists(st.sampled_from(["1", "8:1", "/", "-", "a\\040", "\\", "", ","]), max_size=14))
def test_any_mountinfo_line_is_survived(fields: list[str]) -> None:
    mounts.parse_mountinfo(" ".join(fields))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_unescape_undoes_the_kernel_s_escapes(path: str) -> None:
    escaped = "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in path)
    assert mounts.unescape(escaped) == path


@pytest.mark.parametrize("text", ["\\", "\\04", "\\089", "\\400", "\\x41", "a\\"])
def test_unescape_leaves_other_backslashes(text: str) -> None:
    assert mounts.unescape(text) == text


SWAPS = (
    "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    "/dev/sda2                               partition\t8388604\t\t0\t\t-2\n"
    "/swap\\040file                           file\t\t1048572\t\t12\t\t32767\n"
    "/a/very/long/path/that/does/not/fit/the/column file\t\t4294967292\t8\t\t-3\n"
    "/gone\\040(deleted)                      file\t\t36\t\t0\t\t-4\n"
    "/torn file\t36\n"
)


def test_swaps_fields() -> None:
    areas = swaps.parse_swaps(SWAPS)
    assert [area.path for area in areas] == [
        "/dev/sda2",
        "/swap file",
        "/a/very/long/path/that/does/not/fit/the/column",
        "/gone",
    ]
    assert [area.kind for area in areas] == ["partition", "file", "file", "file"]
    assert areas[0].size == 8388604 * 1024
    assert (areas[1].used, areas[1].priority) == (12 * 1024, 32767)
    assert areas[2].size == 4294967292 * 1024
    assert [area.deleted for area in areas] == [False, False, False, True]
    assert all(area.device is None and area.inode is None for area in areas)


def _swaps_root(root: Path, names: list[str]) -> None:
    (root / "proc").mkdir()
    escaped = [name.replace(" ", "\\040") for name in names]
    rows = "".join(f"/{name}  file\t\t36\t\t0\t\t-2\n" for name in escaped)
    (root / "proc/swaps").write_text(SWAPS.split("\n")[0] + "\n" + rows)


def test_read_resolves_device_and_inode(tmp_path: Path) -> None:
    _swaps_root(tmp_path, ["here", "missing"])
    (tmp_path / "here").touch()
    here, missing = swaps.read(str(tmp_path))
    status = (tmp_path / "here").stat()
    assert here.inode == status.st_ino
    assert here.device == f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    assert (missing.device, missing.inode) == (None, None)


def test_a_deleted_area_is_not_resolved_to_its_successor(tmp_path: Path) -> None:
    _swaps_root(tmp_path, ["area (deleted)"])
    (tmp_path / "area").touch()
    (area,) = swaps.read(str(tmp_path))
    assert (area.path, area.deleted, area.inode) == ("/area", True, None)


def test_a_name_that_ends_in_deleted_is_a_name(tmp_path: Path) -> None:
    _swaps_root(tmp_path, ["area (deleted)"])
    (tmp_path / "area (deleted)").touch()
    (area,) = swaps.read(str(tmp_path))
    assert (area.path, area.deleted) == ("/area (deleted)", False)
    assert area.inode is not None


def test_swaps_without_kernel_support_is_enoent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        swaps.read(str(tmp_path))


@given(st.text())
def test_any_swaps_text_is_survived(text: str) -> None:
    swaps.parse_swaps(text)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.integers(-32768, 32767),
)
def test_swaps_row_round_trips(path: str, size: int, used: int, priority: int) -> None:
    escaped = "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in "/" + path)
    (area,) = swaps.parse_swaps(f"{escaped:<40} file\t\t{size}\t\t{used}\t\t{priority}\n")
    assert area.path + (" (deleted)" if area.deleted else "") == "/" + path
    assert (area.size, area.used, area.priority) == (size * 1024, used * 1024, priority)


MEMINFO = """MemTotal:       24684088 kB
SwapTotal:             0 kB
Active(anon):     123456 kB
HugePages_Total:       3
Broken:
"""


def test_meminfo_is_bytes_except_counts() -> None:
    assert meminfo.parse_meminfo(MEMINFO) == {
        "MemTotal": 24684088 * 1024,
        "SwapTotal": 0,
        "Active(anon)": 123456 * 1024,
        "HugePages_Total": 3,
    }


def test_vmstat_counters_match_whole_names() -> None:
    text = "pswpin 12\npswpout 34\nzswpin 5\nthp_swpout 6"
    names = ("pswpin", "pswpout", "swpout", "thp_swpout", "absent")
    assert meminfo.vmstat_counters(text, names) == {"pswpin": 12, "pswpout": 34, "thp_swpout": 6}


def test_pressure() -> None:
    text = (
        "some avg10=1.25 avg60=0.00 avg300=0.00 total=123456\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n"
    )
    assert meminfo.parse_pressure(text) == (1.25, 123456, 0.0, 99)
    assert meminfo.parse_pressure("some avg10=x total=\n") == (None, None, None, None)


@given(st.text())
def test_any_counter_text_is_survived(text: str) -> None:
    meminfo.parse_meminfo(text)
    meminfo.parse_pressure(text)
    meminfo.vmstat_counters(text, ("pswpin", ""))


STATUS = "Name:\tcat\nCapPrm:\t0000000000000000\nCapEff:\t000001fffeffffff\nCapBnd:\t0\n"


def _process_root(root: Path, status: str, uid_map: str | None) -> str:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/status").write_text(status)
    if uid_map is not None:
        (root / "proc/self/uid_map").write_text(uid_map)
    return str(root)


@pytest.mark.parametrize(
    ("uid_map", "initial"),
    [
        ("         0          0 4294967295\n", True),
        ("         0       1000          1\n", False),
        ("         0          0 4294967294\n", False),
        ("0 0 4294967295\n1 1 1\n", False),
        ("", False),
        (None, True),
    ],
)
def test_caller_reads_namespace(tmp_path: Path, uid_map: str | None, initial: bool) -> None:
    caller = process.caller(_process_root(tmp_path, STATUS, uid_map))
    assert caller == (os.geteuid(), True, initial)


def test_caller_without_capability(tmp_path: Path) -> None:
    root = _process_root(tmp_path, "CapEff:\t00000000001fffff\n", None)
    assert not process.caller(root).sys_admin


def test_status_without_capabilities_is_an_error() -> None:
    with pytest.raises(OSError, match="CapEff"):
        process.capabilities("Name:\tcat\n")
