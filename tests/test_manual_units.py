"""The pages of the units against the units and the program."""

import re
from functools import cache

import pytest

from swapctl.errors import ExitCode
from swapctl.render.journal import MESSAGE_IDS, Entry, Judged, entries, inactive_entry
from swapctl.rules import judge
from tests.test_linters import COMMANDS, ROOT, run
from tests.test_manual import LONG, offered
from tests.unit.snapshots import RECORDED_HOLES
from tests.unit.test_render_status import ACTIVE, AREA, BUSY, LOST
from tests.unit.test_service import MONITOR, SERVICE, TIMER

pytestmark = pytest.mark.needs("tool mandoc")
PREPARE_PAGE, MONITOR_PAGE = "swapctl-prepare@.service.8", "swapctl-monitor.service.8"
PAGES = {PREPARE_PAGE: SERVICE, MONITOR_PAGE: MONITOR}
LEVELS = {"4": "warning", "5": "notice", "6": "info"}


@cache
def manual(page: str) -> str:
    """The page as people read it, without overstriking, in lines that do not break."""
    done = run("mandoc", "-T", "utf8", "-O", "width=500", f"man/{page}")
    assert done.returncode == 0, done.stderr
    return re.sub(".\b", "", done.stdout).replace("\N{MINUS SIGN}", "-")


def section(page: str, title: str) -> str:
    found = re.search(rf"^{title}\n(.*?)(?=^\S)", manual(page), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


@cache
def every_entry() -> tuple[Entry, ...]:
    """Entries of all kinds, with all fields that they can have."""
    whole = AREA._replace(uuid="1", label="1")
    assert [name for name, value in whole._asdict().items() if value is None] == ["note"]
    full = BUSY._replace(areas=(ACTIVE._replace(used=ACTIVE.size),))
    outcome = judge(RECORDED_HOLES).outcome
    judged = (Judged(LOST, None), Judged(whole, outcome))
    return (*entries(judged, full), inactive_entry("/swapfile"))


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_what_runs(page: str) -> None:
    (start,) = values(PAGES[page].read_text(), "ExecStart")
    command = start.partition(" -I -m ")[2].replace("%f", "PATH")
    assert command.startswith("swapctl ")
    assert f"{command}\n" in manual(page)
    assert f"man:{page[:-2]}(8)" in values(PAGES[page].read_text(), "Documentation")[0]


@pytest.mark.parametrize("page", PAGES)
def test_exit_codes(page: str) -> None:
    codes = {
        int(code) for code in re.findall(r"^ {5}(\d+) ", section(page, "EXIT STATUS"), re.MULTILINE)
    }
    known = {int(code) for code in ExitCode}
    # status without a path judges nothing, and its command line is a part of the unit.
    fewer = {ExitCode.FINDINGS, ExitCode.USAGE, ExitCode.INTERRUPTED}
    assert codes == (known if page == PREPARE_PAGE else known - fewer)


@pytest.mark.parametrize("page", PAGES)
def test_options_are_those_of_the_program(page: str) -> None:
    lines = re.findall(r"swapctl ([a-z]+)((?: [^\s,.;:|]+)*)", manual(page))
    used = [(command, o) for command, rest in lines for o in re.findall(LONG, rest)]
    assert used
    assert [(c, o) for c, o in used if c not in COMMANDS or o not in offered(c)] == []


def test_times_of_the_timer() -> None:
    unit = TIMER.read_text()
    boot, again = values(unit, "OnBootSec"), values(unit, "OnUnitInactiveSec")
    assert (boot, again) == (["5min"], ["10min"])
    assert "5 minutes after the boot and every 10 minutes" in manual(MONITOR_PAGE)


def test_limit_of_the_preparation() -> None:
    assert values(SERVICE.read_text(), "TimeoutStartSec") == ["1h"]
    assert "more than an hour fails" in manual(PREPARE_PAGE)


def test_each_kind_of_entry_with_its_level_and_fields() -> None:
    """All that there are, and no others."""
    text = section(MONITOR_PAGE, "DESCRIPTION")
    described = re.findall(
        r"^ {5}([0-9a-f]{32}), (.*)\n((?:(?! {5}[0-9a-f]{32}).*\n)*?)(?=\n)", text, re.M
    )
    assert len(described) == len(MESSAGE_IDS)
    for number, levels, fields in described:
        ours = [entry for entry in every_entry() if entry["MESSAGE_ID"] == number]
        assert ours
        assert {LEVELS[entry["PRIORITY"]] for entry in ours} <= set(levels.split(" or "))
        names = {name for entry in ours for name in entry if name.startswith("SWAPCTL_")}
        assert names == set(re.findall("SWAPCTL_[A-Z0-9_]+", fields))


def test_the_timer_has_the_page_of_the_service() -> None:
    assert (ROOT / "man/swapctl-monitor.timer.8").resolve() == ROOT / "man" / MONITOR_PAGE
