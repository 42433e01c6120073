"""Rules about the place of a new swapfile on f2fs; `prepare` stops at each."""

from collections.abc import Iterator

from swapctl.facts import need
from swapctl.place import Place
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.text import quoted


def on_f2fs(place: Place) -> bool:
    """Is the file to be made on f2fs?"""
    return need(place.mount).fstype == "f2fs"


@rule("place-lfs-mode", Severity.REFUSED, when=on_f2fs)
def place_lfs_mode(p: Place) -> Iterator[Violation]:
    """The f2fs is mounted in LFS mode.

    There every write goes to a new place: no file can be pinned, and swapon(2) refuses all of them.

    Fix: mount it with mode=adaptive, or use another filesystem.

    Source: f2fs_ioc_set_pin_file() in fs/f2fs/file.c, f2fs_swap_activate() in fs/f2fs/data.c.
    """
    # The size of the sections is on the device; without it the size of the file would be wrong.
    need(p.section)
    mount = need(p.mount)
    if "mode=lfs" in mount.super_options:
        yield Violation(
            (Evidence("mount option", "mode=lfs", "mode=lfs", "mountinfo"),),
            Fix(
                "Unmount it and mount it in the usual mode:",
                (
                    f"umount {quoted(mount.path)}",
                    f"mount -o mode=adaptive {quoted(mount.source)} {quoted(mount.path)}",
                ),
            ),
        )
