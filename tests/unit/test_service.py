"""The services that prepare a swapfile and log the state of swap, as systemd reads them."""

import subprocess
from pathlib import Path

import pytest

from swapctl.systemd.escape import unit_name

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
SERVICE = UNITS / "swapctl-prepare@.service"
MONITOR = UNITS / "swapctl-monitor.service"
TIMER = UNITS / "swapctl-monitor.timer"
PATHS = ("/swapfile", "/var/swap/my-swap file", "/a%i/${HOME} $HOME/x\\y'\"")
# Of 100; the one service may make files, the other nothing.
EXPOSURE = 30


def instance(directory: Path, path: str) -> Path:
    """The template as a unit of its own, which is what can be looked at without a manager."""
    made = directory / unit_name(path, "service", "swapctl-prepare")
    made.write_bytes(SERVICE.read_bytes())
    return made


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.needs("tool systemd-analyze")
@pytest.mark.parametrize("path", PATHS)
def test_systemd_reads_all_of_it(path: str, tmp_path: Path) -> None:
    unit = str(instance(tmp_path, path))
    done = analyze("verify", "--recursive-errors=no", "--man=no", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.needs("tool systemd-analyze")
def test_systemd_reads_the_timer_and_what_it_starts() -> None:
    done = analyze("verify", "--recursive-errors=no", "--man=no", str(TIMER), str(MONITOR))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.needs("tool systemctl")
def test_the_timer_is_off_until_it_is_enabled(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in (TIMER, MONITOR):
        (units / unit.name).write_bytes(unit.read_bytes())

    def systemctl(verb: str, unit: Path) -> str:
        words = ["systemctl", f"--root={tmp_path}", verb, unit.name]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()

    assert (systemctl("is-enabled", TIMER), systemctl("is-enabled", MONITOR)) == (
        "disabled",
        "static",
    )
    systemctl("enable", TIMER)
    assert systemctl("is-enabled", TIMER) == "enabled"
    assert (units / "timers.target.wants" / TIMER.name).is_symlink()


def test_nothing_hides_from_the_monitor_where_areas_lie() -> None:
    """Each of these would have an area judged stale, read-only or without its device."""
    names = [line.partition("=")[0] for line in MONITOR.read_text().splitlines()]
    hiding = {"PrivateTmp", "PrivateDevices", "ProtectHome", "DynamicUser", "PrivateNetwork"}
    assert hiding & set(names) == set()
    assert "ProtectSystem=full" in MONITOR.read_text().splitlines()


@pytest.mark.needs("tool systemd-analyze")
def test_systemd_would_say_what_is_wrong(tmp_path: Path) -> None:
    unit = instance(tmp_path, "/swapfile")
    unit.write_text(unit.read_text().replace("UMask=", "UMusk="))
    done = analyze("verify", "--recursive-errors=no", "--man=no", str(unit))
    assert done.returncode != 0
    assert "UMusk" in done.stderr


@pytest.mark.needs("tool systemd-analyze")
@pytest.mark.parametrize("service", ["prepare", "monitor"])
def test_exposure(service: str, tmp_path: Path) -> None:
    unit = str(MONITOR if service == "monitor" else instance(tmp_path, "/swapfile"))
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout
    assert analyze("security", "--offline=yes", "--threshold=5", unit).returncode != 0


def test_traps_of_the_boot() -> None:
    """Two make ordering cycles, one lets it run once only, one for ever; verify is silent."""
    lines = SERVICE.read_text(encoding="utf-8").splitlines()
    assert "DefaultDependencies=no" in lines
    assert not [line for line in lines if line.startswith(("PrivateTmp=", "RemainAfterExit="))]
    assert [line for line in lines if line.startswith("TimeoutStartSec=")]
    assert "CapabilityBoundingSet=" in lines
