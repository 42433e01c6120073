"""Private memory of a process, of which the kernel is asked to write pages to swap."""

import mmap
import os
from types import TracebackType

from swapctl.linux import libc, pagemap
from swapctl.linux.pagemap import PageState

_MADV_PAGEOUT = 21  # since Linux 5.4; the mmap module does not have it


class Memory:
    """So many private, anonymous, small pages, unmapped at the end of the context.

    Huge pages are kept away because a part of one is swapped and counted as the whole.
    """

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.page_size = os.sysconf("SC_PAGE_SIZE")
        self._map = mmap.mmap(
            -1, pages * self.page_size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self._address = libc.address_of(self._map)
        try:
            self._map.madvise(mmap.MADV_NOHUGEPAGE)
        except OSError:  # EINVAL: the kernel has none
            return

    def __enter__(self) -> "Memory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._map.close()

    def write(self, page: int, data: bytes) -> None:
        """Fill a page."""
        start = page * self.page_size
        self._map[start : start + self.page_size] = data

    def read(self, page: int) -> bytes:
        """What a page holds."""
        start = page * self.page_size
        return self._map[start : start + self.page_size]

    def touch(self, page: int) -> None:
        """Read one byte, so that the page has to come."""
        self._map[page * self.page_size]

    def push_out(self, first: int, count: int) -> None:
        """Have the kernel write pages to swap now (MADV_PAGEOUT). Those that already are there, and
        unchanged, are only dropped. Raises OSError: EINVAL where the kernel cannot do that."""
        self._map.madvise(_MADV_PAGEOUT, first * self.page_size, count * self.page_size)

    def states(self) -> list[PageState]:
        """Where the pages are."""
        return pagemap.states(self._address, self.pages)
