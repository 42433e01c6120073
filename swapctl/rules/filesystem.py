"""Rules that follow from the type of the filesystem alone."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.filesystems import Filesystem
from swapctl.rules.engine import Evidence, Severity, Stage, Violation, rule
from swapctl.rules.subject import elsewhere, filesystem_row, fstype, mechanism, regular

_MOUNTINFO = "mountinfo"
# How each kind of "no" arrives: the stage where it is met, the errno, the kernel's log line.
_ANSWERS = {
    "silent": (Stage.NO_READ, "EINVAL", None),
    "holes": (Stage.MAP, "EINVAL", "swapon: swapfile has holes"),
    "read-only": (Stage.OPEN, "EROFS", None),
    "activation": (Stage.MAP, "EINVAL", None),
}


def _known(s: Snapshot) -> Filesystem | None:
    return filesystem_row(s)


@rule("filesystem-unsupported", Severity.REFUSED, stage=Stage.MAP, when=regular)
def filesystem_unsupported(s: Snapshot) -> Iterator[Violation]:
    """This filesystem cannot hold swap.

    The kernel swaps to a file only when its filesystem can name fixed disk blocks for it, or brings
    swap I/O of its own. Which it is, and how the refusal looks, depends on the filesystem: some
    say EINVAL without a word in the log, some claim "swapfile has holes" of a file without any.

    Fix: make the file on ext4, xfs or btrfs.

    Source: a_ops->read_folio, ->bmap and ->swap_activate of each filesystem.
    """
    row = _known(s)
    if row and mechanism(s) == "none":
        stage, errno, log = _ANSWERS[row.answer]
        name = fstype(s)
        yield Violation(
            (
                Evidence("filesystem", name, name, _MOUNTINFO),
                Evidence("reason", row.why, row.why, "swapctl's filesystem table"),
            ),
            elsewhere(s),
            title=f"Files on {name} cannot be swap",
            errno=errno,
            log=log,
            stage=stage,
        )


@rule("filesystem-unjudged", Severity.REFUSED, stage=Stage.MAP, when=regular)
def filesystem_unjudged(s: Snapshot) -> Iterator[Violation]:
    """The kernel's answer cannot be predicted on this filesystem.

    Nothing is known of this type, so whether swapon(2) accepts the file stays open (undecided).

    Fix: try it, or use ext4, xfs or btrfs.

    Source: swapctl's filesystem table.
    """
    if _known(s) is None:
        need(Unknown("conditions of the filesystem", f"{fstype(s)} is not in the table"))
    yield from ()


@rule("filesystem-hazard", Severity.UNSAFE, when=regular)
def filesystem_hazard(s: Snapshot) -> Iterator[Violation]:
    """The kernel accepts files of this filesystem, but they are not safe.

    Writing a page out depends on something that can itself wait for memory, or somebody else may
    use the same blocks: under pressure the machine can hang or lose memory contents.

    Fix: make the file on a local ext4, xfs or btrfs.

    Source: swapctl's filesystem table.
    """
    row = _known(s)
    if row and row.hazard and s.mechanism != "none":
        name = fstype(s)
        yield Violation(
            (
                Evidence("filesystem", name, name, _MOUNTINFO),
                Evidence("reason", row.hazard, row.hazard, "swapctl's filesystem table"),
            ),
            elsewhere(s),
            title=f"Swap on {name} is accepted but not safe",
        )
