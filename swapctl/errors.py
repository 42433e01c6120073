"""Exit codes and the one exception that carries an error to the place that prints it."""

import errno as errno_module
import os
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; documented in swapctl(8), scripts rely on it."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    UNDECIDED = 3
    FAILED = 4
    INTERRUPTED = 130


class SwapctlError(Exception):
    """An operation that cannot go on.

    `message` says what failed, `hint` what the operator can type next, `errno` is the symbolic
    name that the kernel gave ("ENOSPC"), `path` what it was about.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: ExitCode = ExitCode.FAILED,
        path: str | None = None,
        errno: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.path = path
        self.errno = errno


# Of two names for one number, those that the kernel's man pages use.
_PREFERRED = {
    errno_module.EOPNOTSUPP: "EOPNOTSUPP",
    errno_module.EAGAIN: "EAGAIN",
    errno_module.EDEADLK: "EDEADLK",
}


def errno_name(number: int | None) -> str:
    """The symbolic name of an errno, "EINVAL"; numbers without a name stay numbers."""
    return _PREFERRED.get(number or 0) or errno_module.errorcode.get(number or 0, str(number))


def from_oserror(what: str, error: OSError, *, path: str, hint: str = "") -> SwapctlError:
    """A failed system call in words; `what` is the action, "cannot open"."""
    reason = os.strerror(error.errno) if error.errno else str(error.strerror or error)
    return SwapctlError(f"{what}: {reason}", hint=hint, path=path, errno=errno_name(error.errno))
