"""Blocks smaller than a page: what is left when pages must lie whole and aligned on the disk."""

import os
import random
from functools import partial

from tests.kernel.conditions import (
    FALLOC_COLLAPSE_RANGE,
    FALLOC_INSERT_RANGE,
    PAGE,
    PAGES,
    Place,
    add,
    condition,
    create,
    fallocate,
    header,
    punch,
    put,
    swapfile,
    sync,
)

KIB = 1024


def block(path: str) -> int:
    return os.statvfs(path).f_bsize


def cut(place: Place, ranges: list[tuple[int, int]], pages: int = PAGES) -> str:
    """Collapse ranges (in blocks) of a contiguous file; what follows moves up, unaligned."""
    path = create(place.path())
    unit = block(path)
    fallocate(path, 0, 0, pages * PAGE)
    for start, length in ranges:
        fallocate(path, FALLOC_COLLAPSE_RANGE, start * unit, length * unit)
    left = os.stat(path).st_size // PAGE
    put(path, 0, header(left))
    sync(path)
    return path


def collapsed_at_random(place: Place, seed: int) -> str:
    """Cut 1 to 7 blocks out at random places: pieces of any alignment and length."""
    dice = random.Random(seed)
    blocks = PAGES * PAGE // block(place.path(""))
    ranges = []
    for _ in range(dice.randrange(5, 40)):
        length = dice.randrange(1, 8)
        ranges.append((dice.randrange(blocks - length - 1), length))
        blocks -= length
    return cut(place, ranges)


def collapsed_with_short_header(place: Place, seed: int) -> str:
    """The kernel stops mapping where last_page is reached, in the middle of the pieces."""
    path = collapsed_at_random(place, seed)
    whole = os.stat(path).st_size // PAGE
    put(path, 0, header(random.Random(seed).randrange(2, whole)))
    sync(path)
    return path


def inserted_at_random(place: Place, seed: int) -> str:
    """Push blocks apart and fill the gaps with new ones from elsewhere."""
    dice = random.Random(seed)
    path = swapfile(place)
    unit = block(path)
    for _ in range(dice.randrange(5, 30)):
        length = dice.randrange(1, 8) * unit
        blocks = os.stat(path).st_size // unit
        start = dice.randrange(1, blocks) * unit
        fallocate(path, FALLOC_INSERT_RANGE, start, length)
        put(path, start, bytes(length))
    put(path, 0, header(os.stat(path).st_size // PAGE))
    sync(path)
    return path


def interleaved(place: Place, seed: int) -> str:
    """Two files that grow in turns, in odd pieces, each on disk before the next."""
    dice = random.Random(seed)
    path, other = create(place.path()), create(place.path("other"))
    size = 64 * PAGE
    while (end := os.stat(path).st_size) < size:
        put(path, end, bytes(dice.randrange(1, 12) * KIB), os.O_SYNC)
        put(other, os.stat(other).st_size, bytes(dice.randrange(1, 4) * KIB), os.O_SYNC)
    put(path, 0, header(os.stat(path).st_size // PAGE))
    sync(path)
    return path


def rewritten_holes(place: Place, seed: int) -> str:
    """Odd holes whose blocks another file takes before they are filled again."""
    dice = random.Random(seed)
    path, other = swapfile(place), create(place.path("other"))
    unit = block(path)
    blocks = PAGES * PAGE // unit
    holes = [(dice.randrange(4, blocks - 8) * unit, dice.randrange(1, 8) * unit) for _ in range(20)]
    for start, length in holes:
        punch(path, start, length)
    put(other, 0, bytes(200 * KIB))
    sync(other)
    for start, length in holes:
        put(path, start, bytes(length))
    sync(path)
    return path


for seed in range(6):
    add(f"collapsed-at-random-{seed}", partial(collapsed_at_random, seed=seed), "subpage collapse")
for seed in range(3):
    name = f"collapsed-with-short-header-{seed}"
    add(name, partial(collapsed_with_short_header, seed=seed), "subpage collapse")
    add(f"inserted-at-random-{seed}", partial(inserted_at_random, seed=seed), "subpage collapse")
    add(f"interleaved-{seed}", partial(interleaved, seed=seed), "subpage")
    add(f"rewritten-holes-{seed}", partial(rewritten_holes, seed=seed), "subpage")


@condition("subpage collapse")
def start_unaligned(place: Place) -> str:
    return cut(place, [(0, 1)])


@condition("subpage collapse")
def only_the_header_unaligned(place: Place) -> str:
    """The header's page lies across two pieces: page 0 of the area is another one."""
    return cut(place, [(1, 1)])


@condition("subpage collapse")
def no_page_whole(place: Place) -> str:
    """Every piece is shorter than a page."""
    path = create(place.path())
    unit = block(path)
    return _pieces(place, path, PAGE // unit - 1)


@condition("subpage collapse")
def one_page_whole(place: Place) -> str:
    """Nothing is left behind the page that the swap layer keeps for the header."""
    path = create(place.path())
    return _pieces(place, path, PAGE // block(path) - 1, whole=1)


@condition("subpage collapse")
def two_pages_whole(place: Place) -> str:
    path = create(place.path())
    return _pieces(place, path, PAGE // block(path) - 1, whole=2)


def _pieces(place: Place, path: str, length: int, whole: int = 0) -> str:
    """Pieces of `length` blocks, and `whole` aligned pages in front of them."""
    unit = block(path)
    fallocate(path, 0, 0, 64 * PAGE)
    at = whole * PAGE // unit
    while (at + length + 1) * unit < os.stat(path).st_size:
        at += length
        fallocate(path, FALLOC_COLLAPSE_RANGE, at * unit, unit)
    put(path, 0, header(os.stat(path).st_size // PAGE))
    sync(path)
    return path


@condition("subpage")
def hole_smaller_than_a_page(place: Place) -> str:
    path = swapfile(place)
    return punch(path, 20 * PAGE + PAGE // 2, block(path))


@condition("subpage")
def hole_smaller_than_a_page_behind_the_last_whole_one(place: Place) -> str:
    path = swapfile(place)
    put(path, PAGES * PAGE + PAGE // 2, b"x" * KIB)
    sync(path)
    return path


@condition("subpage")
def written_to_a_block_boundary(place: Place) -> str:
    path = swapfile(place)
    put(path, PAGES * PAGE, bytes(block(path)))
    sync(path)
    return path
