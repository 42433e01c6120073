"""The swap header: reading what any machine wrote, writing what the kernel accepts."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapctl.facts import max_bad_pages
from swapctl.linux import header

UUID = bytes.fromhex("0123456789abcdef0123456789abcdef")
UUID_TEXT = "01234567-89ab-cdef-0123-456789abcdef"
ORDERS = ("little", "big")


@given(
    page_size=st.sampled_from(header.PAGE_SIZES),
    pages=st.integers(2, 2**32),
    uuid=st.binary(min_size=16, max_size=16),
    label=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=16),
    order=st.sampled_from(ORDERS),
    running=st.sampled_from(header.PAGE_SIZES),
)
def test_packed_header_parses_back(
    page_size: int, pages: int, uuid: bytes, label: str, order: str, running: int
) -> None:
    if len(label.encode()) > 16:
        with pytest.raises(ValueError, match="16 bytes"):
            header.pack(page_size, pages, uuid, label, order)
        return
    page = header.pack(page_size, pages, uuid, label, order)
    assert len(page) == page_size
    parsed = header.parse(page + bytes(65536), running)
    assert parsed is not None
    assert parsed.signature == "SWAPSPACE2"
    assert parsed.signature_page_size == page_size
    assert parsed.byte_order == order
    assert (parsed.version, parsed.last_page) == (1, pages - 1)
    assert (parsed.bad_page_count, parsed.bad_pages) == (0, ())
    assert parsed.uuid == header.format_uuid(uuid)
    assert parsed.label == label


@given(st.binary(max_size=9000), st.integers(0, 70000))
def test_any_bytes_are_survived(page: bytes, page_size: int) -> None:
    header.parse(page, page_size)


@given(st.binary(min_size=512 + 16, max_size=512 + 16), st.sampled_from(header.PAGE_SIZES))
def test_any_info_is_survived(info: bytes, page_size: int) -> None:
    page = bytearray(header.pack(page_size, 10, UUID))
    page[1024 : 1024 + len(info)] = info
    parsed = header.parse(bytes(page), page_size)
    assert parsed is not None
    assert len(parsed.bad_pages) <= max_bad_pages(page_size)


@pytest.mark.parametrize(
    ("field", "signature"),
    [
        (b"SWAP-SPACE", "SWAP-SPACE"),
        (b"S1SUSPEND\0", "S1SUSPEND"),
        (b"S2SUSPEND\0", "S2SUSPEND"),
        (b"ULSUSPEND\0", "ULSUSPEND"),
        (b"LINHIB0001", "LINHIB0001"),
    ],
)
def test_other_signatures_are_named(field: bytes, signature: str) -> None:
    page = header.pack(4096, 10, UUID)[:-10] + field
    parsed = header.parse(page, 4096)
    assert parsed is not None
    assert parsed.signature == signature
    assert parsed.uuid == UUID_TEXT


def test_tuxonice_magic_is_found_at_the_beginning() -> None:
    page = b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c".ljust(4096, b"\0")
    parsed = header.parse(page, 4096)
    assert parsed is not None
    assert parsed.signature == header.TUXONICE
    assert parsed.uuid == ""


def test_the_running_page_size_wins() -> None:
    small = header.pack(4096, 10, UUID, "small")
    both = small + bytes(65536 - 4096 - 10) + b"SWAPSPACE2"
    parsed = [header.parse(both, size) for size in (4096, 65536)]
    assert [found and found.signature_page_size for found in parsed] == [4096, 65536]


@pytest.mark.parametrize("order", ORDERS)
def test_bad_pages_are_read_in_the_header_s_order(order: str) -> None:
    page = bytearray(header.pack(4096, 100, UUID, byte_order=order))
    prefix = "<" if order == "little" else ">"
    struct.pack_into(f"{prefix}I", page, 1032, 3)
    struct.pack_into(f"{prefix}3I", page, 1536, 7, 8, 99)
    parsed = header.parse(bytes(page), 4096)
    assert parsed is not None
    assert parsed.bad_page_count == 3
    assert parsed.bad_pages == (7, 8, 99)


def test_an_absurd_bad_page_count_is_reported_without_pages() -> None:
    page = bytearray(header.pack(4096, 100, UUID))
    struct.pack_into("=I", page, 1032, max_bad_pages(4096) + 1)
    parsed = header.parse(bytes(page), 4096)
    assert parsed is not None
    assert parsed.bad_page_count == 638
    assert parsed.bad_pages == ()


@pytest.mark.parametrize("version", [0, 2, 0x01000001])
def test_an_unknown_version_is_read_in_native_order(version: int) -> None:
    page = bytearray(header.pack(4096, 100, UUID))
    struct.pack_into("=I", page, 1024, version)
    parsed = header.parse(bytes(page), 4096)
    assert parsed is not None
    assert (parsed.version, parsed.byte_order) == (version, sys.byteorder)


def test_label_bytes_that_are_not_utf8_round_trip() -> None:
    label = b"\xffswap\xfe".decode("utf-8", "surrogateescape")
    parsed = header.parse(header.pack(4096, 10, bytes(16), label), 4096)
    assert parsed is not None
    assert (parsed.label, parsed.uuid) == (label, "")


@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_max_bad_pages_fits_the_page(size: int) -> None:
    assert 1536 + 4 * max_bad_pages(size) <= size - 10 < 1540 + 4 * max_bad_pages(size)


def test_no_signature_is_none() -> None:
    assert header.parse(bytes(65536), 4096) is None
    assert header.parse(b"", 4096) is None
    assert header.parse(header.pack(4096, 10, UUID)[:-1], 4096) is None


@pytest.mark.parametrize(
    ("pages", "uuid", "label"),
    [
        (1, UUID, ""),
        (2**32 + 1, UUID, ""),
        (10, UUID[:-1], ""),
        (10, UUID, "a\0b"),
        (10, UUID, "\u20ac" * 6),
    ],
)
def test_pack_refuses_what_the_header_cannot_say(pages: int, uuid: bytes, label: str) -> None:
    with pytest.raises(ValueError, match=r"label|UUID|pages"):
        header.pack(4096, pages, uuid, label)
