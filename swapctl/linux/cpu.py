"""How many pages a swap area can have: the swap entry has to fit a page table entry."""

import os

from swapctl.linux.files import read_text, under

HEADER_LIMIT = 2**32 - 1  # pages are counted in 32 bits, union swap_header
_WIDE = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64"})


def parse_physical_bits(cpuinfo: str) -> int | None:
    """The smallest number of physical address bits in /proc/cpuinfo of x86; None without any."""
    bits = [
        int(words[0])
        for line in cpuinfo.splitlines()
        if line.startswith("address sizes") and (words := line.partition(":")[2].split())
    ]
    return min(bits, default=None)


def max_area_pages(page_size: int, root: str = "/") -> int:
    """The most pages that the running kernel uses of one area; a longer one is cut there.

    64-bit machines are limited by the header alone, but for x86 processors with the L1 terminal
    fault, where half the physical address space is the limit (arch_max_swapfile_size() in
    arch/x86/mm/init.c). Raises OSError where this is not known: other machines, unreadable files.
    """
    machine = os.uname().machine
    if machine not in _WIDE:
        raise OSError(None, f"not known for {machine}")
    if machine != "x86_64":
        return HEADER_LIMIT
    try:
        state = read_text(under(root, "sys/devices/system/cpu/vulnerabilities/l1tf"))
    except FileNotFoundError:
        return HEADER_LIMIT
    if state.startswith("Not affected"):
        return HEADER_LIMIT
    bits = parse_physical_bits(read_text(under(root, "proc/cpuinfo")))
    if bits is None:
        raise OSError(None, "/proc/cpuinfo has no address sizes")
    # On the processors that have the fault the kernel counts 44 bits at least.
    return min(HEADER_LIMIT, (1 << max(bits, 44) - 1) // page_size)
