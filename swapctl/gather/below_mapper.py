"""What lies below device-mapper devices and arrays, and where on it the candidate is."""

from swapctl.gather.ranges import Below, Ranges, add, cut, member, moved
from swapctl.linux.md import Member
from swapctl.linux.sysblock import SECTOR
from swapctl.storage_facts import Target


def _one_device(words: list[str], at: int, inside: Ranges) -> Below:
    """Lines of the form "... DEVICE SECTOR ...", which move the whole line."""
    return {words[at]: moved(inside, int(words[at + 1]) * SECTOR)}


def _striped(words: list[str], inside: Ranges) -> Below:
    """ "STRIPES CHUNK (DEVICE SECTOR)..." """
    count, chunk = int(words[0]), int(words[1]) * SECTOR
    below: Below = {}
    for index in range(count):
        number, start = words[2 + 2 * index : 4 + 2 * index]
        add(below, number, moved(member(inside, chunk, count, index), int(start) * SECTOR))
    return below


def of_target(target: Target, ranges: Ranges) -> Below | None:
    """Where the part of the ranges that the target has lies below; None where its type does not
    keep blocks in place, or its parameters are not known here."""
    inside = cut(ranges, target.offset, target.length)
    words = target.table.split()
    try:
        match target.type:
            case "linear":
                return _one_device(words, 0, inside)
            case "crypt":
                return _one_device(words, 3, inside)
            case "striped":
                return _striped(words, inside)
            case "snapshot-origin":
                return {words[0]: moved(inside, target.offset)}
            case "error" | "zero":
                return {}
            case _:
                return None
    except (IndexError, ValueError, ZeroDivisionError):
        return None


def of_array(level: str, chunk: int, members: tuple[Member, ...], ranges: Ranges) -> Below | None:
    """The same for an array; None for levels that compute parity, and for stripes over members of
    different size."""
    below: Below = {}
    count = len(members)
    if level == "raid1":
        for one in members:
            add(below, one.number, moved(ranges, one.offset))
        return below
    if level == "raid0" and chunk and len({one.size // chunk for one in members}) == 1:
        for one in members:
            add(below, one.number, moved(member(ranges, chunk, count, one.slot), one.offset))
        return below
    if level == "linear":
        start = 0
        for one in members:
            size = one.size // chunk * chunk if chunk else one.size
            add(below, one.number, moved(cut(ranges, start, size), one.offset))
            start += size
        return below
    return None
