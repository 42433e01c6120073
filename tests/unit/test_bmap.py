"""The walk over single blocks against the kernel's loop, written down plainly a second time."""

from hypothesis import given
from hypothesis import strategies as st

from swapctl.linux.bmap import walk

PAGE = 4096


def plain(blocks: list[int], per_page: int, limit: int) -> tuple[int | None, int]:
    """generic_swapfile_activate() in mm/page_io.c: (block that has no place, pages taken)."""
    probe = page_no = 0
    while probe + per_page <= len(blocks) and page_no < limit:
        first = blocks[probe]
        if first == 0:
            return probe, page_no
        if first & (per_page - 1):
            probe += 1
            continue
        good = True
        for inside in range(1, per_page):
            block = blocks[probe + inside]
            if block == 0:
                return probe + inside, page_no
            if block != first + inside:
                good = False
                break
        if good:
            page_no += 1
            probe += per_page
        else:
            probe += 1
    return None, page_no


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[int], int]:
    """Runs of neighbouring blocks, aligned or not, with holes between some of them."""
    per_page = draw(st.sampled_from([1, 2, 4, 8]))
    runs = draw(st.lists(st.tuples(st.integers(0, 64), st.integers(1, 24)), max_size=8))
    blocks: list[int] = []
    for start, length in runs:
        blocks += [start + n if start else 0 for n in range(length)]
    return blocks, per_page


@given(layout=layouts(), limit=st.integers(0, 40), tail=st.integers(0, 511))
def test_the_walk_is_the_kernels(layout: tuple[list[int], int], limit: int, tail: int) -> None:
    blocks, per_page = layout
    block = PAGE // per_page
    found = walk(blocks.__getitem__, len(blocks) * block + tail, block, PAGE, limit)
    hole, pages = plain(blocks, per_page, limit)
    assert found.hole_at == (None if hole is None else hole * block)
    assert found.pages == pages
    assert found.runs <= found.pages


def test_neighbouring_pages_are_one_run() -> None:
    found = walk(list(range(8, 40)).__getitem__, 32 * 1024, 1024, PAGE, 100)
    assert (found.pages, found.runs, found.first_physical) == (8, 1, 8192)
