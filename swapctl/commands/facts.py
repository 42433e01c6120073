"""facts: record everything that the rules see."""

from swapctl.gather import snapshot
from swapctl.output import emit
from swapctl.record import dump


def run(path: str) -> int:
    """Print the snapshot of a candidate as JSON."""
    emit(dump(snapshot(path)))
    return 0
