"""A server that does not answer: every command ends within 10 seconds and says so.

To be run as root in a machine of its own, as tests/vm/guest_nfs.py: server and client are the same
one, and the server is stopped or made unreachable while its filesystem is mounted. Nothing is
swapped out to it.
"""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from swapctl.gather.patience import LEAST_SECONDS
from swapctl.linux import libc
from tests.vm.guest_nfs import written
from tests.vm.nfs_server import ADDRESS, NFSD, Client, run

PROMISE = 10.0  # seconds, from the start of the program to its end
SWAPCTL = str(Path(sys.executable).with_name("swapctl"))


class Ended(NamedTuple):
    """How a command ended, and how many seconds it waited: an emulated processor, of which there is
    one, takes as long as it takes for the rest."""

    code: int
    waited: float
    text: str


def swapctl(*words: str, directory: Path | None = None) -> Ended:
    """Run it until its output is closed, as a shell or a pipe would see it."""
    started, before = time.monotonic(), os.times()
    done = subprocess.run(
        [SWAPCTL, *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    seconds, after = time.monotonic() - started, os.times()
    busy = after.children_user - before.children_user
    busy += after.children_system - before.children_system
    return Ended(done.returncode, seconds - busy, done.stdout + done.stderr)


def start() -> None:
    """The server serves, without the time of grace in which it only takes old clients back."""
    run("rpc.nfsd", "4")
    with suppress(OSError):
        (NFSD / "v4_end_grace").write_text("Y")


def stop() -> None:
    run("rpc.nfsd", "0")


@pytest.fixture(scope="module", autouse=True)
def no_delegations() -> Iterator[None]:
    """A client with one answers from what it knows, and does not wait for the server."""
    leases = Path("/proc/sys/fs/leases-enable")
    before = leases.read_text()
    leases.write_text("0")
    yield
    leases.write_text(before)


def unreachable() -> None:
    run("ip", "address", "del", f"{ADDRESS}/24", "dev", "lo")


def reachable() -> None:
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lo")


WAYS: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
    "stopped": (stop, start),
    "unreachable": (unreachable, reachable),
}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What has to be read from a slow disk for the first time is not part of the promise."""
    assert os.cpu_count() == 1  # or what was waited could not be told from the time of processors
    for command in ("check", "facts", "on", "off", "status"):
        swapctl(command, "/etc/hostname")
    swapctl("prepare", "/etc/hostname", "--size", "1M", "--dry-run")
    swapctl("check", "--json", "/etc/hostname")
    swapctl("status", "--json")


@pytest.fixture
def dead() -> Iterator[Callable[[str], None]]:
    """Ends the server in some way; it is back when the test ends, so that all can be unmounted."""
    with ExitStack() as undo:

        def end(way: str) -> None:
            down, up = WAYS[way]
            down()
            undo.callback(up)

        yield end


def silent(ended: Ended, code: int = 3) -> None:
    assert ended.code == code, ended
    assert ended.waited < PROMISE, ended
    assert "no answer" in ended.text
    assert ADDRESS in ended.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["3", "4.2"])
def test_every_command_ends(
    client: Client, dead: Callable[[str], None], way: str, version: str, tmp_path: Path
) -> None:
    point = client.mount(version, "open")
    path = written(point / f"dead-{version}-{way}")
    link = tmp_path / "link"
    link.symlink_to(path)
    dead(way)
    silent(swapctl("check", str(path)))
    silent(swapctl("check", "--json", str(link)))
    silent(swapctl("facts", str(path)))
    silent(swapctl("on", str(path)))
    silent(swapctl("off", str(path)))
    silent(swapctl("status", str(link)))
    silent(swapctl("prepare", str(point / "new"), "--size", "4M"))
    # The mount point itself, a file that is not there, and several at once.
    silent(swapctl("check", str(point), str(point / "none"), str(path), str(link)))


@pytest.mark.parametrize("way", WAYS)
def test_the_server_is_back(client: Client, dead: Callable[[str], None], way: str) -> None:
    path = written(client.mount("4.2", "open") / f"back-{way}")
    with ExitStack() as undo:
        down, up = WAYS[way]
        down()
        undo.callback(up)
        silent(swapctl("check", str(path)))
    deadline = time.monotonic() + 90
    while "no answer" in (ended := swapctl("check", str(path))).text:
        assert time.monotonic() < deadline, ended
    assert ended.code == 1
    assert "network-server-here" in ended.text


def give_back(path: Path) -> None:
    """swapoff(2), which opens the file: EIO for as long as the client does not get to make itself
    known to the server again, which it tries a few times in a row only."""
    deadline = time.monotonic() + 90
    while True:
        try:
            return libc.swapoff(os.fsencode(path))
        except OSError as error:
            if error.errno != errno.EIO or time.monotonic() > deadline:
                raise
        time.sleep(1)


def test_an_area_on_a_dead_server(
    client: Client, dead: Callable[[str], None], tmp_path: Path
) -> None:
    """It is shown as undecided, and nothing else waits for it."""
    path = written(client.mount("4.2", "open") / "area")
    other = tmp_path / "local"
    ended = swapctl("prepare", str(other), "--size", "4M")
    before = swapctl("check", str(other))
    libc.swapon(os.fsencode(path), 0)
    try:
        assert '"stale": false' in swapctl("status", "--json").text
        dead("stopped")
        ended = swapctl("status", "--json", str(path))
        assert (ended.code, ended.waited < PROMISE) == (0, True), ended
        (area,) = json.loads(ended.text)["areas"]
        assert (area["name"], area["verdict"], area["stale"]) == (str(path), "undecided", None)
        ended = swapctl("status")
        assert ended.waited < PROMISE, ended
        assert "undecided" in ended.text
        local = swapctl("check", str(other))
        assert (local.code, local.text) == (before.code, before.text)
        assert local.waited < LEAST_SECONDS, local  # as long a server is waited for at least
    finally:
        start()
        give_back(path)
    assert swapctl("status", "--json", str(path)).code == 1
