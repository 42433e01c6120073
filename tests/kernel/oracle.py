"""The oracle: swapon(2) itself and what it logs, next to what swapctl predicts."""

import ctypes
import errno
import fcntl
import json
import os
import pickle
import re
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from swapctl.gather import snapshot
from swapctl.gather.patience import Patience
from swapctl.rules import judge
from tests.kernel.conditions import LIBC, Become

T = TypeVar("T")

# Success is told by "Adding 1020k swap on ..."; the rest that the swap code says is a refusal.
ABOUT_SWAP = re.compile(r"swap(?!per/)|Bad slot offset|Duplicated bad slot", re.IGNORECASE)
# The client of SMB says of the first area only that it is an experiment.
SUCCESS = re.compile(r"Adding \d+k swap on |CIFS: Swap support over SMB3 is experimental")
# A sanitizer's report on the swap code, the first time only, is not an answer (Debian 7.x).
SANITIZER = re.compile(r"UBSAN: |\S+\+0x[0-9a-f]+/0x[0-9a-f]+")


class Answer(NamedTuple):
    """What becomes of swapon(2): `accepts` None is "cannot be known"."""

    accepts: bool | None
    errno: str | None
    usable: int | None
    log: str | None

    def __str__(self) -> str:
        if self.accepts is None:
            return "undecided"
        return "accepted" if self.accepts else self.errno or "refused"


class Row(NamedTuple):
    """One case: prediction and answer. `why` names the rules behind the prediction."""

    filesystem: str
    condition: str
    predicted: Answer
    actual: Answer
    why: tuple[str, ...]
    undecided_because: str | None

    @property
    def agrees(self) -> bool:
        """Equal in everything; None is silence only where the case says that it may be."""
        if self.undecided_because is None:
            return self.predicted == self.actual
        pairs = zip(self.predicted, self.actual, strict=True)
        return all(said in (None, happened) for said, happened in pairs)


def swapon(path: str) -> None:
    """swapon(2) without flags; not swapon(8), which has opinions of its own."""
    if LIBC.swapon(os.fsencode(path), 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def swapoff(path: str) -> None:
    """swapoff(2), which a signal may interrupt at any time."""
    while LIBC.swapoff(os.fsencode(path)):
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code), path)


def usable_bytes(path: str) -> int | None:
    """The size of the area in /proc/swaps, found by identity: the name there is resolved."""
    for line in Path("/proc/swaps").read_bytes().splitlines()[1:]:
        name, _, size, *_ = line.split()
        plain = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), name)
        if os.path.exists(plain) and os.path.samefile(plain, path):
            return int(size) * 1024
    return None


def _attempt(path: str) -> Answer:
    try:
        swapon(path)
    except OSError as error:
        return Answer(False, errno.errorcode[error.errno or 0], None, None)
    try:
        return Answer(True, None, usable_bytes(path), None)
    finally:
        swapoff(path)


def _plain(record: bytes) -> str:
    """The message of a /dev/kmsg record; what does not print stands there as \\xNN."""
    message = record.split(b";", 1)[1].split(b"\n", 1)[0]
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda code: bytes([int(code[1], 16)]), message)
    return os.fsdecode(raw).strip()


@contextmanager
def kernel_log() -> Iterator[Callable[[], str | None]]:
    """What the kernel says of swap from here on; runs of these tests take turns at it."""
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)

    def messages() -> str | None:
        found: list[str] = []
        while True:
            try:
                message = _plain(os.read(fd, 16384))
            except BlockingIOError:
                return "\n".join(found) or None
            except BrokenPipeError:  # records were overwritten; the read position has moved on
                continue
            ours = ABOUT_SWAP.search(message) and not SANITIZER.match(message)
            if ours and not SUCCESS.match(message):
                found.append(message)

    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.lseek(fd, 0, os.SEEK_END)
        yield messages
    finally:
        os.close(fd)


def as_caller(become: Become | None, ask: Callable[[], T]) -> T:
    """Ask in a child that has become somebody else."""
    if become is None:
        return ask()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            become()
            os.write(writer, pickle.dumps(ask()))
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said:
        raise ChildProcessError("the child failed, its traceback is above")
    result: T = pickle.loads(said)
    return result


def _predict(path: str) -> tuple[Answer, tuple[str, ...]]:
    # A server of this machine that has no turn for a while is no server that is gone.
    report = judge(snapshot(path, Patience(60.0)))
    said = report.swapon
    why = tuple(f"{f.severity} {f.rule_id}" for f in report.outcome.findings)
    lacks = tuple(f"undecided {u.rule_id}: {u.reason}" for u in report.outcome.undecided)
    return Answer(said.accepts, said.errno, said.usable_bytes, said.kernel_log), why + lacks


def compare(
    filesystem: str,
    condition: str,
    path: str,
    become: Become | None = None,
    undecided_because: str | None = None,
) -> Row:
    """First the prediction, then the kernel's answer."""
    predicted, why = as_caller(become, partial(_predict, path))
    with kernel_log() as log:
        actual = as_caller(become, partial(_attempt, path))
        actual = actual._replace(log=log())
    if filesystem.startswith("btrfs") and not actual.accepts:
        # btrfs drops warnings beyond 100 in 5 seconds (printk_limits in fs/btrfs/messages.c).
        time.sleep(0.06)
    return Row(filesystem, condition, predicted, actual, why, undecided_because)


# compare, for one that has to agree and is recorded; names and the path.
Agreed = Callable[[str, str, Path], Row]


def table(rows: list[Row]) -> str:
    """Markdown; disagreements first."""
    lines = [
        f"{len(rows)} cases, {len({row.condition for row in rows})} conditions, "
        f"{sum(not row.agrees for row in rows)} disagreements",
        "",
        "| filesystem | condition | predicted | actual | usable predicted/actual | log | agree |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.agrees):
        usable = f"{row.predicted.usable}/{row.actual.usable}" if row.actual.accepts else ""
        log = row.actual.log or ""
        if row.predicted.log != row.actual.log and row.predicted.accepts is not None:
            log = f"{log} (predicted: {row.predicted.log})"
        cells = (row.filesystem, row.condition, row.predicted, row.actual, usable, log)
        printable = [ascii(str(cell))[1:-1].replace("|", "\\|") for cell in cells]
        lines.append("| " + " | ".join([*printable, "yes" if row.agrees else "NO"]) + " |")
    return "\n".join(lines) + "\n"


def recorded(rows: list[Row], left_out: dict[str, list[str]]) -> str:
    """The rows for other programs; `left_out` are the cases that could not be tried, by reason."""
    whole = {
        "kernel": os.uname().release,
        "left_out": left_out,
        "rows": [
            row._asdict()
            | {"predicted": row.predicted._asdict(), "actual": row.actual._asdict()}
            | {"agrees": row.agrees}
            for row in rows
        ],
    }
    return json.dumps(whole, indent=1) + "\n"
