"""More vocabulary: what else on the machine has to do with the candidate, or with swap at all.

Same conventions as swapctl.facts. It is read from files, of which some are read by programs at the
next boot only, so that it tells what is set up and not what has happened.
"""

from typing import NamedTuple

from swapctl.unknown import Unknown

FSTAB = "/etc/fstab"


class FstabLine(NamedTuple):
    """A line of fstab(5) that activates the candidate; lines count from 1."""

    number: int
    options: tuple[str, ...]


class SwapUnit(NamedTuple):
    """A unit with the name of the candidate's path, not one that a generator made.

    `what` is the text behind What=, None for a unit that is masked. `fits` says that this is the
    path; `wins` that the unit comes before the one that is made from fstab(5).
    """

    path: str
    what: str | None
    fits: bool | Unknown
    wins: bool
    priority: int | None


class Leftover(NamedTuple):
    """A line of fstab(5) or a unit for another file than the candidate, that is no swap area:
    `leads_to` is what the path leads to instead, "nothing" or "no swap area"."""

    where: str
    what: str
    leads_to: str


class Manager(NamedTuple):
    """Another program that sets up swap at boot.

    `seen` is the file that shows it, `makes` are "file" and "zram". `path` is the swapfile that it
    makes, or the directory of its swapfiles, None where that is not known. `here` says that the
    candidate is one of them.
    """

    name: str
    seen: str
    makes: tuple[str, ...]
    path: str | None
    here: bool


class Kubelet(NamedTuple):
    """The agent of Kubernetes: whether it refuses to start with active swap, and where it says."""

    refuses_swap: bool | Unknown
    source: str


class SnapshotTool(NamedTuple):
    """A program that makes snapshots of the btrfs subvolume that holds the candidate."""

    name: str
    config: str
    subvolume: str


class Setup(NamedTuple):
    """All of it, looked for by the `paths` of the candidate. `gpt_swaps` are the partitions for
    swap beside the root filesystem that no line of fstab(5) names and that systemd would activate
    by itself; () where fstab(5) has no swap."""

    paths: tuple[str, ...]
    fstab: tuple[FstabLine, ...] | Unknown
    units: tuple[SwapUnit, ...] | Unknown
    leftovers: tuple[Leftover, ...] | Unknown
    gpt_swaps: tuple[str, ...] | Unknown
    managers: tuple[Manager, ...] | Unknown
    kubelet: Kubelet | Unknown | None
    snapshot_tools: tuple[SnapshotTool, ...] | Unknown
