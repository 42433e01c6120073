"""status --format journal: the state of swap as entries of systemd's journal."""

from contextlib import ExitStack

from swapctl.gather import areas
from swapctl.gather.enabled import enabled
from swapctl.gather.patience import of_command
from swapctl.journal import log
from swapctl.monitor import Sampler
from swapctl.render.journal import Judged, entries, inactive_entry
from swapctl.rules import judge
from swapctl.rules.subject import as_of_others
from swapctl.samples import Sample
from swapctl.status import Seen, area_status


def _judged(seen: Seen) -> Judged:
    """As for systemd, which has the capabilities that are kept from the service."""
    if seen.stale or seen.snapshot is None:
        return Judged(area_status(seen, "stale"), None)
    report = judge(as_of_others(seen.snapshot))
    return Judged(area_status(seen, report.verdict), report.outcome)


def _sample() -> Sample:
    with ExitStack() as undo:
        return Sampler(undo).sample()


def run(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Log the machine and the areas that the paths lead to; those that lead to none are returned.

    Without paths also what is enabled and not active: after the rest, since a server that does not
    answer ends that look with an error.
    """
    patience = of_command()
    selection = areas.select(paths, patience)
    log(entries(map(_judged, areas.look(selection.areas, patience)), _sample()))
    if not paths:
        log(map(inactive_entry, areas.select(enabled("/"), patience).inactive))
    return selection.inactive
