"""swapctl on."""

from typing import Any

import click

from swapctl.cli.options import (
    Command,
    allow_option,
    color_option,
    discard_option,
    dry_run_option,
    format_option,
    priority_option,
    quiet_option,
)


@click.command(cls=Command)
@click.argument("path", metavar="PATH")
@priority_option
@discard_option
@allow_option
@dry_run_option
@quiet_option
@format_option("text", "json")
@color_option
def command(**options: Any) -> int:
    """Check PATH, activate it with swapon(2), and see that the kernel took it as predicted.

    Stops at everything refused or unsafe; --allow lifts an unsafe rule by its name.
    """
    from swapctl.commands import on

    return on.run(**options)
