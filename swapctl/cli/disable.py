"""swapctl disable."""

from typing import Any

import click

from swapctl.cli.options import (
    Command,
    dry_run_option,
    format_option,
    quiet_option,
    root_option,
)


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
@click.option("--force", is_flag=True, help="Even when memory may not hold the pages.")
@root_option
@dry_run_option
@quiet_option
@format_option("text", "json")
def command(**options: Any) -> int:
    """Undo what enable did for PATH: its unit is stopped and removed, the file stays."""
    from swapctl.commands import disable

    return disable.run(**options)
