"""How the blocks of the file lie: holes, unwritten blocks, odd sizes, unsynced data."""

import mmap
import os

from tests.kernel.conditions import (
    FALLOC_COLLAPSE_RANGE,
    FALLOC_INSERT_RANGE,
    FALLOC_KEEP_SIZE,
    FALLOC_ZERO_RANGE,
    PAGE,
    PAGES,
    Place,
    condition,
    create,
    fallocate,
    header,
    preallocated,
    punch,
    put,
    swapfile,
    sync,
)
from tests.kernel.loopfs import run

# A multiple of every block and cluster size in the table, so that ranges can be cut out.
UNIT = 64 << 10


@condition("writable")
def written(place: Place) -> str:
    return swapfile(place)


@condition("main", "tool mkswap")
def written_and_mkswap(place: Place) -> str:
    path = swapfile(place, head=bytes(PAGE))
    run("mkswap", "-L", "oracle", path)
    return path


@condition("prealloc")
def fallocated_without_header(place: Place) -> str:
    path = create(place.path())
    fallocate(path, 0, 0, PAGES * PAGE)
    return path


@condition("prealloc")
def fallocated(place: Place) -> str:
    return preallocated(place)


@condition("prealloc")
def half_fallocated_half_written(place: Place) -> str:
    path = preallocated(place)
    for page in range(1, PAGES, 7):
        put(path, page * PAGE, b"x" * PAGE)
    sync(path)
    return path


@condition("writable")
def sparse(place: Place) -> str:
    path = create(place.path())
    put(path, 0, header(PAGES))
    os.truncate(path, PAGES * PAGE)
    sync(path)
    return path


@condition("punch")
def hole_in_the_middle(place: Place) -> str:
    return punch(swapfile(place), PAGES // 2 * PAGE, UNIT)


@condition("punch")
def hole_at_the_end(place: Place) -> str:
    return punch(swapfile(place), PAGES * PAGE - UNIT, UNIT)


@condition("native punch")
def hole_after_the_header(place: Place) -> str:
    """One page; where blocks are larger than pages, zeroed without making a hole."""
    return punch(swapfile(place), PAGE, PAGE)


@condition("punch")
def hole_behind_last_page(place: Place) -> str:
    path = swapfile(place, head=header(PAGES // 2))
    return punch(path, PAGES * PAGE - UNIT, UNIT)


@condition("punch")
def hole_where_the_header_was(place: Place) -> str:
    return punch(swapfile(place), 0, UNIT)


@condition("writable")
def hole_in_partial_last_page(place: Place) -> str:
    path = swapfile(place)
    os.truncate(path, PAGES * PAGE + 2000)
    sync(path)
    return path


@condition("prealloc")
def hole_hidden_by_blocks_beyond_the_end(place: Place) -> str:
    path = punch(swapfile(place), PAGES // 2 * PAGE, UNIT)
    fallocate(path, FALLOC_KEEP_SIZE, PAGES * PAGE, 4 * UNIT)
    sync(path)
    return path


@condition("prealloc")
def blocks_beyond_the_end(place: Place) -> str:
    path = swapfile(place)
    fallocate(path, FALLOC_KEEP_SIZE, PAGES * PAGE, 4 * UNIT)
    sync(path)
    return path


@condition("native")
def grown_by_truncate(place: Place) -> str:
    path = swapfile(place)
    os.truncate(path, 2 * PAGES * PAGE)
    sync(path)
    return path


@condition("collapse")
def collapsed(place: Place) -> str:
    path = swapfile(place, head=header(PAGES - UNIT // PAGE))
    fallocate(path, FALLOC_COLLAPSE_RANGE, 2 * UNIT, UNIT)
    sync(path)
    return path


@condition("collapse")
def inserted_hole(place: Place) -> str:
    path = swapfile(place)
    fallocate(path, FALLOC_INSERT_RANGE, 2 * UNIT, UNIT)
    sync(path)
    return path


@condition("collapse")
def inserted_and_written(place: Place) -> str:
    path = swapfile(place, head=header(PAGES + UNIT // PAGE))
    fallocate(path, FALLOC_INSERT_RANGE, 2 * UNIT, UNIT)
    put(path, 2 * UNIT, bytes(UNIT))
    sync(path)
    return path


@condition("prealloc")
def zeroed_range(place: Place) -> str:
    path = swapfile(place)
    fallocate(path, FALLOC_ZERO_RANGE, 2 * UNIT, UNIT)
    sync(path)
    return path


@condition("punch native")
def every_other_page_rewritten(place: Place) -> str:
    """Many extents: freed blocks are seldom given back in place."""
    path = swapfile(place)
    for page in range(1, PAGES, 2):
        punch(path, page * PAGE, PAGE)
    for page in range(1, PAGES, 4):
        put(path, page * PAGE, bytes(PAGE), os.O_SYNC)
    for page in range(3, PAGES, 4):
        put(path, page * PAGE, bytes(PAGE))
    sync(path)
    return path


@condition("native")
def unaligned_size(place: Place) -> str:
    path = swapfile(place)
    put(path, PAGES * PAGE, b"x" * 100)
    sync(path)
    return path


@condition("native")
def one_page(place: Place) -> str:
    return swapfile(place, 1)


@condition("main")
def one_page_claiming_two(place: Place) -> str:
    return swapfile(place, 1, header(2))


@condition("native")
def two_pages(place: Place) -> str:
    return swapfile(place, 2)


@condition("native")
def ten_pages(place: Place) -> str:
    return swapfile(place, 10)


@condition("native")
def odd_number_of_pages(place: Place) -> str:
    return swapfile(place, 37)


@condition("writable")
def empty(place: Place) -> str:
    return create(place.path())


@condition("writable")
def shorter_than_a_page(place: Place) -> str:
    path = create(place.path())
    put(path, 0, b"x" * 100)
    sync(path)
    return path


@condition("native")
def unsynced(place: Place) -> str:
    path = create(place.path())
    put(path, 0, header(PAGES) + bytes((PAGES - 1) * PAGE))
    return path


@condition("native")
def unsynced_with_hole(place: Place) -> str:
    path = create(place.path())
    put(path, 0, header(PAGES) + bytes(UNIT))
    put(path, 4 * UNIT, bytes(PAGES * PAGE - 4 * UNIT))
    return path


@condition("native")
def hole_filled_through_a_mapping(place: Place) -> str:
    """Blocks are promised by a page fault and not yet given."""
    path = create(place.path())
    os.truncate(path, PAGES * PAGE)
    fd = os.open(path, os.O_RDWR)
    with mmap.mmap(fd, PAGES * PAGE) as memory:
        os.close(fd)
        memory[:] = bytes(PAGES * PAGE)
        memory[:PAGE] = header(PAGES)
    return path


@condition("native")
def written_directly(place: Place) -> str:
    path = create(place.path())
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        with mmap.mmap(-1, PAGES * PAGE) as memory:
            memory[:PAGE] = header(PAGES)
            os.pwrite(fd, memory, 0)
    finally:
        os.close(fd)
    return path


@condition("writable")
def header_smaller_than_file(place: Place) -> str:
    return swapfile(place, head=header(100))


@condition("main")
def eight_mib(place: Place) -> str:
    return swapfile(place, (8 << 20) // PAGE)
