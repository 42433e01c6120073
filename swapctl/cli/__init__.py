"""The command line: a table of commands, loaded when called, and the only place that exits."""

import sys
from importlib import import_module

import click

from swapctl import __version__
from swapctl.cli.output import fail, wants_json, wants_nagios
from swapctl.errors import ExitCode, SwapctlError

# Name, then the line of --help; the module of the same name defines `command`.
COMMANDS = {
    "check": "Would it work as swap, and is it safe?",
    "explain": "List the rules, or explain them.",
    "facts": "Print everything the rules see, as JSON.",
    "prepare": "Make a swapfile that passes check.",
    "on": "Activate an area, after checking it.",
    "off": "Deactivate an area, after checking the memory.",
    "status": "Show the active areas, with a verdict on each.",
    "monitor": "Watch areas, rates, pressure and who holds swap.",
}


class Commands(click.Group):
    """A group that imports a command when it is called, not when help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"swapctl.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, as it stands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="swapctl", message="%(prog)s %(version)s")
@click.option("-l", "--list", "list_areas", is_flag=True, help="Same as status.")
@click.pass_context
def group(ctx: click.Context, list_areas: bool) -> int:
    """Check, prepare, activate and watch swap, above all swap in files."""
    if ctx.invoked_subcommand is None:
        if list_areas:
            status = group.get_command(ctx, "status")
            assert status is not None
            return int(ctx.invoke(status) or 0)
        click.echo(ctx.get_help())
    return 0


def main() -> None:
    """Run the command line and exit with a documented code; no exception leaves."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. Prints every error, in the format asked for."""
    try:
        return int(group.main(arguments, prog_name="swapctl", standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except SwapctlError as error:
        return fail(error, as_json=wants_json(arguments))
    except click.UsageError as error:
        if wants_json(arguments):
            wrapped = SwapctlError(error.format_message(), code=ExitCode.USAGE)
            return fail(wrapped, as_json=True)
        error.show()
        # The plugin convention of monitoring systems has no usage error, only UNKNOWN.
        return ExitCode.UNDECIDED if wants_nagios(arguments) else ExitCode.USAGE
    except click.ClickException as error:
        wrapped = SwapctlError(error.format_message(), code=ExitCode(error.exit_code))
        return fail(wrapped, as_json=wants_json(arguments))
    except Exception as error:  # the last resort: a user never sees a traceback
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
        wrapped = SwapctlError(
            f"internal error: {type(error).__name__}: {error} ({place})",
            hint="Please report this line.",
        )
        return fail(wrapped, as_json=wants_json(arguments))
