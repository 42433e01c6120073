"""What guests need of the machine, what tests in them share, and a summary of what ran."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.vm.nfs_server import ADDRESS, EXPORTS, Client, run, serve

NEEDS = (
    "CAP_SYS_ADMIN",
    *(f"tool {name}" for name in ("qemu-system-x86_64", "busybox", "modprobe", "setpriv")),
    *(f"tool {name}" for name in ("apt-get", "dpkg-deb", "mkfs.ext4")),
)
RUNS = pytest.StashKey[list["Run"]]()


class Run(NamedTuple):
    """What a guest did: the status of its pytest, and what it recorded."""

    suite: str
    work: str
    status: int
    seconds: float
    output: Path
    record: dict[str, Any]

    @property
    def disagreements(self) -> list[dict[str, Any]]:
        return [row for row in self.record["rows"] if not row["agrees"]]

    @property
    def summary(self) -> str:
        rows, left_out = self.record["rows"], self.record["left_out"]
        kinds = len({row["filesystem"] for row in rows})
        lines = [f"{self.suite} {self.work}: status {self.status}, {self.seconds:.0f} s"]
        if rows:
            lines.append(
                f"    {self.record['kernel']}: {len(rows)} cases on {kinds} filesystems, "
                f"{len(self.disagreements)} disagreements"
            )
        lines += [
            f"    left out: {len(left_out[reason]):4} {reason}" for reason in sorted(left_out)
        ]
        return "\n".join(lines)

    def failures(self) -> str:
        """The end of what pytest printed: the failures, and their list."""
        text = self.output.read_text(errors="replace")
        _, _, failed = text.partition("= FAILURES =")
        return "\n".join((failed or text).splitlines()[-400:])


def read_record(folder: Path) -> dict[str, Any]:
    """What the run in the guest left; it may have ended before there was anything."""
    path = folder / "oracle.json"
    nothing: dict[str, Any] = {"kernel": "", "rows": [], "left_out": {}}
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else nothing
    return record


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported directories, in a guest; server and address stay until it ends."""
    root = tmp_path_factory.mktemp("exports")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lo")
    serve(root, EXPORTS)
    return root


@pytest.fixture
def client(exports: Path, tmp_path: Path) -> Iterator[Client]:
    with ExitStack() as undo:
        yield Client(exports, tmp_path, undo)


@pytest.fixture(scope="session")
def runs_seen(pytestconfig: pytest.Config) -> list[Run]:
    return pytestconfig.stash.setdefault(RUNS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    runs = terminalreporter.config.stash.get(RUNS, [])
    if runs:
        terminalreporter.section("swapctl and Debian's kernels")
        for run in runs:
            terminalreporter.write_line(run.summary)
