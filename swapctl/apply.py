"""Run a plan: the target gets its name when all is done, and nothing is left on failure."""

import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from swapctl import newfile
from swapctl.errors import SwapctlError, errno_name
from swapctl.facts import need
from swapctl.gather import snapshot
from swapctl.gather.patience import Patience
from swapctl.linux import btrfs, directories, f2fs, header, inode, libc, selinux
from swapctl.newfile import NewFile
from swapctl.plan import Plan
from swapctl.rules import in_the_way, judge
from swapctl.rules.subject import as_of_others

CHUNK = 16 * 2**20
_BLOCK = 4096
_MARK = struct.Struct("=Q")
Progress = Callable[[int, int], None]

_REASONS = {
    errno.ENOSPC: "the filesystem is full",
    errno.EDQUOT: "a quota is exhausted",
    errno.EFBIG: "the file would be larger than the filesystem allows",
    errno.EEXIST: "something has taken the name meanwhile",
    errno.EACCES: "root is not allowed to, perhaps by the server (root_squash)",
}


class Work(NamedTuple):
    """What the steps work on: the file without its name, the plan, the progress."""

    file: NewFile
    plan: Plan
    progress: Progress


def _set_nocow(work: Work) -> None:
    """+C and +c exclude each other, and a directory may hand down +c. The kernel ignores +C without
    an error when it cannot set it, so the flag is read back."""
    flags = inode.get_flags(work.file.fd) & ~(inode.FS_COMPR_FL | inode.FS_NOCOMP_FL)
    inode.set_flags(work.file.fd, flags | inode.FS_NOCOW_FL)
    if not inode.get_flags(work.file.fd) & inode.FS_NOCOW_FL:
        raise OSError(errno.EOPNOTSUPP, "the NOCOW flag did not stick")


def _allocate(work: Work) -> None:
    """Early and contiguous; where the format has no such call (ext3), writing allocates."""
    try:
        libc.fallocate(work.file.fd, 0, 0, work.plan.size)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP or work.plan.method == "fallocate":
            raise


def _allocate_sections(work: Work) -> None:
    """Of a pinned file. Where sections have several segments, f2fs says once that it is full after
    an activation has moved a part of a section (seen on Linux 6.12 and 7.2); what it had allocated
    until then is not in whole sections."""
    try:
        libc.fallocate(work.file.fd, 0, 0, work.plan.size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.ftruncate(work.file.fd, 0)
        libc.fallocate(work.file.fd, 0, 0, work.plan.size)


def _go_direct(fd: int, flags: int) -> bool:
    """Switch to O_DIRECT, which keeps the zeros out of the page cache; False where it cannot."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError:
        return False
    return True


def _mark(chunk: memoryview, start: int) -> None:
    """Make every block another one than all before it, so that none can be found to be there."""
    for at in range(0, len(chunk), _BLOCK):
        _MARK.pack_into(chunk, at, start + at)


def _write(work: Work, *, random: bool = False) -> None:
    """Zeros or random data over the whole file, in large aligned chunks out of one buffer."""
    fd, size = work.file.fd, work.plan.size
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    direct = _go_direct(fd, flags)
    with mmap.mmap(-1, min(CHUNK, size)) as buffer, memoryview(buffer) as view:
        if random:
            view[:] = os.urandom(len(view))
        done = 0
        while done < size:
            if random:
                _mark(view, done)
            try:
                done += os.pwrite(fd, view[: size - done], done)
            except OSError as error:
                if not direct or error.errno != errno.EINVAL:
                    raise
                # Some files take the flag and then refuse the write.
                direct = False
                fcntl.fcntl(fd, fcntl.F_SETFL, flags)
            work.progress(done, size)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def _write_zeroes(work: Work) -> None:
    """Kernels have the mode for one filesystem earlier than for another, whatever the device."""
    try:
        libc.fallocate(work.file.fd, libc.FALLOC_FL_WRITE_ZEROES, 0, work.plan.size)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        if not work.plan.may_write:
            raise SwapctlError(
                "filesystem or device cannot write zeros by itself (FALLOC_FL_WRITE_ZEROES)",
                hint="Use --method write. Nothing was left behind.",
                path=work.plan.path,
                errno="EOPNOTSUPP",
            ) from None
        _write(work)


def _write_header(work: Work) -> None:
    plan = work.plan
    page = header.pack(plan.page_size, plan.size // plan.page_size, plan.uuid, plan.label)
    os.pwrite(work.file.fd, page, 0)
    selinux.label_swapfile(work.file.fd)


def _verify(work: Work) -> None:
    """Judge the file as if it had its name already; only a good one gets it."""
    seen = snapshot(f"/proc/self/fd/{work.file.fd}", Patience(inf), processes=False)
    file = need(seen.file)
    assert file is not None, "the descriptor is open"
    named = file._replace(unlinked=False, links=1)
    seen = seen._replace(path=work.plan.path, file=named)
    report = judge(as_of_others(seen) if work.plan.for_others else seen)
    stopping = in_the_way(report.outcome, work.plan.allow)
    if stopping:
        worst = stopping[0]
        raise SwapctlError(
            f"the new file would not pass its check: {worst.rule_id}: {worst.title}"
            f" ({worst.violation.evidence[0].text})",
            hint=f"{worst.violation.fix.text}\nNothing was left behind.",
            path=work.plan.path,
        )


ACTIONS: Mapping[str, Callable[[Work], None]] = MappingProxyType(
    {
        "nocow": _set_nocow,
        "pin": lambda work: f2fs.pin(work.file.fd),
        "allocate": _allocate,
        "allocate-sections": _allocate_sections,
        "write": _write,
        "write-random": lambda work: _write(work, random=True),
        "write-zeroes": _write_zeroes,
        "header": _write_header,
        "sync": lambda work: os.fsync(work.file.fd),
        "verify": _verify,
        "publish": lambda work: work.file.publish(os.path.basename(work.plan.path)),
    }
)


@contextmanager
def _directory(plan: Plan) -> Iterator[int]:
    """The open directory of the target, made first where the plan says so, removed on failure.

    The path has no links any more; one that is met now was put there since it was judged.
    """
    above, name = os.path.split(plan.directory)
    present = directories.open_plain(above if plan.makes else plan.directory)
    try:
        status = os.fstat(present)
        if (status.st_dev, status.st_ino) != plan.identity:
            raise SwapctlError(
                "another directory than the one that was looked at has this name now",
                hint="Nothing was left behind.",
                path=plan.directory,
            )
        if plan.makes:
            with _made(plan, present, name) as directory:
                yield directory
        else:
            yield present
    finally:
        os.close(present)


@contextmanager
def _made(plan: Plan, parent: int, name: str) -> Iterator[int]:
    """A new directory in an open one."""
    ours = True
    try:
        try:
            if plan.makes == "subvolume":
                btrfs.create_subvolume(parent, os.fsencode(name))
            else:
                os.mkdir(name, 0o700, dir_fd=parent)
        except OSError:
            ours = False  # what stands there, if anything, is somebody else's
            raise
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        directory = os.open(name, flags, dir_fd=parent)
        try:
            os.fchmod(directory, 0o700)
            yield directory
        finally:
            os.close(directory)
    except BaseException:
        if ours:
            with suppress(OSError):
                os.rmdir(name, dir_fd=parent)
        raise


def run(plan: Plan, progress: Progress) -> None:
    """Make the file; `progress` gets (bytes done, bytes in all).

    Raises SwapctlError with the step that failed; then nothing is left behind.
    """
    at = "open the directory"
    old_umask = os.umask(0o077)
    try:
        with _directory(plan) as directory:
            at = "create a file"
            with newfile.create(directory, os.path.basename(plan.path)) as file:
                work = Work(file, plan, progress)
                for step in plan.steps:
                    if step.action in ACTIONS:
                        at = step.text
                        ACTIONS[step.action](work)
    except OSError as error:
        raise SwapctlError(
            f"cannot {at}: {_REASONS.get(error.errno or 0) or error.strerror or error}",
            hint="Nothing was left behind.",
            path=plan.path,
            errno=errno_name(error.errno),
        ) from None
    finally:
        os.umask(old_umask)
