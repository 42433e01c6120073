"""swapctl check."""

from typing import Any

import click

from swapctl.cli.options import Command, color_option, format_option, quiet_option, verbose_option
from swapctl.commands import check


@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="PATH...")
@format_option("text", "json", "nagios")
@click.option("--strict", is_flag=True, help="Warnings count as findings (exit 1).")
@click.option("--facts", metavar="FILE", help="Judge recorded facts instead of a path.")
@quiet_option
@verbose_option
@color_option
def command(**options: Any) -> int:
    """Say whether swapon(2) would accept PATH, and whether it would be safe.

    Nothing is changed. Every reason is named at once, with what to type next.
    """
    return check.run(**options)
