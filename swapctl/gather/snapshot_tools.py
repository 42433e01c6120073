"""Programs that make snapshots of the btrfs subvolume that holds the candidate."""

import os
from collections.abc import Iterator
from contextlib import suppress

from swapctl.gather.reading import device_number, small_file
from swapctl.linux.files import under
from swapctl.setup_facts import SnapshotTool

SNAPPER = "/etc/snapper/configs"
TIMESHIFT = "/etc/timeshift/timeshift.json"
_YES = ("true", True)


def _snapper(root: str) -> Iterator[SnapshotTool]:
    """One for each file of its configuration; what it is for stands in SUBVOLUME."""
    try:
        names = sorted(os.listdir(under(root, SNAPPER)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        config = f"{SNAPPER}/{name}"
        for line in (small_file(under(root, config)) or "").split("\n"):
            key, _, value = line.strip().partition("=")
            if key == "SUBVOLUME":
                yield SnapshotTool("snapper", config, value.strip("\"'"))


def _timeshift(root: str) -> Iterator[SnapshotTool]:
    """The root, and /home where that is asked for. Raises OSError for what is no JSON."""
    text = small_file(under(root, TIMESHIFT))
    if text is None:
        return
    # Only here, for the program is seldom installed.
    import json

    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        raise OSError(None, "not in a form that is understood", TIMESHIFT) from None
    if not isinstance(settings, dict) or settings.get("btrfs_mode") not in _YES:
        return
    yield SnapshotTool("timeshift", TIMESHIFT, "/")
    if settings.get("include_btrfs_home_for_backup") in _YES:
        yield SnapshotTool("timeshift", TIMESHIFT, "/home")


def tools(device: str, root: str = "/") -> tuple[SnapshotTool, ...]:
    """Those of the subvolume with that device number, which each has for itself. Raises OSError."""
    found = []
    for tool in (*_snapper(root), *_timeshift(root)):
        # A subvolume that is not there has no snapshots.
        with suppress(OSError, ValueError):
            if device_number(os.stat(under(root, tool.subvolume)).st_dev) == device:
                found.append(tool)
    return tuple(found)
