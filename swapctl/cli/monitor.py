"""swapctl monitor."""

import math
from typing import Any

import click

from swapctl.cli.options import Command, format_option

_SHORTEST, _LONGEST = 0.1, 86400.0


def _checked_interval(ctx: click.Context, param: click.Parameter, value: float) -> float:
    # click's ranges let NaN pass.
    if math.isnan(value) or not _SHORTEST <= value <= _LONGEST:
        raise click.BadParameter(f"not between {_SHORTEST:g} and {_LONGEST:g} seconds")
    return value


@click.command(cls=Command)
@click.option(
    "--interval",
    type=float,
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    callback=_checked_interval,
    help="Time between two samples.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N samples.")
@format_option("text", "json")
def command(**options: Any) -> int:
    """Watch the areas, swapping, memory pressure and the processes that hold most swap.

    On a terminal a screen that refreshes, otherwise lines. Rates need two samples. Areas that
    appear or go are reported at once. Ends after N samples or when interrupted.
    """
    from swapctl.commands import monitor

    return monitor.run(**options)
