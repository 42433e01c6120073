"""A journal of one's own: systemd-journald on a /run that only it and the caller's commands see."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DAEMON = Path("/lib/systemd/systemd-journald")
# Neither the kernel's log nor its audit, of which there is one for all.
SETTINGS = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n"
PATIENCE = 60
# A mount namespace for each command, so that it sees what was mounted meanwhile.
APART = """
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""

Word = str | os.PathLike[str]


class Journal:
    """The directory that is /run for it and for the commands."""

    def __init__(self, directory: Path) -> None:
        self._run = directory

    def command(self, *words: Word, over: tuple[Word, ...] = ()) -> list[Word]:
        """A command on that /run; `over` are pairs of a directory and what it is mounted over."""
        mounted = (self._run, "/run", *over)
        return ["unshare", "--mount", "sh", "-euc", APART, "sh", *mounted, "--", *words]

    def run(self, *words: Word, over: tuple[Word, ...] = ()) -> subprocess.CompletedProcess[bytes]:
        command = self.command(*words, over=over)
        return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)

    def swapctl(
        self, *arguments: Word, over: tuple[Word, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        return self.run(sys.executable, "-m", "swapctl", *arguments, over=over)

    def entries(self) -> list[dict[str, Any]]:
        """What was logged as swapctl, read by journalctl; values that are no UTF-8 are lists."""
        read = ("journalctl", "--directory=/run/log/journal", "--quiet", "--output=json", "--all")
        self.run("journalctl", "--sync")
        done = self.run(*read, "--identifier=swapctl")
        assert (done.returncode, done.stderr) == (0, b"")
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def journald(directory: Path) -> Iterator[Journal]:
    """It runs while the block does. `directory` is empty, and its path short enough for sockets."""
    for name in ("systemd/journal", "systemd/journald.conf.d", "log/journal"):
        (directory / name).mkdir(parents=True)
    (directory / "systemd/journald.conf.d/ours.conf").write_text(SETTINGS)
    journal = Journal(directory)
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen(journal.command(DAEMON), stdout=quiet, stderr=quiet)
    try:
        until = time.monotonic() + PATIENCE
        # It makes the sockets itself where no systemd hands them over.
        while not (directory / "systemd/journal/socket").is_socket():
            assert daemon.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        yield journal
    finally:
        daemon.terminate()
        daemon.wait()
