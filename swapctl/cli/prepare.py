"""swapctl prepare."""

from typing import Any

import click

from swapctl.cli.options import (
    Command,
    allow_option,
    discard_option,
    dry_run_option,
    format_option,
    priority_option,
    quiet_option,
)
from swapctl.plan import METHODS


@click.command(cls=Command)
@click.argument("path", required=False)
@click.option("--size", required=True, help="Such as 8G, 8GB, 512M, 50%RAM, 2xRAM or auto.")
@click.option("--fs", "fstype", metavar="TYPE", help="Filesystem type the file must live on.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="auto",
    show_default=True,
    help="How blocks are made: written, zeroed by the device, or only allocated.",
)
@click.option("--label", default="", help="Label of the area, at most 16 bytes.")
@click.option("--uuid", help="UUID of the area; a random one otherwise.")
@click.option(
    "--reserve", metavar="SIZE|%", help="Space to leave free; 5%, at most 1 GiB, by default."
)
@allow_option
@click.option("--on", "switch_on", is_flag=True, help="Activate it when it is ready.")
@priority_option
@discard_option
@dry_run_option
@quiet_option
@format_option("text", "json")
def command(**options: Any) -> int:
    """Make a swapfile at PATH whose blocks are allocated, written and its own.

    Without PATH the best writable mount is chosen, of the type --fs if given. An existing file is
    never overwritten; if it is what was asked for, there is nothing to do.
    """
    from swapctl.commands import prepare

    return prepare.run(**options)
