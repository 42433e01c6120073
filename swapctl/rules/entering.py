"""Rules about the way in which an area is to be activated; `on` and `prepare --on` stop at each."""

from collections.abc import Iterator

from swapctl.facts import need
from swapctl.place import Entering
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.storage import described
from swapctl.rules.subject import stacked
from swapctl.storage_facts import Layer
from swapctl.unknown import Unknown


def _discarding(e: Entering) -> bool:
    return e.discard is not None and stacked(e.snapshot)


def _gives_back(layer: Layer) -> bool:
    """Does a discard take away blocks that a later write has to allocate?"""
    if layer.kind == "loop":
        return True
    return layer.mapper is not None and any(t.type == "thin" for t in need(layer.mapper.targets))


def reached(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """The layers that a discard of the area gets to: through devices that all pass it on."""
    closed: int | None = None
    for layer in layers:
        if closed is not None and layer.depth > closed:
            continue
        open_ = layer.attributes is not None and layer.attributes.discard_max_bytes > 0
        closed = None if open_ else layer.depth
        if open_ or layer.lacks is not None:
            yield layer


@rule("discard-unmaps", Severity.UNSAFE, when=_discarding)
def discard_unmaps(e: Entering) -> Iterator[Violation]:
    """Discarding would take away the blocks that the area has in a layer below.

    It can deadlock later: the file of a loop device gets holes, a thin volume gives its blocks back
    to the pool, and every page-out after that allocates, in a transaction that may wait for the
    memory that the page-out is to free.

    Fix: activate the area without --discard.

    Source: lo_fallocate(), drivers/block/loop.c; process_discard_bio(), drivers/md/dm-thin.c; seen
    on Linux 6.18 with swapon --discard=once on a loop device.
    """
    unknown: Unknown | None = None
    found = False
    layers = need(e.snapshot.storage)
    for layer in reached(layers or ()):
        if layer.kind == "unknown" and layer.lacks is not None:
            unknown = layer.lacks
        elif _gives_back(layer):
            found = True
            most = layer.attributes.discard_max_bytes if layer.attributes else 0
            yield Violation(
                (
                    Evidence("asked for", e.discard, str(e.discard), "--discard"),
                    Evidence("layer", layer.name, described(layer), "sysfs"),
                    Evidence("discard", most, str(most), "queue/discard_max_bytes"),
                ),
                Fix("Leave --discard out."),
            )
    if unknown is not None and not found:
        need(unknown)
