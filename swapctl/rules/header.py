"""Rules about the first page: the swap header that mkswap(8) and prepare write."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, SwapHeader, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import recreate, swappable, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes

SIGNATURE = "SWAPSPACE2"
SUSPEND = ("S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001", "TUXONICE")
# No 64-bit machine has a lower limit (x86 with L1TF, 44 bits, 4 KiB pages); 32-bit ones may.
LEAST_LIMIT_PAGES = 2**31
_NOT_FOUND = "Unable to find swap-space signature"
_SOURCE = "first page"


def area_pages(s: Snapshot) -> int:
    """The size of the file or device in whole pages."""
    file = the_file(s)
    if file.kind == "block":
        device = need(s.device) or need(Unknown("device size", "no such device"))
        return device.size // s.host.page_size
    return file.size // s.host.page_size


def signed(s: Snapshot) -> SwapHeader | None:
    """The header when the running kernel would find its signature, else None."""
    header = need(s.header)
    if (
        header is None
        or header.signature != SIGNATURE
        or header.signature_page_size != s.host.page_size
    ):
        return None
    return header


def mkswap(s: Snapshot, text: str = "Write a new header (contents of the area are lost):") -> Fix:
    """Write the header anew."""
    return Fix(text, (f"mkswap {quoted(s.path)}",))


def in_header(name: str, value: int | str) -> tuple[Evidence, ...]:
    """A field of the first page as evidence."""
    return (Evidence(name, value, str(value), _SOURCE),)


@rule("header-missing", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_missing(s: Snapshot) -> Iterator[Violation]:
    """There is no swap signature.

    swapon(2) looks for "SWAPSPACE2" in the last ten bytes of the first page; without it the file
    could be anything, and is refused.

    Fix: mkswap writes the header. Be sure that the file holds nothing else.

    Source: read_swap_header(), mm/swapfile.c; the layout is in include/linux/swap.h.
    """
    header = need(s.header)
    if header is None or header.signature not in (SIGNATURE, *SUSPEND):
        text = header.signature if header else "none"
        yield Violation(
            (Evidence("signature", text, text, _SOURCE),),
            mkswap(s) if area_pages(s) >= 10 else recreate(s),
            errno="EINVAL",
            log=_NOT_FOUND,
        )


@rule("header-suspend-image", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_suspend_image(s: Snapshot) -> Iterator[Violation]:
    """The area holds a hibernation image.

    The signature is that of a suspended system: the kernel does not activate it, and a new header
    would destroy the image. swapon(8) replaces such signatures without asking.

    Fix: resume the system from it; only if the image is not wanted, write a new header.

    Source: kernel/power/swap.c; swsuspend_signature() in util-linux's swapon.c.
    """
    header = need(s.header)
    if header and header.signature in SUSPEND:
        yield Violation(
            in_header("signature", header.signature),
            mkswap(s, "Only when the suspended system is not wanted any more:"),
            errno="EINVAL",
            log=_NOT_FOUND,
        )


@rule("header-page-size", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_page_size(s: Snapshot) -> Iterator[Violation]:
    """The header was made for another page size.

    The signature stands at the end of the first page, so a header for 64 KiB pages is not found by
    a kernel with 4 KiB pages. It happens when a disk moves between machines or kernels.

    Fix: write the header again on this kernel, with the same label and UUID.

    Source: read_swap_header(), mm/swapfile.c; swapon(8) --fixpgsz.
    """
    header = need(s.header)
    if header and header.signature == SIGNATURE and header.signature_page_size != s.host.page_size:
        keep = (f" -U {header.uuid}" if header.uuid else "") + (
            f" -L {quoted(header.label)}" if header.label else ""
        )
        yield Violation(
            (
                *in_header("header page size", header.signature_page_size),
                Evidence("page size", s.host.page_size, str(s.host.page_size), "sysconf(3)"),
            ),
            Fix("Write it again:", (f"mkswap{keep} {quoted(s.path)}",)),
            errno="EINVAL",
            log=_NOT_FOUND,
        )


@rule("header-version", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_version(s: Snapshot) -> Iterator[Violation]:
    """The header has an unknown version.

    Only version 1 exists; anything else means that the page was damaged or never was a header.

    Fix: write a new header.

    Source: read_swap_header(), mm/swapfile.c.
    """
    header = signed(s)
    if header and header.version != 1:
        signed_version = header.version - (1 << 32 if header.version >= 1 << 31 else 0)
        yield Violation(
            in_header("version", header.version),
            mkswap(s),
            errno="EINVAL",
            log=f"Unable to handle swap header version {signed_version}",
            at=2,
        )


@rule("header-empty", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_empty(s: Snapshot) -> Iterator[Violation]:
    """The header says that the area has no pages.

    Its last page is number 0, the header itself, so there is nothing to swap to.

    Fix: write a new header.

    Source: read_swap_header(), mm/swapfile.c.
    """
    header = signed(s)
    if header and header.last_page == 0:
        yield Violation(
            in_header("last page", 0), mkswap(s), errno="EINVAL", log="Empty swap-file", at=3
        )


@rule("header-too-long", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_too_long(s: Snapshot) -> Iterator[Violation]:
    """The header promises more pages than there are.

    The file was truncated, or the device shrank, after the header was written.

    Fix: write a new header for the present size.

    Source: read_swap_header(), mm/swapfile.c.
    """
    header = signed(s)
    pages = area_pages(s)
    if header and pages and min(header.last_page + 1, 2**32 - 1) > pages:
        yield Violation(
            (
                *in_header("pages in the header", header.last_page + 1),
                Evidence("pages in the area", pages, str(pages), "size"),
            ),
            mkswap(s) if pages >= 10 else recreate(s),
            errno="EINVAL",
            log="Swap area shorter than signature indicates",
            at=4,
        )


@rule("header-oversized", Severity.WARNING, when=swappable)
def header_oversized(s: Snapshot) -> Iterator[Violation]:
    """The area is longer than the kernel can use.

    A swap entry has to fit a page table entry; on x86 processors with the L1 terminal fault half
    of the address space is out of bounds. What lies behind the limit is never used.

    Fix: make several smaller areas.

    Source: swapfile_maximum_size in mm/swapfile.c; arch_max_swapfile_size() in arch/x86/mm/init.c.
    """
    header = signed(s)
    if header and header.last_page >= LEAST_LIMIT_PAGES:
        limit = need(s.host.max_area_pages)
        if header.last_page > limit:
            yield Violation(
                (
                    *in_header("pages in the header", header.last_page + 1),
                    Evidence("limit", limit, str(limit), "/proc/cpuinfo"),
                ),
                Fix("Make several smaller areas."),
            )


@rule("header-short", Severity.WARNING, when=swappable)
def header_short(s: Snapshot) -> Iterator[Violation]:
    """The header uses only a part of the area.

    The file grew after the header was written; the rest is never used, but local filesystems
    still demand that it has no holes.

    Fix: write a new header for the whole size.

    Source: read_swap_header(), mm/swapfile.c; seen on Linux 6.18.
    """
    header = signed(s)
    pages = area_pages(s)
    if header and 0 < header.last_page + 1 < pages:
        unused = (pages - header.last_page - 1) * s.host.page_size
        yield Violation((Evidence("unused", unused, format_bytes(unused), _SOURCE),), mkswap(s))


@rule("header-byte-order", Severity.NOTE, when=swappable)
def header_byte_order(s: Snapshot) -> Iterator[Violation]:
    """The header is in the other byte order.

    It was written by a machine of the other endianness. The kernel reads it all the same.

    Fix: none needed.

    Source: the swab32() branch of read_swap_header(), mm/swapfile.c.
    """
    header = signed(s)
    if header and header.byte_order != s.host.byte_order:
        yield Violation(in_header("byte order", header.byte_order), Fix("None needed."))
