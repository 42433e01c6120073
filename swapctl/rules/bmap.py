"""Rules where swapon(2) asks for every block: generic_swapfile_activate(), mm/page_io.c."""

from collections.abc import Iterator

from swapctl.facts import Snapshot
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.header import area_pages, signed
from swapctl.rules.subject import by_blocks, mechanism, recreate, the_blocks

FIBMAP = "FIBMAP"


def wanted_pages(s: Snapshot) -> int:
    """The pages that the kernel asks for: those of the file, as far as the header counts."""
    header = signed(s)
    pages = area_pages(s)
    return pages if header is None else min(pages, header.last_page + 1)


def _said(s: Snapshot) -> str | None:
    """How the kernel logs a block without a place: iomap says it in other words."""
    if mechanism(s) == "iomap":
        return f"swapon: file {s.resolved} has unallocated extents"
    return "swapon: swapfile has holes"


@rule("blocks-missing", Severity.REFUSED, stage=Stage.MAP, when=by_blocks)
def blocks_missing(s: Snapshot) -> Iterator[Violation]:
    """The filesystem names no disk block for a part of the file.

    A hole, or data that the filesystem keeps in another way (compressed, or beyond what was ever
    written), has no block of its own. Only what the header uses is asked for.

    Fix: write the whole file, then its header.

    Source: bmap() in generic_swapfile_activate(), mm/page_io.c; iomap_swapfile_activate() for exfat
    where the kernel has exfat_iomap_swap_activate().
    """
    blocks = the_blocks(s)
    if blocks.hole_at is not None:
        yield Violation(
            (
                Evidence(
                    "first block without a place", blocks.hole_at, f"byte {blocks.hole_at}", FIBMAP
                ),
            ),
            recreate(s),
            errno="EINVAL",
            log=_said(s),
            at=blocks.hole_at,
        )


@rule("blocks-misaligned", Severity.WARNING, when=by_blocks)
def blocks_misaligned(s: Snapshot) -> Iterator[Violation]:
    """Part of the file cannot be used because its blocks are not page-aligned.

    The filesystem's blocks are smaller than a page, and the kernel drops every page whose blocks
    are not contiguous and aligned on the disk.

    Fix: make the file anew, best on a filesystem with blocks of the page size.

    Source: generic_swapfile_activate(), mm/page_io.c.
    """
    blocks = the_blocks(s)
    wanted = wanted_pages(s)
    if blocks.hole_at is None and blocks.pages < wanted:
        yield Violation(
            (Evidence("usable pages", blocks.pages, f"{blocks.pages} of {wanted}", FIBMAP),),
            Fix("Make it anew, best on a filesystem with larger blocks.", recreate(s).commands),
        )
