"""A block device as sysfs shows it (Documentation/ABI/stable/sysfs-block)."""

import os

from swapctl.facts import Device
from swapctl.linux import mounts
from swapctl.linux.files import read_text, under

_SECTOR = 512


def _name(sysfs_name: str) -> str:
    # sysfs cannot have a slash in a name: /dev/cciss/c0d0 is cciss!c0d0 there.
    return sysfs_name.replace("!", "/")


def _optional(path: str) -> str | None:
    try:
        return read_text(path).removesuffix("\n")
    except FileNotFoundError:
        return None


def _number(path: str) -> int:
    return int(read_text(path))


def _optional_number(path: str) -> int | None:
    text = _optional(path)
    return None if text is None else int(text)


def _names(path: str) -> tuple[str, ...]:
    try:
        return tuple(sorted(_name(entry) for entry in os.listdir(path)))
    except FileNotFoundError:
        return ()


def _leads_to(source: str, number: str, root: str) -> bool:
    try:
        device = os.stat(under(root, source)).st_rdev
    except OSError:
        return False
    return f"{os.major(device)}:{os.minor(device)}" == number


def _mounted_at(number: str, name: str, root: str) -> tuple[str, ...]:
    found = []
    for mount in mounts.read(root, lambda line: f" {number} " in line or " - btrfs " in line):
        # btrfs shows a made-up device number; its source names one of its devices.
        if mount.device == number or (
            mount.fstype == "btrfs"
            and (mount.source == f"/dev/{name}" or _leads_to(mount.source, number, root))
        ):
            found.append(mount.path)
    return tuple(found)


def device(number: str, root: str = "/") -> Device:
    """The block device with that number ("8:1"); sizes are bytes.

    The queue belongs to the whole disk, so a partition shows its disk's. Raises OSError: ENOENT
    when there is no such device, or when the kernel does not show one of the attributes that all
    supported kernels have.
    """
    link = under(root, f"sys/dev/block/{number}")
    name = _name(os.path.basename(os.readlink(link)))
    partition = os.path.exists(f"{link}/partition")
    # The kernel resolves the link before the dots: this is the disk that the partition is on.
    disk = f"{link}/.." if partition else link
    queue = f"{disk}/queue"
    return Device(
        number=number,
        name=name,
        partition=partition,
        size=_number(f"{link}/size") * _SECTOR,
        read_only=_number(f"{link}/ro") != 0,
        logical_block_size=_number(f"{queue}/logical_block_size"),
        rotational=_number(f"{queue}/rotational") != 0,
        removable=_number(f"{disk}/removable") != 0,
        zoned=_optional(f"{queue}/zoned") or "none",
        discard_max_bytes=_number(f"{queue}/discard_max_bytes"),
        write_zeroes_unmap_max_bytes=_optional_number(f"{queue}/write_zeroes_unmap_max_bytes"),
        backing_file=_optional(f"{disk}/loop/backing_file"),
        slaves=_names(f"{link}/slaves"),
        holders=_names(f"{link}/holders"),
        mounted_at=_mounted_at(number, name, root),
    )
