"""What somebody does to names while they are used: `python racer.py KIND SHARED UID WORDS...`.

It goes on until it is told to end (SIGTERM), and then ends its turn: what it has planted is its own
to remove. SHARED is a file of two counters of 64 bits, the turns that it took and what it achieved.
It imports nothing of ours, so that it starts fast and as anybody.
"""

import ctypes
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle

COUNTERS = struct.Struct("=QQ")
EXCHANGE = 2
AT_FDCWD = -100
LIBC = ctypes.CDLL(None, use_errno=True)


def exchange(one: str, other: str) -> None:
    """renameat2(2): both names lead to what the other led to, at once."""
    names = (os.fsencode(one), os.fsencode(other))
    if LIBC.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def links(base: str, *names: str) -> Iterator[Callable[[str], None]]:
    """Makers of links: symbolic ones by the whole path, and a hard one to the last, by its name
    from here."""

    def symbolic(name: str) -> Callable[[str], None]:
        return lambda at: os.symlink(os.path.join(base, name), at)

    return cycle([*map(symbolic, names), lambda at: os.link(names[-1], at)])


def plant(name: str, base: str, *targets: str) -> Callable[[], bool]:
    """A symbolic or hard link at a name, for a moment each."""
    makers = links(base, *targets)

    def turn() -> bool:
        try:
            next(makers)(name)
        except FileExistsError:
            return False
        with suppress(OSError):
            os.unlink(name)
        return True

    return turn


def replace_hidden(directory: str, base: str, *targets: str) -> Callable[[], bool]:
    """Something else in the place of each file with a name of its own."""
    makers = links(base, *targets)

    def turn() -> bool:
        won = False
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if name.startswith(".") and not name.endswith(".theirs"):
                aside = f"{path}.theirs"
                with suppress(OSError):
                    next(makers)(aside)
                    exchange(aside, path)
                    won = True
                with suppress(OSError):
                    os.unlink(aside)
        return won

    return turn


def swap(pause: str, *pairs: str) -> Callable[[], bool]:
    """Names that change places, again and again: a directory and a link. `pause` is how many
    seconds they stay."""
    turns = cycle(list(zip(pairs[::2], pairs[1::2], strict=True)))

    def turn() -> bool:
        try:
            exchange(*next(turns))
        except OSError:
            return False
        time.sleep(float(pause))
        return True

    return turn


def read(directory: str) -> Callable[[], bool]:
    """Open whatever there is, to read it; that it could ends it."""

    def turn() -> bool:
        denied = False
        for name in os.listdir(directory):
            try:
                os.close(os.open(os.path.join(directory, name), os.O_RDONLY))
            except PermissionError:
                denied = True
            except FileNotFoundError:
                continue
            else:
                os._exit(3)
        return denied

    return turn


KINDS: dict[str, Callable[..., Callable[[], bool]]] = {
    "plant": plant,
    "hidden": replace_hidden,
    "swap": swap,
    "read": read,
}


def main(kind: str, shared: str, uid: str, *words: str) -> None:
    with open(shared, "r+b") as file:
        counters = mmap.mmap(file.fileno(), COUNTERS.size)
    if int(uid):
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
    os.nice(5)
    turn = KINDS[kind](*words)
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    turns = won = 0
    while not told:
        won += turn()
        turns += 1
        COUNTERS.pack_into(counters, 0, turns, won)


if __name__ == "__main__":
    main(*sys.argv[1:])
