"""swapctl status."""

from typing import Any

import click

from swapctl.cli.options import Command, format_option
from swapctl.commands import status
from swapctl.render.status import COLUMNS

_EPILOG = "\b\nColumns:\n" + "\n".join(f"  {c.header:<8} {c.help}" for c in COLUMNS)


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@format_option("text", "json", "markdown", "journal")
@click.option("--bytes", "plain", is_flag=True, help="Sizes in bytes.")
@click.option("--tree", is_flag=True, help="Also show the storage below each area.")
@click.option("--output", metavar="COLUMN,...", help="The columns of the table.")
def command(**options: Any) -> int:
    """Show the active areas, or those that PATH leads to, with check's verdict on each.

    It reports and does not judge: the exit code is 0 unless a PATH is not active.
    """
    return status.run(**options)
