"""The first page of a swap area: union swap_header of the kernel's include/linux/swap.h.

The signature ends the page of the machine that made the area, so that areas of machines with
another page size are found at other places. Numbers are in the maker's byte order.
"""

import struct
import sys

from swapctl.facts import SwapHeader, max_bad_pages

SWAPSPACE2 = "SWAPSPACE2"
SWAP_SPACE = "SWAP-SPACE"
TUXONICE = "TUXONICE"
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)

# The signature field has 10 bytes; those of nine are followed by a NUL (kernel/power/swap.c and
# libblkid's superblocks/swap.c).
_SIGNATURES = (
    SWAPSPACE2,
    SWAP_SPACE,
    "S1SUSPEND",
    "S2SUSPEND",
    "ULSUSPEND",
    "LINHIB0001",
)
_SIGNATURE_SIZE = 10
# TuxOnIce wrote this at the very beginning instead.
_TUXONICE_MAGIC = b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c"

_INFO_OFFSET = 1024
_BAD_PAGES_OFFSET = 1536
_LABEL_SIZE = 16
_ORDERS = {"little": "<", "big": ">"}
_MAX_LAST_PAGE = 0xFFFFFFFF


def _find(page: bytes, page_size: int) -> tuple[str, int] | None:
    for size in (page_size, *PAGE_SIZES):
        if size < PAGE_SIZES[0] or len(page) < size:
            continue
        field = page[size - _SIGNATURE_SIZE : size]
        for signature in _SIGNATURES:
            if field.startswith(signature.encode()):
                return signature, size
    if page.startswith(_TUXONICE_MAGIC) and len(page) >= PAGE_SIZES[0]:
        return TUXONICE, page_size
    return None


def parse(page: bytes, page_size: int) -> SwapHeader | None:
    """The swap header in `page`, the first bytes of the area (64 KiB find all page sizes).

    `page_size` is the running kernel's and is tried first. None when no signature is found.
    Nothing is judged here: version, last page and bad page count are as they stand.
    """
    found = _find(page, page_size)
    if found is None:
        return None
    signature, size = found
    order: str = sys.byteorder
    swapped = "big" if order == "little" else "little"
    if struct.unpack_from(f"{_ORDERS[swapped]}I", page, _INFO_OFFSET) == (1,):
        order = swapped
    version, last_page, bad_count, uuid, label = struct.unpack_from(
        f"{_ORDERS[order]}III16s{_LABEL_SIZE}s", page, _INFO_OFFSET
    )
    bad_pages: tuple[int, ...] = ()
    if bad_count <= max_bad_pages(min(size, len(page))):
        bad_pages = struct.unpack_from(f"{_ORDERS[order]}{bad_count}I", page, _BAD_PAGES_OFFSET)
    return SwapHeader(
        signature=signature,
        signature_page_size=size,
        byte_order=order,
        version=version,
        last_page=last_page,
        bad_page_count=bad_count,
        bad_pages=bad_pages,
        uuid=format_uuid(uuid),
        label=label.split(b"\0", 1)[0].decode("utf-8", "surrogateescape"),
    )


def format_uuid(uuid: bytes) -> str:
    """Sixteen bytes as lower-case text with dashes, "" when all are zero (no UUID)."""
    if not any(uuid):
        return ""
    digits = uuid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def pack(
    page_size: int, pages: int, uuid: bytes, label: str = "", byte_order: str = sys.byteorder
) -> bytes:
    """The header page of an area of `pages` pages, itself included, without bad pages.

    Raises ValueError for a label that is longer than 16 bytes in UTF-8 or contains NUL, a UUID
    that is not 16 bytes, fewer than two pages, or more than the header's 32 bits can say.
    """
    name = label.encode("utf-8", "surrogateescape")
    if len(name) > _LABEL_SIZE or b"\0" in name:
        raise ValueError(f"a swap label has at most {_LABEL_SIZE} bytes and no NUL: {label!r}")
    if len(uuid) != 16:
        raise ValueError(f"a UUID has 16 bytes, not {len(uuid)}")
    if not 1 <= pages - 1 <= _MAX_LAST_PAGE:
        raise ValueError(f"a swap area cannot have {pages} pages")
    page = bytearray(page_size)
    struct.pack_into(
        f"{_ORDERS[byte_order]}III16s{_LABEL_SIZE}s",
        page,
        _INFO_OFFSET,
        1,
        pages - 1,
        0,
        uuid,
        name,
    )
    page[-_SIGNATURE_SIZE:] = SWAPSPACE2.encode()
    return bytes(page)
