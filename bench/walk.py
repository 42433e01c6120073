"""How long the walk through the storage below takes: `python bench/walk.py FILE...`, as root.

For each file or block device: the median of many walks next to the goal for a common stack, and
the layers that were met. Opening the file, its extent map and its header are not in it; they are
read for other rules in any case.
"""

import os
import sys
import time
from statistics import median

from swapctl.facts import need
from swapctl.gather import layers, snapshot
from swapctl.unknown import Unknown

ROUNDS = 200
GOAL = 0.005


def measure(path: str) -> tuple[float, str]:
    """The median seconds of a walk, and its layers."""
    seen = snapshot(path)
    file = need(seen.file)
    assert file is not None, f"{path} leads nowhere"
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = layers.look(seen, file, fd)
            times.append(time.perf_counter() - start)
    finally:
        os.close(fd)
    if found is None or isinstance(found, Unknown):
        return median(times), str(found)
    return median(times), " ".join(layer.kind for layer in found)


def main() -> int:
    late = 0
    for path in sys.argv[1:]:
        seconds, kinds = measure(path)
        late += seconds > GOAL
        print(f"{1000 * seconds:7.3f} ms of {1000 * GOAL:.0f}  {path}: {kinds}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
