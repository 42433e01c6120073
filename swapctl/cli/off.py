"""swapctl off."""

from typing import Any

import click

from swapctl.cli.options import Command, format_option, quiet_option


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
@click.option("--force", is_flag=True, help="Even when memory may not hold the pages.")
@quiet_option
@format_option("text", "json")
def command(**options: Any) -> int:
    """Deactivate PATH with swapoff(2), after seeing that memory can take its pages back."""
    from swapctl.commands import off

    return off.run(**options)
