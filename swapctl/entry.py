"""Where the program starts, and the only place where it exits.

Loading the option parser costs more than checking a file. The two forms that scripts and shells
call most, `check PATH...` and `status`, need no parser: they go to the same functions directly.
"""

import gc
import sys
from importlib import import_module

from swapctl.errors import ExitCode, SwapctlError
from swapctl.output import fail, wants_json, wants_nagios

PLAIN = ("check", "status")
# Loading the program makes less; almost all of it is in use until the end.
_OBJECTS_BEFORE_COLLECTION = 100_000


def is_plain(arguments: list[str]) -> bool:
    """Is it a command of PLAIN with paths only? `check` wants at least one."""
    if not arguments or arguments[0] not in PLAIN:
        return False
    paths = arguments[1:]
    return not any(p.startswith("-") for p in paths) and (bool(paths) or arguments[0] == "status")


def dispatch(arguments: list[str]) -> int:
    """Run one command line; its exit code."""
    if is_plain(arguments):
        command = import_module(f"swapctl.commands.{arguments[0]}")
        return int(command.run(tuple(arguments[1:])))
    from swapctl.cli import run

    return run(arguments)


def guarded(arguments: list[str]) -> int:
    """`dispatch`, with every error printed in the format asked for and turned into its code."""
    try:
        return dispatch(arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SwapctlError as error:
        code = fail(error, as_json=wants_json(arguments))
        # The plugin convention of monitoring systems has no usage error, only UNKNOWN.
        misused = code is ExitCode.USAGE and wants_nagios(arguments)
        return ExitCode.UNDECIDED if misused else code
    except Exception as error:  # the last resort: a user never sees a traceback
        return fail(explained(error), as_json=wants_json(arguments))


def explained(error: Exception) -> SwapctlError:
    """What nothing else has caught: a library that is not there, or else a mistake of ours.

    The single file for rescue systems, and a package whose dependencies were left out, have all
    that most commands need.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.partition(".")[0]
        if library != __name__.partition(".")[0]:
            return SwapctlError(
                f"this needs the Python library {library}, which is not installed",
                hint=f"Install it for {sys.executable}; the name of the package is "
                f"python3-{library} or python-{library}.",
            )
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
    return SwapctlError(
        f"internal error: {type(error).__name__}: {error} ({place})",
        hint="Please report this line.",
    )


def main() -> None:
    """Run the command line of this process and exit with a documented code.

    A tenth of a short command's time went into searching for garbage among what it had loaded.
    """
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    code = guarded(sys.argv[1:])
    if code == ExitCode.INTERRUPTED:
        import signal

        # Nothing is left to be undone. What the caller ignores stays ignored.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.freeze()  # or the interpreter searches once more before it ends
    sys.exit(code)
