"""Rules about the list of bad pages in the swap header, which old disks once needed."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, max_bad_pages, need
from swapctl.rules.engine import Severity, Stage, Violation, rule
from swapctl.rules.header import in_header, mkswap, signed
from swapctl.rules.subject import block, regular, release, swappable

# Of the releases between it is not known whether they refuse a bad page that is listed twice.
_LAST_TO_ACCEPT = (6, 18)
_FIRST_TO_REFUSE = (7, 2)


@rule("header-bad-pages", Severity.REFUSED, stage=Stage.HEADER, when=swappable)
def header_bad_pages(s: Snapshot) -> Iterator[Violation]:
    """The list of bad pages is not acceptable.

    A regular file must not have one at all, and no header has room for more than a page of
    numbers. The kernel refuses without a log line.

    Fix: write a new header.

    Source: read_swap_header() and MAX_SWAP_BADPAGES, mm/swapfile.c, include/linux/swap.h.
    """
    header = signed(s)
    if header and header.bad_page_count:
        swapped = header.version == 1 and header.byte_order != s.host.byte_order
        many = header.bad_page_count > max_bad_pages(s.host.page_size)
        if many or regular(s):
            yield Violation(
                in_header("bad pages", header.bad_page_count),
                mkswap(s),
                errno="EINVAL",
                at=1 if many and swapped else 5,
            )


@rule("header-bad-page-range", Severity.REFUSED, stage=Stage.MAP, when=block)
def header_bad_page_range(s: Snapshot) -> Iterator[Violation]:
    """A bad page of the list lies outside of the area.

    Page 0 is the header and cannot be bad; pages after the last do not exist.

    Fix: write a new header.

    Source: setup_swap_map(), mm/swapfile.c.
    """
    header = signed(s)
    if header and header.bad_page_count <= max_bad_pages(s.host.page_size):
        outside = [n for n in header.bad_pages if n == 0 or n > header.last_page]
        if outside:
            said = f"Bad slot offset is out of border: {outside[0]} (last_page: {header.last_page})"
            yield Violation(
                in_header("bad page", outside[0]),
                mkswap(s),
                errno="EINVAL",
                log=said if release(s) >= _FIRST_TO_REFUSE else None,
                at=1,
            )


@rule("header-bad-page-twice", Severity.REFUSED, stage=Stage.MAP, when=block)
def header_bad_page_twice(s: Snapshot) -> Iterator[Violation]:
    """A bad page is listed twice.

    Linux 7.x refuses such a list; Linux 6.18 and older accept it and count the page twice. Only
    the release tells, and not for the ones between.

    Fix: write a new header.

    Source: "Duplicated bad slot offset" in mm/swapfile.c of Linux 7.3; accepted by 6.18.44.
    """
    header = signed(s)
    if header and len(set(header.bad_pages)) < len(header.bad_pages):
        if _LAST_TO_ACCEPT < release(s) < _FIRST_TO_REFUSE:
            need(Unknown("the kernel's answer", "it changed in one of these releases"))
        if release(s) >= _FIRST_TO_REFUSE:
            twice = next(n for n in header.bad_pages if header.bad_pages.count(n) > 1)
            yield Violation(
                in_header("bad page", twice),
                mkswap(s),
                errno="EINVAL",
                log=f"Duplicated bad slot offset {twice}",
                at=2,
            )
