"""What changed between two observations of the witness; pure."""

from swapctl.proof_facts import Change, Kind, Observation
from swapctl.unknown import Unknown


def changes(before: Observation, after: Observation) -> tuple[Change, ...]:
    """One for every filesystem that is watched, in the order of Witness.filesystems."""
    raise NotImplementedError


def grown(change: Change, kind: Kind) -> int | Unknown:
    """The sum over the counters of that kind; Unknown if one of them is, 0 if there is none."""
    raise NotImplementedError
