"""swapctl explain."""

from typing import Any

import click

from swapctl.cli.options import Command, format_option
from swapctl.commands import explain


@click.command(cls=Command)
@click.argument("rules", nargs=-1, metavar="[RULE...]")
@format_option("text", "json")
def command(**options: Any) -> int:
    """Explain RULE: what it means, why it matters, what to do. Without RULE, list all."""
    return explain.run(**options)
