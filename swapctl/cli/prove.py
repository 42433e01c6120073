"""swapctl prove."""

import math
from typing import Any

import click

from swapctl.cli.options import Command, allow_option, color_option, format_option, quiet_option

_LONGEST = 86400.0


def _checked_time(ctx: click.Context, param: click.Parameter, value: float) -> float:
    # click's ranges let NaN pass.
    if math.isnan(value) or not 0 <= value <= _LONGEST:
        raise click.BadParameter(f"not between 0 and {_LONGEST:g} seconds")
    return value


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
@click.option(
    "--size", help="Memory that goes out in a round; 256M or what the area has by default."
)
@click.option(
    "--time",
    "seconds",
    type=float,
    default=0.0,
    metavar="SECONDS",
    callback=_checked_time,
    help="Go on for so long; two rounds at least.",
)
@click.option("--keep", is_flag=True, help="Leave the area active, unless it is disproved.")
@allow_option
@quiet_option
@format_option("text", "json")
@color_option
def command(**options: Any) -> int:
    """Prove with real pages that swapping to PATH needs nothing of any filesystem.

    Pages of its own are pushed out and brought back, every byte is compared, and meanwhile the
    transactions and allocations of all filesystems on the way down are counted.
    """
    from swapctl.commands import prove

    return prove.run(**options)
