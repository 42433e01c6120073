"""Block devices as layers: names, sizes, what they are made of, what connects them (sysfs)."""

import errno
import os
from typing import NamedTuple

from swapctl.linux.files import read_text, under
from swapctl.storage_facts import Attributes

SECTOR = 512

# Directories on the device's way through /sys, and what they say connects it; the first counts.
_TRANSPORTS = (
    ("/session", "iscsi"),
    ("/nvme-fabrics/", "nvme-fabrics"),
    ("/tcm_loop", "tcm-loop"),
    ("/usb", "usb"),
    ("/mmc_host/", "mmc"),
    ("/vbd-", "xen"),
    ("/virtio", "virtio"),
    ("/rport-", "fc"),
    ("/nvme", "nvme"),
    ("/ata", "ata"),
    ("/host", "scsi"),
)
# Beginnings of names whose driver says all about the kind of device.
_DRIVERS = (
    *("loop", "dm-", "md", "bcache", "nbd", "ublkb", "rbd", "rnbd", "drbd", "zram", "ram"),
    *("pmem", "zd", "nullb"),
)


class Entry(NamedTuple):
    """A device in sysfs: its directory, its disk's when it is a partition, and what it is."""

    number: str
    name: str
    kind: str
    directory: str
    disk: str
    start: int
    size: int
    read_only: bool


def text(path: str, default: str | None = None) -> str:
    """An attribute without its line end; `default` where the kernel does not have it."""
    try:
        return read_text(path).removesuffix("\n")
    except (FileNotFoundError, NotADirectoryError):
        if default is None:
            raise
        return default


def number(path: str, default: int | None = None) -> int:
    """A numeric attribute. Raises OSError also when it is no number."""
    found = text(path, None if default is None else str(default))
    try:
        return int(found)
    except ValueError:
        raise OSError(errno.EIO, f"not a number: {found[:40]!r}", path) from None


def names(path: str) -> tuple[str, ...]:
    """The names in a directory of sysfs, () where there is none."""
    try:
        return tuple(sorted(os.listdir(path)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _kind(name: str) -> str:
    for driver in _DRIVERS:
        rest = name.removeprefix(driver)
        if rest != name and rest[:1].isdecimal():
            return driver.rstrip("-")
    return "disk"


def entry(number_of: str, root: str = "/") -> Entry:
    """The device with that number ("8:1"). Raises OSError: ENOENT when sysfs does not show it."""
    directory = os.path.realpath(under(root, f"sys/dev/block/{number_of}"), strict=True)
    name = os.path.basename(directory)
    partition = os.path.exists(f"{directory}/partition")
    return Entry(
        number=number_of,
        # sysfs cannot have a slash in a name: /dev/cciss/c0d0 is cciss!c0d0 there.
        name=name.replace("!", "/"),
        kind="partition" if partition else _kind(name),
        directory=directory,
        disk=os.path.dirname(directory) if partition else directory,
        start=number(f"{directory}/start") * SECTOR if partition else 0,
        size=number(f"{directory}/size") * SECTOR,
        read_only=number(f"{directory}/ro") != 0,
    )


def disk_number(one: Entry) -> str:
    """The number of the disk that a partition is on, or the device's own."""
    return text(f"{one.disk}/dev")


def layered(one: Entry) -> bool:
    """Does anything lie below, so that it matters where on the device the candidate is?"""
    kind = _kind(os.path.basename(one.disk))
    return kind in ("loop", "dm", "md", "bcache", "zram") or bool(names(f"{one.disk}/slaves"))


def below(one: Entry) -> tuple[str, ...]:
    """The numbers of the devices that a device is made of."""
    return tuple(
        text(f"{one.directory}/slaves/{slave}/dev") for slave in names(f"{one.directory}/slaves")
    )


def transport(directory: str) -> str:
    """What connects a disk, by its place in sysfs."""
    if "/nvme-subsystem/" in directory:
        # One device over several controllers: any of them may be on a network.
        above = os.path.dirname(directory)
        kinds = {text(f"{above}/{one}/transport", "") for one in names(above)} - {""}
        return "nvme" if kinds <= {"pcie"} else "nvme-fabrics"
    return next((word for part, word in _TRANSPORTS if part in directory), "")


def _thin(disk: str) -> bool:
    units = f"{disk}/device/scsi_disk"
    return any(text(f"{units}/{unit}/thin_provisioning", "0") == "1" for unit in names(units))


def attributes(one: Entry) -> Attributes:
    """What the rules want to know of any device. Raises OSError when it has gone."""
    queue = f"{one.disk}/queue"
    return Attributes(
        transport=transport(one.disk),
        vendor=text(f"{one.disk}/device/vendor", "").strip(),
        rotational=number(f"{queue}/rotational") != 0,
        removable=number(f"{one.disk}/removable", 0) != 0,
        zoned=text(f"{queue}/zoned", "none"),
        discard_max_bytes=number(f"{queue}/discard_max_bytes", 0),
        thin=_thin(one.disk),
    )
