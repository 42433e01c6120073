"""swapctl facts."""

import click

from swapctl.cli.output import emit
from swapctl.gather import snapshot
from swapctl.record import dump


@click.command()
@click.argument("path", metavar="PATH")
def command(path: str) -> int:
    """Print everything that the rules see of PATH, as JSON.

    `swapctl check --facts FILE` judges it, on any machine and without root.
    """
    emit(dump(snapshot(path)))
    return 0
