"""swapctl enable."""

from typing import Any

import click

from swapctl.cli.options import (
    Command,
    discard_option,
    dry_run_option,
    format_option,
    priority_option,
    quiet_option,
    root_option,
)
from swapctl.plan import METHODS

_COMMON = ("root", "dry_run", "quiet", "output_format")


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
@click.option("--size", help="Such as 8G, 8GB, 512M, 50%RAM, 2xRAM or auto.")
@click.option("--max-share", metavar="%", help="The most of the filesystem that it may take.")
@click.option("--fs", metavar="TYPE", help="Filesystem type the file must live on.")
@click.option("--method", type=click.Choice(METHODS), help="How blocks are made.")
@click.option("--label", help="Label of the area, at most 16 bytes.")
@click.option("--reserve", metavar="SIZE|%", help="Space to leave free.")
@priority_option
@discard_option
@click.option("--nofail", "nofail", flag_value="yes", help="The boot goes on without it; default.")
@click.option("--fail", "nofail", flag_value="no", help="The boot waits; swap.target needs it.")
@root_option
@dry_run_option
@quiet_option
@format_option("text", "json")
def command(path: str, **options: Any) -> int:
    """Have systemd make PATH and activate it, now and at every boot.

    What is given is kept in /etc/swapctl.conf.d; what is not stays as it was.
    """
    from swapctl.commands import enable

    common = {name: options.pop(name) for name in _COMMON}
    given = {
        name.replace("_", "-"): str(value) for name, value in options.items() if value is not None
    }
    return enable.run(path, given=given, **common)
