"""What guests need of the machine, what tests in them share, and a summary of what ran."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import lacks
from tests.vm.guest import precompile
from tests.vm.jobs import ALL, Guests, Job, Run
from tests.vm.nfs_server import ADDRESS, EXPORTS, Client, run, serve

NEEDS = (
    "CAP_SYS_ADMIN",
    *(f"tool {name}" for name in ("qemu-system-x86_64", "busybox", "modprobe", "setpriv")),
    *(f"tool {name}" for name in ("apt-get", "dpkg-deb", "mkfs.ext4")),
)
GUESTS = pytest.StashKey[Guests]()
RUNS = pytest.StashKey[list[Run]]()


def _jobs(item: pytest.Item) -> Iterator[Job]:
    """What a test takes from the fixture `runs`."""
    if isinstance(item, pytest.Function) and "runs" in item.fixturenames:
        yield from (value for value in item.callspec.params.values() if isinstance(value, Job))


def pytest_collection_finish(session: pytest.Session) -> None:
    """The guests that are asked for begin with the first test, whichever that is."""
    wanted = {job for item in session.items for job in _jobs(item)}
    asked = [job for job in ALL if job in wanted]
    in_vain = session.testsfailed or session.config.option.collectonly
    if asked and not in_vain and not any(map(lacks, NEEDS)):
        precompile()
        root = session.config.rootpath / "build" / "vm"
        session.config.stash[GUESTS] = Guests(asked, root)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """However the tests end."""
    guests = session.config.stash.get(GUESTS, None)
    if guests:
        guests.end()


@pytest.fixture(scope="session")
def runs(pytestconfig: pytest.Config) -> dict[Job, Future[Run]]:
    """Those of the jobs that are asked for. Whoever takes them does nothing but wait."""
    guests = pytestconfig.stash[GUESTS]
    guests.have_all()
    return guests.runs


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


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    runs = terminalreporter.config.stash.get(RUNS, [])
    if runs:
        terminalreporter.section("swapctl and Debian's kernels")
        for run in runs:
            terminalreporter.write_line(run.summary)
