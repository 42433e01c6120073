"""What the tests of races share: the racer, and files outside that nothing may touch."""

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.kernel import racer
from tests.kernel.loopfs import run
from tests.kernel.support import wait_until

SOMEBODY = 12345


class Racer(NamedTuple):
    """A racer at work."""

    process: subprocess.Popen[bytes]
    shared: Path

    def counts(self) -> tuple[int, int]:
        """The turns that it took, and those in which it achieved something."""
        turns, won = racer.COUNTERS.unpack(self.shared.read_bytes())
        return int(turns), int(won)

    def waits_for_turn(self) -> None:
        """Let it have its say, also where there is one processor only."""
        before = self.counts()[0]
        while self.counts()[0] == before:
            assert self.process.poll() is None
            time.sleep(1e-5)


@contextmanager
def racing(home: Path, kind: str, *words: str, uid: int = 0) -> Iterator[Racer]:
    """Somebody who does that in a directory for as long as the context lasts; names are as seen
    from there, for what is above may be closed to them."""
    shared = home.parent / f"{home.name}-{kind}-{os.urandom(4).hex()}"
    shared.write_bytes(bytes(racer.COUNTERS.size))
    command = [sys.executable, racer.__file__, kind, str(shared), str(uid), *words]
    with subprocess.Popen(command, cwd=home) as process:
        try:
            one = Racer(process, shared)
            wait_until(lambda: process.poll() is not None or one.counts()[0] > 0)
            yield one
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait()
            shared.unlink()


Seen = tuple[object, ...]


def _seen(path: Path, linked: bool) -> Seen:
    """All that a change of the file would change, reading it included. What the racer makes hard
    links to can be read by those."""
    status = path.lstat()
    own = (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_blocks)
    times = (status.st_mtime_ns, status.st_nlink)
    changed = () if linked else (status.st_ctime_ns, status.st_atime_ns)
    names = os.listxattr(path, follow_symlinks=False)
    attributes = tuple((name, os.getxattr(path, name)) for name in sorted(names))
    return (*own, *times, *changed, attributes)


class Outside(NamedTuple):
    """A directory with files of root and of somebody, and all that was known of them."""

    path: Path
    before: dict[str, Seen]

    def now(self) -> dict[str, Seen]:
        """The directory, whose time of access is that of this look, and its files."""
        linked = (self.path, self.path / "theirs")
        return {str(one): _seen(one, one in linked) for one in [self.path, *self.path.iterdir()]}

    def same(self) -> bool:
        """Is everything as it was? Ask before the contents are read."""
        return self.now() == self.before

    def contents(self) -> bool:
        """Do the files hold what they held?"""
        return all(p.read_bytes() == p.name.encode() * 5000 for p in self.path.iterdir())


def outside(path: Path, uid: int = SOMEBODY) -> Outside:
    """A new directory, open to everybody, with a canary of root's and one of somebody's."""
    path.mkdir()
    path.chmod(0o777)
    for name, owner, mode in (("roots", 0, 0o644), ("theirs", uid, 0o4664)):
        file = path / name
        file.write_bytes(name.encode() * 5000)
        os.setxattr(file, "trusted.canary", struct.pack("=Q", len(name)))
        os.chown(file, owner, owner)
        file.chmod(mode)
        os.utime(file, (1e9, 1e9 + 1))
    run("sync", "-f", str(path))
    one = Outside(path, {})
    return one._replace(before=one.now())
