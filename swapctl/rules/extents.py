"""Rules about the file's blocks: what the kernel refuses, and what costs time or space."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Spans, Unknown
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import (
    fstype,
    judged,
    mapped_by,
    recreate,
    release,
    span_evidence,
    the_extents,
    the_file,
)
from swapctl.text import quoted

FIEMAP = "FS_IOC_FIEMAP"
# A fallocated file is refused by these kernels: (filesystems, first release, first good release).
UNWRITTEN_REFUSED = (
    (("ext2", "ext3", "ext4"), (5, 7), (5, 10)),
    (("xfs",), (0, 0), (4, 18)),
)

iomap = mapped_by("iomap")


def btrfs_order(offset: int, check: int) -> int:
    """Where a per-extent check of btrfs stands: after the file's own checks, extent by extent."""
    return 16 + offset * 8 + check


def btrfs_log(s: Snapshot, text: str) -> str | None:
    """A warning of btrfs as the kernel logs it; None when the device's name is not known."""
    if s.device is None or isinstance(s.device, Unknown):
        return None
    return f"BTRFS warning (device {s.device.name}): {text}"


def _refused_span(
    s: Snapshot, name: str, spans: Spans, words: str, fix: Fix
) -> Iterator[Violation]:
    """A refusal by the iomap walk, which stops at the first extent that is not suitable."""
    if spans.pieces:
        yield Violation(
            span_evidence(name, spans, FIEMAP),
            fix,
            errno="EINVAL",
            log=f"swapon: file {s.resolved} {words}",
            at=spans.first[0].offset,
        )


def _refused_on_btrfs(
    s: Snapshot, name: str, spans: Spans, words: str, check: int
) -> Iterator[Violation]:
    """The same by the walk of btrfs, which makes several checks at each extent."""
    if spans.pieces:
        yield Violation(
            span_evidence(name, spans, FIEMAP),
            recreate(s),
            errno="EINVAL",
            log=btrfs_log(s, f"swapfile must not {words}"),
            at=btrfs_order(spans.first[0].offset, check),
        )


@rule("file-holes", Severity.REFUSED, stage=Stage.MAP, when=judged)
def file_holes(s: Snapshot) -> Iterator[Violation]:
    """Parts of the file have no disk blocks.

    A page swapped out to a hole has nowhere to go. The whole file has to be allocated, also what
    lies behind the last page that the header uses.

    Fix: make a new file; filling holes later works too, but leaves the file fragmented.

    Source: iomap_swapfile_iter() in fs/iomap/swapfile.c; btrfs_swap_activate() in fs/btrfs/inode.c.
    """
    holes = the_extents(s).holes
    if fstype(s) == "btrfs":
        yield from _refused_on_btrfs(s, "hole", holes, "have holes", 0)
    else:
        yield from _refused_span(s, "hole", holes, "has unallocated extents", recreate(s))


@rule("file-delayed", Severity.REFUSED, stage=Stage.MAP, when=iomap)
def file_delayed(s: Snapshot) -> Iterator[Violation]:
    """Parts of the file are not on disk yet.

    Somebody keeps writing to it: blocks were still to be allocated after everything had been
    written back.

    Fix: stop the writer and run sync.

    Source: iomap_swapfile_activate() syncs the file, then refuses delayed allocation.
    """
    yield from _refused_span(
        s,
        "delayed range",
        the_extents(s).delayed,
        "has unallocated extents",
        Fix("Stop the program that writes to it, then:", (f"sync {quoted(s.path)}",)),
    )


@rule("file-inline", Severity.REFUSED, stage=Stage.MAP, when=judged)
def file_inline(s: Snapshot) -> Iterator[Violation]:
    """The data lies inside the inode or the metadata.

    Very small files have no block of their own to swap to.

    Fix: make a larger file.

    Source: iomap_swapfile_iter() in fs/iomap/swapfile.c; btrfs_swap_activate() in fs/btrfs/inode.c.
    """
    inline = the_extents(s).inline
    if fstype(s) == "btrfs":
        yield from _refused_on_btrfs(s, "inline range", inline, "be inline", 1)
    else:
        yield from _refused_span(s, "inline range", inline, "is inline", recreate(s))


@rule("file-shared", Severity.REFUSED, stage=Stage.MAP, when=iomap)
def file_shared(s: Snapshot) -> Iterator[Violation]:
    """Blocks are shared with another file.

    The file was cloned (reflink, deduplication): a page written into a shared block would change
    the other file too.

    Fix: give the file blocks of its own, or make a new one.

    Source: IOMAP_F_SHARED in iomap_swapfile_iter(), fs/iomap/swapfile.c; fallocate(2),
    FALLOC_FL_UNSHARE_RANGE.
    """
    size = the_file(s).size
    unshare = f"xfs_io -c 'funshare 0 {size}' -c fsync {quoted(s.path)}"
    yield from _refused_span(
        s,
        "shared range",
        the_extents(s).shared,
        "has shared extents",
        Fix("Give it blocks of its own:", (unshare,)),
    )


@rule("extents-unwritten-refused", Severity.REFUSED, stage=Stage.MAP, when=iomap)
def extents_unwritten_refused(s: Snapshot) -> Iterator[Violation]:
    """This kernel refuses allocated blocks that were never written.

    Linux 5.7 to 5.9 on ext4, and kernels before 4.18 on xfs, take unwritten extents for holes.
    Only the release tells; distributions may have repaired theirs.

    Fix: write the whole file.

    Source: ext4 moved bmap to iomap in 5.7 and got swap_activate in 5.10; xfs got it in 4.18.
    """
    unwritten = the_extents(s).unwritten
    for names, first, good in UNWRITTEN_REFUSED:
        if unwritten.pieces and fstype(s) in names and first <= release(s) < good:
            yield Violation(
                (
                    *span_evidence("unwritten range", unwritten, FIEMAP),
                    Evidence("kernel", s.host.kernel, s.host.kernel, "uname(2)"),
                ),
                recreate(s),
                errno="EINVAL",
                log="swapon: swapfile has holes",
                at=unwritten.first[0].offset,
            )
