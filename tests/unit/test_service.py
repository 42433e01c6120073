"""The service that prepares a swapfile, as systemd reads it."""

import subprocess
from pathlib import Path

import pytest

from swapctl.systemd.escape import unit_name

SERVICE = Path(__file__).parents[2] / "packaging" / "systemd" / "swapctl-prepare@.service"
PATHS = ("/swapfile", "/var/swap/my-swap file", "/a%i/${HOME} $HOME/x\\y'\"")
# Of 100; the service may make files, and nothing else.
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
def test_systemd_would_say_what_is_wrong(tmp_path: Path) -> None:
    unit = instance(tmp_path, "/swapfile")
    unit.write_text(unit.read_text().replace("UMask=", "UMusk="))
    done = analyze("verify", "--recursive-errors=no", "--man=no", str(unit))
    assert done.returncode != 0
    assert "UMusk" in done.stderr


@pytest.mark.needs("tool systemd-analyze")
def test_exposure(tmp_path: Path) -> None:
    unit = str(instance(tmp_path, "/swapfile"))
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
