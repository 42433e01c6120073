"""What `status` and `monitor` print of given records, and what sysfs says of zswap and zram."""

import json
from pathlib import Path
from typing import Any

import pytest

from swapctl.facts import Host, Snapshot, SwapArea, Unknown
from swapctl.gather import areas
from swapctl.render.monitor import (
    event_line,
    frame,
    holders_line,
    json_line,
    live_lines,
    plain_header,
    plain_line,
)
from swapctl.render.status import COLUMNS, DEFAULT_COLUMNS, status_json, status_text
from swapctl.render.text import report_text
from swapctl.rules import judge
from swapctl.samples import Delta, Event, Holder, Memory, Reading, Sample, Stall
from swapctl.status import AreaStatus, Seen, Status, Zram, Zswap, area_status
from tests.unit.snapshots_storage import EXT4, LOOP

MIB = 1 << 20
NOT_READ = Unknown("limit", "not looked up")
HOST = Host("6.12.0", "x86_64", "little", 4096, True, NOT_READ, NOT_READ)
AREA = AreaStatus(
    name="/swapfile",
    type="file",
    size=100 * MIB,
    used=MIB,
    priority=-2,
    fstype="ext4",
    device="vda1",
    extents=1,
    mount="/",
    uuid=None,
    label=None,
    verdict="ready",
    stale=False,
    note=None,
    storage=EXT4.storage,
)
LOST = AREA._replace(
    name="/mnt/caf\udce9",
    fstype=None,
    device=None,
    extents=None,
    verdict="stale",
    stale=True,
    note="the path leads nowhere (ENOENT)",
    storage=None,
)
STATUS = Status(HOST, (AREA,), None, (), ())
ACTIVE = SwapArea("/swapfile", "file", 100 * MIB, 10 * MIB, -2, False, None, None)
EMPTY = Sample(1e9 + 0.25, 5.0, (), None, None, None, None, None)
BUSY = EMPTY._replace(
    areas=(ACTIVE,),
    bytes_in=1,
    bytes_out=1,
    major_faults=1,
    memory=Memory(8 * MIB, 4 * MIB, 100 * MIB, 10 * MIB),
    stall=Stall(1.5, 10, 0.25, 5),
)
READING = Reading(BUSY, Delta(2048.0, 1024.0, 3.4, (5 * MIB,), 61.0), (Holder(12, "a b", 3 * MIB),))
NOTHING = Reading(EMPTY, Delta(None, None, None, (), None), ())


def text(status: Status, **options: bool) -> list[str]:
    return status_text(status, DEFAULT_COLUMNS, **{"plain": False, **options}).split("\n")


def document(status: Status) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status_json(status))
    return found


def test_table_and_totals() -> None:
    assert text(STATUS) == [
        "NAME       TYPE       SIZE     USED  PRIO  FSTYPE  DEVICE  EXTENTS  VERDICT",
        "/swapfile  file  100.0 MiB  1.0 MiB    -2  ext4    vda1          1  ready",
        "",
        "total: 1.0 MiB of 100.0 MiB used",
    ]


def test_plain_totals_are_bytes_too() -> None:
    assert text(STATUS, plain=True)[-1] == "total: 1048576 of 104857600 used"


def test_no_areas() -> None:
    assert text(STATUS._replace(areas=())) == ["no active swap areas"]
    assert text(STATUS._replace(areas=()), markdown=True) == ["no active swap areas"]


def test_stale_area_is_told_below_the_table() -> None:
    lines = text(STATUS._replace(areas=(LOST,)))
    assert lines[1].split()[-4:] == ["-", "-", "-", "stale"]
    assert lines[3] == r"$'/mnt/caf\xe9': the path leads nowhere (ENOENT)"


NO_DEVICE = AREA._replace(name="/mnt/nfs/swap", storage=None)
NOT_SEEN = AREA._replace(name="/mnt/far", storage=Unknown("block devices", "no sysfs"))


def test_the_storage_below_is_a_tree_under_each_name() -> None:
    several = STATUS._replace(areas=(AREA, LOST, NO_DEVICE, NOT_SEEN))
    assert text(several, tree=True)[: len(text(several))] == text(several)
    assert text(several, tree=True)[len(text(several)) :] == [
        "",
        "/swapfile:",
        *check_text(EXT4, "storage:"),
        "",
        r"$'/mnt/caf\xe9': stale",
        "",
        "/mnt/nfs/swap: no block device below",
        "",
        "/mnt/far:",
        "    not known: block devices: no sysfs",
    ]
    marked = text(several, tree=True, markdown=True)
    assert (marked.count("```text"), marked.count("```")) == (4, 4)


def check_text(s: Snapshot, title: str) -> list[str]:
    """The lines of a block of `check -v` below its title, as deep as they are in `status`."""
    lines = report_text(judge(s), verbose=True).split("\n")
    block = lines[next(n for n, line in enumerate(lines) if line.strip() == title) :]
    own = len(block[0]) - len(block[0].lstrip())
    deeper = [line[own:] for line in block[1:]]
    return deeper[: next(n for n, line in enumerate(deeper) if line[:1] != " ")]


def test_the_storage_below_is_in_json_when_asked_for() -> None:
    status = STATUS._replace(areas=(AREA, LOST, NOT_SEEN))
    assert all("storage" not in area for area in document(status)["areas"])
    first, stale, unseen = json.loads(status_json(status, tree=True))["areas"]
    (loop,) = first["storage"]
    assert (loop["kind"], loop["name"], loop["number"]) == ("loop", LOOP.name, LOOP.number)
    assert [layer["kind"] for layer in loop["below"]] == ["filesystem"]
    assert stale["storage"] is None
    assert unseen["storage"] == {"unknown": {"what": "block devices", "reason": "no sysfs"}}


def test_zswap_and_zram_lines() -> None:
    zswap = Zswap(True, "zstd", None, 20, 3 * MIB, MIB)
    zram = Zram("zram0", 8 * MIB, "lzo-rle", 2 * MIB, MIB, None)
    lines = text(STATUS._replace(zswap=zswap, zram=(zram,)))
    assert lines[-2:] == [
        "zswap: on, zstd, at most 20% of memory, 3.0 MiB stored in 1.0 MiB",
        "zram0: lzo-rle, 2.0 MiB compressed to 1.0 MiB, ? of memory used",
    ]


def test_zswap_that_is_off_shows_only_while_it_holds_pages() -> None:
    off = Zswap(False, "lzo", "zbud", 20, 0, 0)
    assert text(STATUS._replace(zswap=off))[-1].startswith("total")
    assert text(STATUS._replace(zswap=off._replace(stored=1)))[-1].startswith("zswap: off, lzo")


def test_json_has_all_columns_and_base_units() -> None:
    found = document(STATUS._replace(areas=(AREA, LOST), inactive=("/x",)))
    assert found["schema"] == 1
    assert found["host"] == {"kernel": "6.12.0", "machine": "x86_64", "page_size": 4096}
    assert found["totals"] == {"size_bytes": 200 * MIB, "used_bytes": 2 * MIB}
    assert {column.key for column in COLUMNS} <= set(found["areas"][0])
    assert found["areas"][0]["used_bytes"] == MIB
    assert found["areas"][0]["stale"] is False
    assert found["areas"][1]["stale"] is True
    assert bytes(found["areas"][1]["name_bytes"]) == b"/mnt/caf\xe9"
    assert found["areas"][1]["extents"] is None
    assert (found["zswap"], found["zram"], found["inactive"]) == (None, [], ["/x"])


def test_of_a_stale_area_only_the_kernels_words_count() -> None:
    found = area_status(Seen(ACTIVE, None, True, "gone"), "stale")
    assert (found.size, found.used, found.type) == (100 * MIB, 10 * MIB, "file")
    assert found[5:11] == (None,) * 6


def test_plain_lines_keep_their_columns() -> None:
    header, line = plain_header(), plain_line(READING)
    assert header.index("AREAS") == line.index("/swapfile")
    assert line.endswith("1m01s  /swapfile 10.0 MiB (+5.0 MiB)")
    assert plain_line(NOTHING).split()[1:] == ["-"] * 9 + ["none"]


def test_processes_and_events_are_lines_of_their_own() -> None:
    assert holders_line(READING.holders) == "processes: a b[12] 3.0 MiB"
    assert event_line(Event(0, True, ACTIVE)) == "event: area appeared /swapfile 100.0 MiB"
    assert event_line(Event(0, False, ACTIVE)) == "event: area gone /swapfile 100.0 MiB"


def test_json_lines() -> None:
    line = json_line(READING)
    assert "\n" not in line
    assert json.loads(line) == {
        "schema": 1,
        "time": "2001-09-09T01:46:40.250Z",
        "event": "sample",
        "areas": [
            {
                "name": "/swapfile",
                "type": "file",
                "size_bytes": 100 * MIB,
                "used_bytes": 10 * MIB,
                "priority": -2,
                "change_bytes": 5 * MIB,
            }
        ],
        "in_bytes_per_second": 2048.0,
        "out_bytes_per_second": 1024.0,
        "major_faults_per_second": 3.4,
        "memory": {"total": 8 * MIB, "available": 4 * MIB},
        "swap": {"total": 100 * MIB, "used": 10 * MIB},
        "pressure": {
            "some_avg10": 1.5,
            "some_total_us": 10,
            "full_avg10": 0.25,
            "full_total_us": 5,
        },
        "full_in_seconds": 61.0,
        "processes": [{"pid": 12, "name": "a b", "swap_bytes": 3 * MIB}],
    }


def test_json_lines_say_null_for_what_is_not_known() -> None:
    found = json.loads(json_line(NOTHING))
    assert found["areas"] == found["processes"] == []
    assert {found[k] for k in ("memory", "swap", "pressure", "full_in_seconds")} == {None}


def test_json_events() -> None:
    found = json.loads(json_line(Event(1e9, False, ACTIVE)))
    assert found["event"] == "area-removed"
    assert found["area"]["name"] == "/swapfile"


def test_live_screen() -> None:
    lines = list(live_lines(READING, [Event(1e9, True, ACTIVE)]))
    assert any("10.0 MiB used, 90.0 MiB free  full in 1m01s" in line for line in lines)
    assert any(line.split() == ["a", "b", "12", "3.0", "MiB"] for line in lines)
    assert lines[-1].endswith("event: area appeared /swapfile 100.0 MiB")
    assert "no active swap areas" in list(live_lines(NOTHING, []))


def test_a_frame_fits_the_screen() -> None:
    drawn = frame(["a" * 50, "交" * 50, "cut", "cut"], 11, 3)
    assert drawn == f"\033[H{'a' * 11}\033[K\n{'交' * 5}\033[K\033[J"


def put(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_zswap_of_a_kernel_without(tmp_path: Path) -> None:
    assert areas.zswap(4096, str(tmp_path)) is None


@pytest.mark.parametrize(
    ("meminfo", "stored", "pool"),
    [
        ("Zswap: 10 kB\nZswapped: 30 kB\n", 30 << 10, 10 << 10),
        ("MemTotal: 1 kB\n", 2 * 4096, 5000),
    ],
)
def test_zswap_contents(tmp_path: Path, meminfo: str, stored: int, pool: int) -> None:
    put(
        tmp_path,
        sys__module__zswap__parameters__enabled="Y\n",
        sys__module__zswap__parameters__compressor="zstd\n",
        sys__module__zswap__parameters__max_pool_percent="20\n",
        sys__kernel__debug__zswap__stored_pages="2\n",
        sys__kernel__debug__zswap__pool_total_size="5000\n",
        proc__meminfo=meminfo,
    )
    assert areas.zswap(4096, str(tmp_path)) == Zswap(True, "zstd", None, 20, stored, pool)


def test_zswap_contents_that_nobody_tells(tmp_path: Path) -> None:
    put(tmp_path, sys__module__zswap__parameters__enabled="N\n")
    assert areas.zswap(4096, str(tmp_path)) == Zswap(False, None, None, None, None, None)


def test_zram(tmp_path: Path) -> None:
    put(
        tmp_path,
        sys__block__zram0__disksize="4096000\n",
        sys__block__zram0__comp_algorithm="lzo [lzo-rle] lz4\n",
        sys__block__zram0__mm_stat="  100  50  70  0  70  0  0  0  0\n",
    )
    assert areas.zram("zram0", str(tmp_path)) == Zram("zram0", 4096000, "lzo-rle", 100, 50, 70)
    assert areas.zram("zram1", str(tmp_path)) == Zram("zram1", None, None, None, None, None)
