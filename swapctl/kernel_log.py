"""What the kernel's log lines about swap mean: a table of patterns."""

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """A log line: the part that identifies it, the rule that explains it ("" if none), and what it
    means where no rule does."""

    pattern: str
    rule_id: str
    text: str = ""


MEANINGS = (
    Meaning(r"Unable to find swap-space signature", "header-missing"),
    Meaning(r"Unable to handle swap header version", "header-version"),
    Meaning(r"Swap area shorter than signature indicates", "header-too-long"),
    Meaning(r"Empty swap-file", "area-empty"),
    Meaning(r"swapon: file .* has unallocated extents", "file-holes"),
    Meaning(r"swapon: file .* has shared extents", "file-shared"),
    Meaning(r"swapon: file .* is inline", "file-inline"),
    Meaning(r"swapon: file .* is not committed", "file-delayed"),
    Meaning(
        r"swapon: file .* outside the main device",
        "",
        "The file has extents on another device of the filesystem than the one it swaps to.",
    ),
    Meaning(r"swapon: Cannot find a single usable page", "area-no-page"),
    Meaning(r"swapon: swapfile has holes", "filesystem-unsupported"),
    Meaning(r"swap activate: swapfile has holes", "file-holes"),
    Meaning(r"swapfile must not be compressed", "btrfs-compressed"),
    Meaning(r"swapfile must not be copy-on-write", "btrfs-cow"),
    Meaning(r"swapfile must not be checksummed", "btrfs-checksummed"),
    Meaning(r"swapfile must not have holes", "file-holes"),
    Meaning(r"swapfile must not be inline", "file-inline"),
    Meaning(r"swapfile must have single data profile", "btrfs-profile"),
    Meaning(r"swapfile must be on one device", "btrfs-devices"),
    Meaning(r"while exclusive operation is running", "btrfs-exclusive-operation"),
    Meaning(
        r"because snapshot creation is in progress",
        "",
        "A snapshot of the subvolume is being taken at this moment; try again.",
    ),
    Meaning(
        r"because subvolume \d+ is being deleted",
        "",
        "The subvolume that holds the file is being deleted.",
    ),
    Meaning(
        r"block group for swapfile at \d+ is read-only",
        "",
        "A scrub, or an error, has made the block group read-only; try again when scrub has ended.",
    ),
    Meaning(
        r"could not find block group containing swapfile",
        "",
        "The filesystem has lost track of the file's block group; run btrfs check.",
    ),
    Meaning(r"encrypted swapfile .* is unsupported", "file-encrypted"),
)


def meaning(line: str) -> Meaning | None:
    """What a line says about swap; None when it is about something else."""
    for known in MEANINGS:
        if re.search(known.pattern, line):
            return known
    return None


def about_swap(lines: list[str]) -> list[tuple[str, Meaning]]:
    """The lines of a log that explain a refused activation, with their meaning."""
    return [(line, known) for line in lines if (known := meaning(line)) is not None]
