"""The first page: every way in which it can be wrong, or odd and still be taken."""

import os
from functools import partial

from tests.kernel.conditions import PAGE, PAGES, Place, add, condition, header, put, swapfile, sync

# The array of bad pages ends where the signature begins.
MAX_BAD = (PAGE - 10 - 1536) // 4


def _with(place: Place, head: bytes) -> str:
    return swapfile(place, head=head[:PAGE])


def _suspended(place: Place) -> str:
    """A hibernation image: swapon(8) takes it for swap again, swapon(2) does not."""
    return _with(place, header(PAGES, signature=b"S1SUSPEND\0"))


WRONG = {
    "no-signature": bytes(PAGE),
    "signature-wrong": header(PAGES, signature=b"SWAPSPACE3"),
    "signature-lower-case": header(PAGES, signature=b"swapspace2"),
    "signature-one-byte-early": header(PAGES, signature=b"SWAPSPACE2\0"),
    "signature-of-version-0": header(PAGES, signature=b"SWAP-SPACE"),
    "last-page-0": header(PAGES, last_page=0),
    "last-page-is-the-number-of-pages": header(PAGES, last_page=PAGES),
    "last-page-huge": header(PAGES, last_page=0xFFFFFFF0),
    "last-page-all-ones": header(PAGES, last_page=0xFFFFFFFF),
    "version-0": header(PAGES, version=0),
    "version-2": header(PAGES, version=2),
    "version-all-ones": header(PAGES, version=0xFFFFFFFF),
    "byte-swapped": header(PAGES, swapped=True),
    "byte-swapped-too-long": header(PAGES + 1, swapped=True),
    "byte-swapped-huge-bad-count": header(PAGES, swapped=True, bad_count=0x01000000),
    "byte-swapped-version-2": header(PAGES, swapped=True, version=2),
    "bad-page": header(PAGES, bad=(1,)),
    "bad-page-count-at-limit": header(PAGES, bad_count=MAX_BAD),
    "bad-page-count-over-limit": header(PAGES, bad_count=MAX_BAD + 1),
    "bad-page-count-huge": header(PAGES, bad_count=0xFFFFFFFF),
    "version-2-and-last-page-0": header(PAGES, version=2, last_page=0),
    "last-page-0-and-bad-page": header(PAGES, last_page=0, bad=(1,)),
    "too-long-and-bad-page": header(2 * PAGES, bad=(1,)),
    "last-page-1": header(PAGES, last_page=1),
}

for name, head in WRONG.items():
    add(name, partial(_with, head=head), "main,foreign")
add("hibernation-image", _suspended, "main")


@condition("main")
def header_for_larger_pages(place: Place) -> str:
    path = swapfile(place, head=bytes(PAGE))
    put(path, 0, header(PAGES // 16, page=16 * PAGE))
    sync(path)
    return path


@condition("native")
def truncated_after_mkswap(place: Place) -> str:
    path = swapfile(place)
    os.truncate(path, PAGES // 2 * PAGE)
    sync(path)
    return path


@condition("main")
def truncated_by_one_byte(place: Place) -> str:
    path = swapfile(place)
    os.truncate(path, PAGES * PAGE - 1)
    sync(path)
    return path


@condition("main")
def boot_sector_used(place: Place) -> str:
    """The first KiB is left alone for boot loaders and may hold anything."""
    path = swapfile(place)
    put(path, 0, b"\xff" * 1024)
    sync(path)
    return path


def _prepared(place: Place, name: str) -> str:
    return str(place.mounted.path / name)


for name in ("written", "sparse", "headerless"):
    add(f"packed-{name}", partial(_prepared, name=name), "image")
