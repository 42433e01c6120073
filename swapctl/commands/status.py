"""status: the active areas and a verdict on each."""

from swapctl.errors import ExitCode
from swapctl.gather import areas
from swapctl.gather.patience import of_command
from swapctl.output import complain, emit
from swapctl.render.status import COLUMNS, DEFAULT_COLUMNS, status_json, status_text
from swapctl.render.table import select
from swapctl.status import Seen, Status, area_status
from swapctl.text import shown


def _verdict(seen: Seen) -> str:
    if seen.stale or seen.snapshot is None:
        return "stale"
    # Only here, for where no area is active there is nothing to judge.
    from swapctl.rules import judge

    return judge(seen.snapshot).verdict


def gather_status(paths: tuple[str, ...]) -> Status:
    """The areas that the paths name, all without paths, each judged as if it were to be used."""
    patience = of_command()
    selection = areas.select(paths, patience)
    looked = areas.look(selection.areas, patience)
    found = tuple(area_status(seen, _verdict(seen)) for seen in looked)
    return Status(
        host=selection.host,
        areas=found,
        zswap=areas.zswap(selection.host.page_size),
        zram=tuple(areas.zram(a.device) for a in found if a.type == "zram" and a.device),
        inactive=selection.inactive,
    )


def _told(inactive: tuple[str, ...]) -> ExitCode:
    """The exit code, after the paths that are no areas were named."""
    for path in inactive:
        complain(f"swapctl: {shown(path)}: not active")
    return ExitCode.FINDINGS if inactive else ExitCode.OK


def run(
    paths: tuple[str, ...],
    *,
    output_format: str = "text",
    plain: bool = False,
    output: str | None = None,
    tree: bool = False,
) -> int:
    """Show the areas; it reports and does not judge, so only an inactive path is a finding."""
    columns = DEFAULT_COLUMNS if output is None else select(COLUMNS, output)
    if output_format == "journal":
        from swapctl.commands import journal

        return _told(journal.run(paths))
    status = gather_status(paths)
    if output_format == "json":
        emit(status_json(status, tree=tree))
    elif status.areas or not status.inactive:
        markdown = output_format == "markdown"
        emit(status_text(status, columns, plain=plain, markdown=markdown, tree=tree))
    return _told(status.inactive)
