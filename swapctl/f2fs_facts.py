"""More vocabulary: what f2fs alone knows of a file. Same conventions as swapctl.facts."""

from typing import NamedTuple

from swapctl.unknown import Unknown


class F2fsWalk(NamedTuple):
    """What swapon(2) meets on its way through the file, section by section.

    It takes pieces that fill whole sections as they are and moves the others, a section at a time
    and as far as the header counts. `passes` is how often it does so, `moved` the bytes it moves.
    `hole_at` is the file offset of the first hole that stops it, `hole_met` whether it comes upon
    it as the next piece, not within a section that it was about to move.
    What is left at the end and fills no section is the tail, from `tail_at` on (None: no tail) to
    the end of the file: `tail_bytes` long, in `tail_pieces` pieces as far as the header counts and
    up to `tail_hole_at`, its first hole; `tail_unplaced` bytes of them have no blocks yet.
    `end` is where the last block of the file lies, in bytes from the start of the first device.
    """

    passes: int
    moved: int
    hole_at: int | None
    hole_met: bool
    tail_at: int | None
    tail_bytes: int
    tail_pieces: int
    tail_hole_at: int | None
    tail_unplaced: int
    end: int


class F2fsState(NamedTuple):
    """The superblock, as far as it matters, and the walk.

    `section` is bytes, and so is `room`: the free segments beyond those that f2fs keeps for itself.
    """

    section: int
    zoned: bool
    devices: int
    room: int | Unknown
    walk: F2fsWalk | Unknown
