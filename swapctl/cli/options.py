"""Options that mean the same in every command that has them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from swapctl.output import emit

F = TypeVar("F", bound=Callable[..., Any])


def _show_help(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        emit(ctx.get_help())
        ctx.exit()


class Command(click.Command):
    """A command whose help is printed like every report, so that a full device is an error."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """click's own, with another way to print."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


def format_option(*formats: str) -> Callable[[F], F]:
    """`--format`, the first being the default, and `--json`, short for `--format json`."""

    def decorate(command: F) -> F:
        command = click.option(
            "--json", "output_format", flag_value="json", help="Same as --format json."
        )(command)
        return click.option(
            "--format",
            "output_format",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            help="How the report is printed.",
        )(command)

    return decorate


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no report.")
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also show the storage below, and list the rules that passed or did not apply.",
)
dry_run_option = click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing."
)
root_option = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Change the system below DIR, and nothing that runs.",
)
priority_option = click.option(
    "--priority",
    type=click.IntRange(0, 32767),
    metavar="N",
    help="Priority of the area, 0 to 32767; the higher is used first.",
)
discard_option = click.option(
    "--discard",
    type=click.Choice(["once", "pages", "both"]),
    help="Discard freed blocks: at activation, page by page, or both.",
)
allow_option = click.option(
    "--allow",
    multiple=True,
    metavar="RULE",
    help="Go on in spite of this unsafe rule; may be repeated.",
)
color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours in the text; NO_COLOR is honoured.",
)
