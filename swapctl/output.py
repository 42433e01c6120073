"""Where text leaves the program: reports to stdout, errors to stderr."""

import errno
import os
import sys
from itertools import pairwise

from swapctl import __version__
from swapctl.errors import ExitCode, SwapctlError
from swapctl.text import shown


def wants_json(arguments: list[str]) -> bool:
    """Whether a command line asks for JSON; looked at before it is parsed, for its errors."""
    return _wants(arguments, "json") or "--json" in arguments


def wants_nagios(arguments: list[str]) -> bool:
    """Whether a command line asks for the output of a monitoring plugin."""
    return _wants(arguments, "nagios")


def _wants(arguments: list[str], name: str) -> bool:
    pairs = pairwise(arguments)
    return f"--format={name}" in arguments or ("--format", name) in pairs


def use_color(choice: str) -> bool:
    """Whether to colour stdout: `auto` means a terminal, unless NO_COLOR is set (no-color.org)."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def emit(text: str) -> bool:
    """Write a report to stdout, with a final newline; whether anybody can have read it.

    A reader that went away (`| head`) is no error; a device that is full is one.
    """
    if sys.stdout is None:
        return False
    data = f"{text}\n".encode("utf-8", "surrogateescape")
    try:
        sys.stdout.flush()
        view = memoryview(data)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except OSError as error:
        raise SwapctlError(
            f"cannot write to standard output: {os.strerror(error.errno or errno.EIO)}"
        ) from None
    return True


def complain(text: str) -> None:
    """Write a line to stderr; nothing can be done when that fails."""
    try:
        os.write(2, f"{text}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return


def fail(error: SwapctlError, *, as_json: bool) -> ExitCode:
    """Print an error the one way there is, and give its exit code."""
    if as_json:
        import json

        record = {
            "message": error.message,
            "hint": error.hint,
            "errno": error.errno,
            "path": error.path,
            "exit_code": int(error.code),
        }
        try:
            emit(json.dumps({"schema": 1, "swapctl": __version__, "error": record}))
        except SwapctlError as unwritable:
            complain(f"swapctl: {unwritable.message}")
        return error.code
    where = f"{shown(error.path)}: " if error.path else ""
    complain(f"swapctl: {where}{error.message}")
    for line in error.hint.splitlines():
        complain(f"    {line}")
    return error.code
