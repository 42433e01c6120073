"""The runner of guests keeps its own promises."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import pytest

from tests.vm.conftest import NEEDS
from tests.vm.guest import Guest, GuestError, wires
from tests.vm.jobs import Guests, Job
from tests.vm.kernels import SUITES, Kernel, cache, fetch

pytestmark = [pytest.mark.vm, pytest.mark.slow, pytest.mark.needs(*NEEDS)]

BOOT = 180


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return fetch("trixie")


@pytest.mark.parametrize("suite", SUITES)
def test_kernel_in_the_cache(suite: str) -> None:
    kernel = fetch(suite)
    assert kernel.image.stat().st_size > 1 << 20
    assert (kernel.modules / "modules.dep").exists()
    assert "cloud" not in kernel.release
    stamp = cache() / f"{suite}.packages"
    before = stamp.stat().st_mtime_ns
    assert fetch(suite) == kernel
    assert stamp.stat().st_mtime_ns == before


def test_status_output_and_what_is_there(kernel: Kernel, tmp_path: Path) -> None:
    """The checkout and the interpreter, a disk, the folder; nothing is written on the machine."""
    disk, mark = tmp_path / "disk", tmp_path / "mark"
    disk.write_bytes(b"disk".ljust(1 << 20, b"\0"))
    script = f"""
        set -e
        uname -r
        {sys.executable} -c 'import click, swapctl, sys; print(swapctl.__file__, file=sys.stderr)'
        head -c 4 /dev/vda; echo
        printf written | dd of=/dev/vda conv=notrunc status=none
        stat -f -c %T "$TMPDIR"
        echo seen >"$OUT/file"
        echo lost >{mark}
        exit 7
    """
    folder = tmp_path / "out"
    folder.mkdir()
    guest = Guest(kernel, folder, ["sh", "-c", script], disks=[disk])
    assert guest.wait(BOOT) == 7
    package = Path(__file__).parents[2] / "swapctl/__init__.py"
    assert guest.output.read_text().splitlines() == [
        kernel.release,
        str(package),
        "disk",
        "ext2/ext3",
    ]
    assert (folder / "file").read_text() == "seen\n"
    assert disk.read_bytes().startswith(b"written")
    assert not mark.exists()
    assert not (folder / "scratch.img").exists()


def test_a_guest_that_dies(kernel: Kernel, tmp_path: Path) -> None:
    guest = Guest(kernel, tmp_path, ["sh", "-c", "echo c >/proc/sysrq-trigger"])
    with pytest.raises(GuestError, match="sysrq triggered crash"):
        guest.wait(BOOT)


def test_a_guest_that_does_not_end(kernel: Kernel, tmp_path: Path) -> None:
    guest = Guest(kernel, tmp_path, ["sleep", "1000"])
    with pytest.raises(GuestError, match="time was up"):
        guest.wait(1)


def test_two_guests_on_a_network_of_their_own(kernel: Kernel, tmp_path: Path) -> None:
    """One listens, one speaks; both ends say what came."""
    first, second = wires()
    listen = """
import socket
server = socket.create_server(("10.0.0.1", 4000))
peer, address = server.accept()
peer.sendall(peer.recv(100).upper())
print(address[0])
"""
    speak = """
import socket, time
for attempt in range(300):
    try:
        peer = socket.create_connection(("10.0.0.1", 4000), timeout=5)
        break
    except OSError:
        time.sleep(0.2)
peer.settimeout(None)
peer.sendall(b"hello")
print(peer.recv(100).decode())
"""
    folders = [tmp_path / "server", tmp_path / "client"]
    for folder in folders:
        folder.mkdir()
    python = [sys.executable, "-c"]
    server = Guest(kernel, folders[0], [*python, listen], memory=512, wire=first)
    client = Guest(kernel, folders[1], [*python, speak], memory=512, wire=second)
    try:
        assert client.wait(2 * BOOT) == 0, client.tail()
        assert server.wait(BOOT) == 0, server.tail()
    finally:
        client.close()
        server.close()
    assert client.output.read_text() == "HELLO\n"
    assert server.output.read_text() == "10.0.0.2\n"


def commands() -> Iterator[bytes]:
    """The command lines of all processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield path.read_bytes()


def test_guests_begin_when_it_is_their_turn_and_end_at_once(tmp_path: Path) -> None:
    """None is let begin before the other tests are through, and then one."""
    first, second = (tmp_path / f"{suite}-storage" for suite in ("trixie", "sid"))
    guests = Guests([Job("storage", "trixie"), Job("storage", "sid")], tmp_path, at_first=0)
    try:
        time.sleep(2)
        assert list(tmp_path.iterdir()) == []
        guests.have_all()
        until = time.monotonic() + BOOT
        while not (first / "console.log").exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert (first / "scratch.img").exists()
        assert not second.exists()
    finally:
        guests.end()
    for run in guests.runs.values():
        with pytest.raises((GuestError, CancelledError)):
            run.result()
    assert list(tmp_path.rglob("scratch.img")) == []
    assert [command for command in commands() if bytes(first) in command] == []
