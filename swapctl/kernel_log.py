"""What the kernel's log lines about swap mean: a table of patterns."""

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """A log line: the pattern of the whole line, since it may quote a file's name, the rule that
    explains it ("" if none), and what it means where no rule does."""

    pattern: str
    rule_id: str
    text: str = ""


_IOMAP = r"swapon: file .* "
_BTRFS = r"BTRFS warning \(device [^)]*\): "
_F2FS = r"F2FS-fs \([^)]*\): "

MEANINGS = (
    Meaning(r"Unable to find swap-space signature", "header-missing"),
    Meaning(r"Unable to handle swap header version -?\d+", "header-version"),
    Meaning(r"Swap area shorter than signature indicates", "header-too-long"),
    Meaning(r"Empty swap-file", "area-empty"),
    Meaning(r"Bad slot offset is out of border: .*", "header-bad-page-range"),
    Meaning(r"Duplicated bad slot offset \d+", "header-bad-page-twice"),
    Meaning(_IOMAP + r"has unallocated extents", "file-holes"),
    Meaning(_IOMAP + r"has shared extents", "file-shared"),
    Meaning(_IOMAP + r"is inline", "file-inline"),
    Meaning(_IOMAP + r"is not committed", "file-delayed"),
    Meaning(
        _IOMAP + r"outside the main device",
        "",
        "The file has extents on another device of the filesystem than the one it swaps to.",
    ),
    Meaning(r"swapon: Cannot find a single usable page in file\.", "area-no-page"),
    Meaning(r"swapon: swapfile has holes", "filesystem-unsupported"),
    Meaning(r"(CIFS: )?swap activate: swapfile has holes", "nfs-holes"),
    Meaning(_BTRFS + r"swapfile must not be compressed", "btrfs-compressed"),
    Meaning(_BTRFS + r"swapfile must not be copy-on-write", "btrfs-cow"),
    Meaning(_BTRFS + r"swapfile must not be checksummed", "btrfs-checksummed"),
    Meaning(_BTRFS + r"swapfile must not have holes", "file-holes"),
    Meaning(_BTRFS + r"swapfile must not be inline", "file-inline"),
    Meaning(_BTRFS + r"swapfile must have single data profile", "btrfs-profile"),
    Meaning(_BTRFS + r"swapfile must be on one device", "btrfs-devices"),
    Meaning(
        _BTRFS + r"cannot activate swapfile while exclusive operation is running",
        "btrfs-exclusive-operation",
    ),
    Meaning(
        _BTRFS + r"cannot activate swapfile because snapshot creation is in progress",
        "",
        "A snapshot of the subvolume is being taken at this moment; try again.",
    ),
    Meaning(
        _BTRFS + r"cannot activate swapfile because subvolume \d+ is being deleted",
        "",
        "The subvolume that holds the file is being deleted.",
    ),
    Meaning(
        _BTRFS + r"block group for swapfile at \d+ is read-only.*",
        "",
        "A scrub, or an error, has made the block group read-only; try again when scrub has ended.",
    ),
    Meaning(
        _BTRFS + r"could not find block group containing swapfile",
        "",
        "The filesystem has lost track of the file's block group; run btrfs check.",
    ),
    Meaning(_F2FS + r"Swapfile not supported in LFS mode", "f2fs-lfs-mode"),
    Meaning(_F2FS + r"Swapfile has holes", "f2fs-holes"),
    Meaning(_F2FS + r"Swapfile: last extent is not aligned to section", "f2fs-unaligned"),
    Meaning(_F2FS + r"Swapfile \(\d+\) is not align to section: .*", "f2fs-unaligned"),
    Meaning(
        r"zonefs \([^)]*\) ERROR: swap file: not a conventional zone file", "zonefs-sequential"
    ),
    Meaning(r"Filesystem-level encrypted swapfile .* is unsupported.*", "file-encrypted"),
)


def meaning(line: str) -> Meaning | None:
    """What a line says about swap; None when it is about something else."""
    for known in MEANINGS:
        if re.fullmatch(known.pattern, line, re.DOTALL):
            return known
    return None


def about_swap(lines: list[str]) -> list[tuple[str, Meaning]]:
    """The lines of a log that explain a refused activation, with their meaning."""
    return [(line, known) for line in lines if (known := meaning(line)) is not None]
