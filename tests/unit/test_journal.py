"""Entries of the journal: how they are sent, what they say of given records, and the catalog."""

import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from swapctl.errors import ExitCode
from swapctl.linux import journal
from swapctl.render.journal import MESSAGE_IDS, Judged, entries, inactive_entry
from swapctl.rules import judge
from swapctl.samples import Sample
from tests.golden.trees import swapctl
from tests.test_linters import ROOT
from tests.unit.snapshots import RECORDED_HOLES
from tests.unit.test_render_status import ACTIVE, AREA, BUSY, EMPTY, LOST, MIB

CATALOG = ROOT / "packaging" / "systemd" / "swapctl.catalog"
WARNING, NOTICE, INFO = "4", "5", "6"


def logged(sample: Sample, *areas: Judged) -> list[Mapping[str, str]]:
    return list(entries(areas, sample))


def kinds(found: list[Mapping[str, str]]) -> list[str]:
    names = {number: name for name, number in MESSAGE_IDS.items()}
    return [names[entry["MESSAGE_ID"]] for entry in found]


def test_encoding() -> None:
    """The example of systemd's description of the protocol, in its two forms."""
    binary = b"MESSAGE\n" + struct.pack("<Q", 7) + b"foo\nbar\n"
    assert journal.encode({"PRIORITY": "3", "MESSAGE": "foo\nbar"}) == b"PRIORITY=3\n" + binary
    assert journal.encode({"SWAPCTL_PATH": "/caf\udce9 =x"}) == b"SWAPCTL_PATH=/caf\xe9 =x\n"


def test_each_entry_is_a_datagram(tmp_path: Path) -> None:
    place = tmp_path / journal.SOCKET
    place.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(str(place))
        journal.send([{"A": "1"}, {"B": "x\n", "C": ""}], str(tmp_path))
        assert reader.recv(100) == b"A=1\n"
        assert reader.recv(100) == b"B\n" + struct.pack("<Q", 2) + b"x\n\nC=\n"
    with pytest.raises(ConnectionRefusedError):
        journal.send([{"A": "1"}], str(tmp_path))


def test_a_machine_without_areas() -> None:
    found = logged(EMPTY)
    assert kinds(found) == ["machine"]
    assert found[0] == {
        "MESSAGE": "0 B of 0 B of swap used, areas: 0; "
        "memory pressure in the last 10 s: some unknown, full unknown",
        "MESSAGE_ID": MESSAGE_IDS["machine"],
        "PRIORITY": INFO,
        "SYSLOG_IDENTIFIER": "swapctl",
        "SWAPCTL_AREAS": "0",
        "SWAPCTL_SIZE_BYTES": "0",
        "SWAPCTL_USED_BYTES": "0",
    }


def test_a_machine_that_swaps() -> None:
    (found,) = logged(BUSY)
    assert found["MESSAGE"] == (
        "10.0 MiB of 100.0 MiB of swap used, areas: 1; "
        "memory pressure in the last 10 s: some 1.50%, full 0.25%"
    )
    assert {k: v for k, v in found.items() if k.startswith("SWAPCTL_")} == {
        "SWAPCTL_AREAS": "1",
        "SWAPCTL_SIZE_BYTES": str(100 * MIB),
        "SWAPCTL_USED_BYTES": str(10 * MIB),
        "SWAPCTL_IN_BYTES": "1",
        "SWAPCTL_OUT_BYTES": "1",
        "SWAPCTL_MAJOR_FAULTS": "1",
        "SWAPCTL_MEMORY_TOTAL_BYTES": str(8 * MIB),
        "SWAPCTL_MEMORY_AVAILABLE_BYTES": str(4 * MIB),
        "SWAPCTL_PRESSURE_SOME_AVG10": "1.5",
        "SWAPCTL_PRESSURE_SOME_TOTAL_US": "10",
        "SWAPCTL_PRESSURE_FULL_AVG10": "0.25",
        "SWAPCTL_PRESSURE_FULL_TOTAL_US": "5",
    }


def test_an_area() -> None:
    found = logged(EMPTY, Judged(AREA, None))[1]
    assert found["MESSAGE"] == "/swapfile: 1.0 MiB of 100.0 MiB used, priority -2, ready"
    assert found["PRIORITY"] == INFO
    assert {k: v for k, v in found.items() if k.startswith("SWAPCTL_")} == {
        "SWAPCTL_PATH": "/swapfile",
        "SWAPCTL_TYPE": "file",
        "SWAPCTL_SIZE_BYTES": str(100 * MIB),
        "SWAPCTL_USED_BYTES": str(MIB),
        "SWAPCTL_PRIORITY": "-2",
        "SWAPCTL_FSTYPE": "ext4",
        "SWAPCTL_DEVICE": "vda1",
        "SWAPCTL_EXTENTS": "1",
        "SWAPCTL_VERDICT": "ready",
        "SWAPCTL_MOUNT": "/",
    }


@pytest.mark.parametrize(("used", "full"), [(90, False), (91, True), (100, True)])
def test_nearly_full(used: int, full: bool) -> None:
    """Of all areas together: that of the highest priority is meant to be full first."""
    found = logged(EMPTY._replace(areas=(ACTIVE._replace(used=used * MIB),)))
    assert ("full" in kinds(found)) is full
    assert found[-1]["PRIORITY"] == (WARNING if full else INFO)
    beside = (ACTIVE._replace(used=100 * MIB), ACTIVE._replace(path="/other", used=0))
    assert kinds(logged(EMPTY._replace(areas=beside))) == ["machine"]


def test_a_stale_area() -> None:
    found = logged(EMPTY, Judged(LOST, None))
    assert kinds(found) == ["machine", "area", "stale"]
    assert found[2]["PRIORITY"] == WARNING
    assert found[2]["SWAPCTL_PATH"] == "/mnt/caf\udce9"
    assert found[2]["SWAPCTL_NOTE"] == "the path leads nowhere (ENOENT)"
    assert found[2]["MESSAGE"].isprintable()


def test_findings() -> None:
    """Notes are none; each has what was seen and what to type, with its lines."""
    report = judge(RECORDED_HOLES)
    found = logged(EMPTY, Judged(AREA, report.outcome))[2:]
    wanted = [f for f in report.outcome.findings if f.severity != "note"]
    assert len(wanted) < len(report.outcome.findings) or wanted
    assert [entry["SWAPCTL_RULE"] for entry in found] == [f.rule_id for f in wanted]
    for entry, finding in zip(found, wanted, strict=True):
        level = NOTICE if finding.severity == "warning" else WARNING
        assert (entry["PRIORITY"], entry["SWAPCTL_SEVERITY"]) == (level, finding.severity)
        fix = finding.violation.fix
        assert entry["SWAPCTL_FIX"].split("\n") == [fix.text, *fix.commands]
        assert len(entry["SWAPCTL_SEEN"].split("\n")) == len(finding.violation.evidence)
    assert any("\n" in entry["SWAPCTL_FIX"] for entry in found)


def test_inactive() -> None:
    found = inactive_entry("/var/swap/swapfile")
    assert (found["PRIORITY"], found["SWAPCTL_PATH"]) == (WARNING, "/var/swap/swapfile")


def test_ids_are_ids() -> None:
    assert len(set(MESSAGE_IDS.values())) == len(MESSAGE_IDS)
    assert all(
        re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", i) for i in MESSAGE_IDS.values()
    )


def test_catalog_explains_every_kind_with_fields_that_it_has() -> None:
    report = judge(RECORDED_HOLES)
    full = BUSY._replace(areas=(ACTIVE._replace(used=ACTIVE.size),))
    every = [
        *logged(full, Judged(LOST, None), Judged(AREA, report.outcome)),
        inactive_entry("/swapfile"),
    ]
    assert set(kinds(every)) == set(MESSAGE_IDS)
    texts = dict(
        re.findall(r"^-- ([0-9a-f]{32})\n(.*?)(?=^-- |\Z)", CATALOG.read_text(), re.M | re.S)
    )
    assert set(texts) == set(MESSAGE_IDS.values())
    for entry in every:
        assert set(re.findall("@([A-Z_0-9]+)@", texts[entry["MESSAGE_ID"]])) <= set(entry)


def test_without_a_journal() -> None:
    """Where one runs the state is logged, and that is all right."""
    done = swapctl("status", "--format", "journal")
    if Path("/", journal.SOCKET).exists():
        assert done.returncode in (ExitCode.OK, ExitCode.UNDECIDED)
    else:
        assert done.returncode == ExitCode.FAILED
        assert done.stderr.startswith("swapctl: /run/systemd/journal/socket: cannot log")
    assert done.stdout == ""
