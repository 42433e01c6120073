"""Rules about what lies below the place of a swapfile that is still to be made."""

from collections.abc import Iterator

from swapctl.facts import Unknown, need
from swapctl.place import Place
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.storage import described
from swapctl.units import format_bytes
from swapctl.zeros import doubtful


def _allocates(p: Place) -> bool:
    return bool(need(p.rooms))


def _zeros_by_device(p: Place) -> bool:
    return p.method == "write-zeroes"


@rule("place-no-room-below", Severity.UNSAFE, when=_allocates)
def place_no_room_below(p: Place) -> Iterator[Violation]:
    """A layer below has less space left than writing the file may take there.

    Writing gives the file its blocks in a sparse or shared image, or in a pool, now and not when
    memory is short. When these run full half way, writes fail, for everybody who uses them.

    How much of it the file needs depends on where it comes to lie, which is not known before.

    Fix: choose a smaller size, or make room below.

    Source: statfs(2) of the image's filesystem; the pool's status (DM_TABLE_STATUS).
    """
    unknown: Unknown | None = None
    found = False
    for room in need(p.rooms):
        if isinstance(room.free, Unknown):
            unknown = room.free
        elif room.free < room.lacking:
            found = True
            yield Violation(
                (
                    Evidence("layer", room.name, room.name, "sysfs"),
                    Evidence("free", room.free, format_bytes(room.free), "statfs(2), pool status"),
                    Evidence("needed", room.lacking, f"up to {format_bytes(room.lacking)}", ""),
                ),
                Fix("Choose a smaller size, or make room there."),
            )
    if unknown is not None and not found:
        need(unknown)


@rule("place-zeros-dropped", Severity.UNSAFE, when=_zeros_by_device)
def place_zeros_dropped(p: Place) -> Iterator[Violation]:
    """A layer below may drop the zeros that it is asked to write.

    The method write-zeroes has the device fill the file. Thin volumes, virtual disks and servers
    may do that by giving the blocks back, and allocate them when pages are written out.

    Fix: use the method auto, which writes data that is not zero where that can be.

    Source: FALLOC_FL_WRITE_ZEROES, fallocate(2); queue/write_zeroes_unmap_max_bytes, sysfs-block.
    """
    layers = need(p.storage)
    for layer in doubtful(layers or ())[:1]:
        yield Violation(
            (Evidence("layer", layer.name, described(layer), "sysfs"),),
            Fix("Leave the method to prepare: do without --method."),
        )
