"""swapctl facts."""

import click

from swapctl.cli.options import Command
from swapctl.commands import facts


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
def command(path: str) -> int:
    """Print everything that the rules see of PATH, as JSON.

    The record can be judged by check, on any machine and without root.
    """
    return facts.run(path)
