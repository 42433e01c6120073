"""Rules about block devices: those that are the candidate, and the one below a file."""

from collections.abc import Iterator

from swapctl.facts import Device, Snapshot, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import block, open_errno
from swapctl.text import quoted


def the_device(s: Snapshot) -> Device:
    """The candidate device, or the one that carries the file's filesystem."""
    return need(s.device) or need(Unknown("block device", "none below this file"))


@rule("device-zoned", Severity.REFUSED, stage=Stage.ZONED, when=block)
def device_zoned(s: Snapshot) -> Iterator[Violation]:
    """The device is zoned.

    Its zones have to be written from front to back; swap writes everywhere.

    Fix: use a conventional device.

    Source: bdev_is_zoned() in claim_swapfile(), mm/swapfile.c.
    """
    zoned = the_device(s).zoned
    if zoned != "none":
        yield Violation(
            (Evidence("zoned", zoned, zoned, "queue/zoned"),),
            Fix("Use a conventional device."),
            errno="EINVAL",
        )


@rule("device-read-only", Severity.UNSAFE, when=block)
def device_read_only(s: Snapshot) -> Iterator[Violation]:
    """The device is read-only.

    swapon(2) accepts it all the same, and then every page that is written out is lost with
    "Write-error on swap-device"; the memory is not freed.

    Fix: make the device writable before it is activated.

    Source: seen on Linux 6.1, 6.12, 6.18 and 7.2 with losetup -r and blockdev --setro.
    """
    if the_device(s).read_only:
        yield Violation(
            (Evidence("ro", True, "1", "sysfs ro"),),
            Fix(
                "Make it writable, if the hardware allows:", (f"blockdev --setrw {quoted(s.path)}",)
            ),
        )


@rule("device-has-holders", Severity.WARNING, when=block)
def device_has_holders(s: Snapshot) -> Iterator[Violation]:
    """Something is stacked on the device although it can still be claimed.

    Another device is built on top of this one; swap would overwrite what it holds.

    Fix: find out what it is before you activate the area.

    Source: holders in sysfs, Documentation/ABI/stable/sysfs-block.
    """
    if open_errno(s) == "EBUSY":
        return
    for holder in the_device(s).holders:
        yield Violation(
            (Evidence("held by", holder, holder, "sysfs holders"),),
            Fix("Look at the stack:", (f"lsblk {quoted(s.path)}",)),
        )
