"""facts: record everything that the rules see."""

from swapctl.errors import ExitCode
from swapctl.facts import Unknown
from swapctl.gather import snapshot
from swapctl.gather.patience import of_command
from swapctl.output import emit
from swapctl.record import dump


def run(path: str) -> int:
    """Print the snapshot of a candidate as JSON; undecided when nothing is known of the file."""
    seen = snapshot(path, of_command())
    emit(dump(seen))
    return ExitCode.UNDECIDED if isinstance(seen.file, Unknown) else ExitCode.OK
