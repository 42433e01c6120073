"""The configuration that the kernel was built with, and what follows from it for swap."""

import errno
from collections.abc import Mapping

from swapctl.linux.files import read_bytes, read_text, under

_SWAP_TYPES = 32  # 1 << MAX_SWAPFILES_SHIFT
_NEWEST = (99, 0)


def parse_config(text: str) -> dict[str, str]:
    """Option to value ("y", "m", a number, a quoted text); options that are not set are absent."""
    values = {}
    for line in text.split("\n"):
        name, separator, value = line.partition("=")
        if separator and name.startswith("CONFIG_"):
            values[name] = value
    return values


def read(release: str, root: str = "/") -> dict[str, str]:
    """The configuration of kernel `release` (uname -r).

    /proc/config.gz is used only if `release` is the running kernel, else what distributions
    install. Raises FileNotFoundError when there is none, OSError when one cannot be read.
    """
    try:
        running = read_text(under(root, "proc/sys/kernel/osrelease")).strip()
        if running == release:
            import zlib

            packed = read_bytes(under(root, "proc/config.gz"))
            return parse_config(zlib.decompress(packed, zlib.MAX_WBITS | 16).decode("utf-8"))
    except FileNotFoundError:
        pass
    for name in (
        f"boot/config-{release}",
        f"lib/modules/{release}/config",
        f"usr/lib/modules/{release}/config",
        f"lib/modules/{release}/build/.config",
    ):
        try:
            return parse_config(read_text(under(root, name)))
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise FileNotFoundError(errno.ENOENT, f"no configuration of kernel {release} is installed")


def version(release: str) -> tuple[int, int]:
    """Major and minor number of a release name, "6.12.1-arch1" -> (6, 12); (99, 0) if unclear."""
    parts = release.split(".", 2)
    minor = ""
    for character in parts[1] if len(parts) > 1 else "":
        if not character.isdecimal():
            break
        minor += character
    if not parts[0].isdecimal() or not minor:
        return _NEWEST
    return int(parts[0]), int(minor)


def max_swap_areas(config: Mapping[str, str], release: str = "") -> int:
    """MAX_SWAPFILES: how many areas the kernel holds at once; swapon(2) fails with EPERM beyond.

    Of 32 swap types the kernel keeps some for entries that are no swap; how many follows from the
    configuration and has changed with the releases (include/linux/swap.h). An empty `release`
    stands for the newest known rule.
    """
    kernel = version(release)
    reserved = 0
    if config.get("CONFIG_DEVICE_PRIVATE") == "y":
        reserved += 3 if kernel >= (6, 15) else 4 if kernel >= (5, 14) else 2
    if config.get("CONFIG_MIGRATION") == "y":
        reserved += 3 if kernel >= (5, 19) else 2
    if config.get("CONFIG_MEMORY_FAILURE") == "y":
        reserved += 1
    if kernel >= (6, 2):
        reserved += 1  # page table markers
    elif kernel >= (5, 19):
        # Swap-in errors had a type of their own, the markers could be left out.
        reserved += 1 + (config.get("CONFIG_PTE_MARKER") == "y")
    return _SWAP_TYPES - reserved
