"""The command line: a table of commands, each loaded when it is called."""

from importlib import import_module

import click

from swapctl import __version__
from swapctl.cli.options import Command
from swapctl.errors import ExitCode, SwapctlError
from swapctl.output import emit

# Name, then the line of --help; the module of the same name defines `command`.
COMMANDS = {
    "check": "Would it work as swap, and is it safe?",
    "explain": "List the rules, or explain them.",
    "facts": "Print everything the rules see, as JSON.",
    "prepare": "Make a swapfile that passes check.",
    "on": "Activate an area, after checking it.",
    "off": "Deactivate an area, after checking the memory.",
    "enable": "Have systemd make and activate it, now and at every boot.",
    "disable": "Undo what enable did.",
    "status": "Show the active areas, with a verdict on each.",
    "prove": "Put real pages through an area, and count transactions.",
    "monitor": "Watch areas, rates, pressure and who holds swap.",
}


class Commands(Command, click.Group):
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


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        emit(f"swapctl {__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.option("-l", "--list", "list_areas", is_flag=True, help="Same as status.")
@click.pass_context
def group(ctx: click.Context, list_areas: bool) -> int:
    """Check, prepare, activate and watch swap, above all swap in files."""
    if ctx.invoked_subcommand is None:
        if list_areas:
            status = group.get_command(ctx, "status")
            assert status is not None
            return int(ctx.invoke(status) or 0)
        emit(ctx.get_help())
    return 0


def run(arguments: list[str]) -> int:
    """Parse and run a command line; its exit code. Raises SwapctlError and KeyboardInterrupt."""
    try:
        return int(group.main(arguments, prog_name="swapctl", standalone_mode=False) or 0)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "swapctl"
        raise SwapctlError(
            error.format_message(), hint=f"Try: {path} --help", code=ExitCode.USAGE
        ) from None
    except click.ClickException as error:
        raise SwapctlError(error.format_message()) from None
