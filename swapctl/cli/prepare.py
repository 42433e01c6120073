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
@click.option("--size", help="Such as 8G, 8GB, 512M, 50%RAM, 2xRAM or auto; required.")
@click.option(
    "--configured",
    is_flag=True,
    help="Make or verify the file that swapctl.conf describes, in place of the other options.",
)
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
def command(configured: bool, **options: Any) -> int:
    """Make a swapfile at PATH whose blocks are allocated, written and its own.

    Without PATH the best writable mount is chosen, of the type --fs if given. An existing file is
    never overwritten; if it is what was asked for, there is nothing to do.
    """
    if configured:
        return _configured(**options)
    from swapctl.commands import prepare

    return prepare.run(**options)


def _configured(
    path: str | None, dry_run: bool, quiet: bool, output_format: str, **others: Any
) -> int:
    given = [name for name, value in others.items() if value and value != "auto"]
    if path is None or given:
        raise click.UsageError("--configured goes with a PATH, -n, -q and --format only")
    from swapctl.commands import configured

    return configured.run(path, dry_run=dry_run, quiet=quiet, output_format=output_format)
