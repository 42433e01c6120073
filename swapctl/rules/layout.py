"""Rules about how the blocks lie: what can be used of them, and what it costs."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.extents import FIEMAP
from swapctl.rules.header import LEAST_LIMIT_PAGES, area_pages, signed
from swapctl.rules.subject import (
    block,
    by_blocks,
    by_sections,
    counted,
    fstype,
    judged,
    recreate,
    regular,
    span_evidence,
    the_blocks,
    the_extents,
    the_file,
)
from swapctl.text import quoted
from swapctl.units import format_bytes

MIB = 2**20
KIB = 2**10


def mapped_pages(s: Snapshot) -> int:
    """Pages that the kernel maps of the file or device, the header page among them, before the
    header's own limit."""
    if block(s) or counted(s) or by_sections(s):
        return area_pages(s)
    if by_blocks(s):
        return the_blocks(s).pages
    return the_extents(s).usable_pages


def usable_pages(s: Snapshot) -> int | None:
    """Pages that /proc/swaps would show: mapped, within the header's limit, less the header page
    and the bad pages. None without a header."""
    header = signed(s)
    if header is None:
        return None
    bad = header.bad_page_count if the_file(s).kind == "block" else 0
    pages = min(mapped_pages(s), header.last_page + 1)
    if pages > LEAST_LIMIT_PAGES:
        pages = min(pages, need(s.host.max_area_pages))
    return pages - 1 - bad


@rule("area-no-page", Severity.REFUSED, stage=Stage.MAP, when=judged)
def area_no_page(s: Snapshot) -> Iterator[Violation]:
    """Not one page of the file lies whole and aligned on the disk.

    Blocks are smaller than a page and so scattered that no page's worth of them is contiguous.

    Fix: make a new file.

    Source: iomap_swapfile_activate(), fs/iomap/swapfile.c.
    """
    extents = the_extents(s)
    if extents.usable_pages == 0 and fstype(s) != "btrfs":
        yield Violation(
            (Evidence("usable pages", 0, f"0 of {extents.covered // s.host.page_size}", FIEMAP),),
            recreate(s),
            errno="EINVAL",
            log="swapon: Cannot find a single usable page in file.",
            at=the_file(s).size,
        )


def countable(s: Snapshot) -> bool:
    """Can the pages that the kernel would use be counted?"""
    return block(s) or judged(s) or counted(s) or by_blocks(s) or by_sections(s)


@rule("area-empty", Severity.REFUSED, stage=Stage.EMPTY, when=countable)
def area_empty(s: Snapshot) -> Iterator[Violation]:
    """No page is left for swap.

    After alignment, or after the bad pages of a device, only the header page remains.

    Fix: make a larger, contiguous file, or a new header.

    Source: setup_swap_map() and its callers, mm/swapfile.c.
    """
    usable = usable_pages(s)
    # The walk over extents says so itself when there is not one page.
    none_mapped = judged(s) and mapped_pages(s) == 0
    if usable is not None and usable <= 0 and not none_mapped:
        yield Violation(
            (Evidence("usable pages", usable, str(usable), "computed"),),
            recreate(s)
            if regular(s)
            else Fix("Write a new header:", (f"mkswap {quoted(s.path)}",)),
            errno="EINVAL",
            log="Empty swap-file",
        )


@rule("extents-trimmed", Severity.WARNING, when=judged)
def extents_trimmed(s: Snapshot) -> Iterator[Violation]:
    """Part of the file cannot be used because its blocks are not page-aligned.

    The filesystem's blocks are smaller than a page. The kernel silently drops every page whose
    blocks are not contiguous and aligned; the first one may be that of the header, and then
    hibernation to this file fails.

    Fix: nothing needs to be done for a page or two; otherwise make a new file, best on a filesystem
    with blocks of the page size.

    Source: iomap_swapfile_add_extent(), fs/iomap/swapfile.c.
    """
    extents = the_extents(s)
    pages = extents.covered // s.host.page_size
    if not extents.holes.pieces and extents.usable_pages < pages:
        yield Violation(
            (
                Evidence(
                    "usable pages",
                    extents.usable_pages,
                    f"{extents.usable_pages} of {pages}",
                    FIEMAP,
                ),
            ),
            Fix(
                "For a page or two nothing; else a new file, best on larger blocks:",
                recreate(s).commands,
            ),
        )


@rule("file-fragmented", Severity.WARNING, when=judged)
def file_fragmented(s: Snapshot) -> Iterator[Violation]:
    """The file is in many small pieces.

    Swap-out and read-ahead work in runs of neighbouring blocks: below 1 MiB a piece they get
    slower, below 64 KiB much slower, and each piece costs kernel memory while the area is active.

    Fix: make a new file while there is contiguous free space.

    Source: measured: 1 MiB pieces wrote at about half, 8 KiB pieces at about a third of the speed.
    """
    extents = the_extents(s)
    mapped = extents.covered - extents.holes.bytes
    runs = extents.runs
    if runs < 2 or mapped // runs >= MIB:
        return
    mean = mapped // runs
    title = "The file is in very many tiny pieces" if mean < 64 * KIB else None
    yield Violation(
        (Evidence("pieces", runs, f"{runs}, {format_bytes(mean)} each on average", FIEMAP),),
        recreate(s),
        title=title,
    )


@rule("extents-unwritten", Severity.NOTE, when=judged)
def extents_unwritten(s: Snapshot) -> Iterator[Violation]:
    """Blocks are allocated but were never written.

    Local filesystems are bypassed by swap I/O: pages go straight to the blocks and the extents stay
    unwritten, so no transaction follows from it here. A layer below that allocates on first write
    (a sparse image under a loop device, thin volumes) would have to do it under memory pressure.

    Fix: none needed on a real disk; prepare writes every block, unless told --method fallocate.

    Source: seen on Linux 6.18 with ext4, xfs and btrfs: 37 MB swapped out, extents unchanged.
    """
    unwritten = the_extents(s).unwritten
    if unwritten.pieces:
        yield Violation(
            span_evidence("unwritten range", unwritten, FIEMAP),
            recreate(s, "To have them written:"),
        )
