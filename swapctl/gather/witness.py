"""The witness: counts what the filesystems do, on and below the candidate, from the outside."""

from collections.abc import Collection
from types import TracebackType

from swapctl.facts import Snapshot
from swapctl.proof_facts import Filesystem, Observation
from swapctl.unknown import Unknown


class Witness:
    """Watches the filesystem of a candidate and all those below it; a context manager.

    `filesystems` are what is watched, the candidate's own first. `lacks` are things that cannot be
    watched, with the reason. `traces` is None, or why events cannot be traced.
    """

    filesystems: tuple[Filesystem, ...]
    lacks: tuple[Unknown, ...]
    traces: Unknown | None

    def __init__(self, snapshot: Snapshot) -> None:
        raise NotImplementedError

    def __enter__(self) -> "Witness":
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def observe(self, ours: Collection[int], *, maps: bool = True) -> Observation:
        """Have everything under way written, top down, then look. `ours` are the processes that
        swap. Raises nothing for what cannot be read: that is Unknown."""
        raise NotImplementedError
