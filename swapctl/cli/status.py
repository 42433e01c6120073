"""swapctl status."""

import click

from swapctl.cli.options import format_option
from swapctl.cli.output import complain, emit
from swapctl.errors import ExitCode
from swapctl.gather import areas
from swapctl.render.status import COLUMNS, DEFAULT_COLUMNS, status_json, status_text
from swapctl.render.table import select
from swapctl.rules import judge
from swapctl.status import Seen, Status, area_status
from swapctl.text import shown

_EPILOG = "\b\nColumns:\n" + "\n".join(f"  {c.header:<8} {c.help}" for c in COLUMNS)


def _verdict(seen: Seen) -> str:
    return "stale" if seen.stale or seen.snapshot is None else judge(seen.snapshot).verdict


def gather_status(paths: tuple[str, ...]) -> Status:
    """The areas that the paths name, all without paths, each judged as if it were to be used."""
    selection = areas.select(paths)
    found = tuple(area_status(seen, _verdict(seen)) for seen in areas.look(selection.areas))
    return Status(
        host=selection.host,
        areas=found,
        zswap=areas.zswap(selection.host.page_size),
        zram=tuple(areas.zram(a.device) for a in found if a.type == "zram" and a.device),
        inactive=selection.inactive,
    )


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@format_option("text", "json", "markdown")
@click.option("--bytes", "plain", is_flag=True, help="Sizes in bytes.")
@click.option("--output", metavar="COLUMN,...", help="The columns of the table.")
def command(paths: tuple[str, ...], output_format: str, plain: bool, output: str | None) -> int:
    """Show the active areas, or those that PATH leads to, with check's verdict on each.

    It reports and does not judge: the exit code is 0 unless a PATH is not active.
    """
    columns = DEFAULT_COLUMNS if output is None else select(COLUMNS, output)
    status = gather_status(paths)
    if output_format == "json":
        emit(status_json(status))
    elif status.areas or not status.inactive:
        emit(status_text(status, columns, plain=plain, markdown=output_format == "markdown"))
    for path in status.inactive:
        complain(f"swapctl: {shown(path)}: not active")
    return ExitCode.FINDINGS if status.inactive else ExitCode.OK
