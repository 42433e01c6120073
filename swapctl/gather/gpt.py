"""The partitions for swap that systemd would activate by itself (systemd-gpt-auto-generator(8)).

It looks on the disk of the root filesystem, in a GUID partition table, and does without the
partitions when fstab(5) has a line of the type swap, for whatever file that is.
"""

import os
from collections.abc import Collection

from swapctl.gather.reading import device_number
from swapctl.linux.files import read_text, under

GENERATORS = (
    "/usr/lib/systemd/system-generators/systemd-gpt-auto-generator",
    "/lib/systemd/system-generators/systemd-gpt-auto-generator",
)
_TYPE = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
_NO_AUTO = 1 << 63  # of the partition's attributes
_OFF = ("systemd.gpt_auto=0", "systemd.gpt_auto=no", "systemd.swap=0", "systemd.swap=no")


def _root_disk(root: str) -> str | None:
    """The directory in sysfs of the one disk that the root filesystem lies on."""
    number = device_number(os.stat(under(root, "/")).st_dev)
    place = os.path.realpath(under(root, f"sys/dev/block/{number}"))
    while os.path.isdir(place):
        below = os.listdir(f"{place}/slaves") if os.path.isdir(f"{place}/slaves") else []
        if not below:
            partition = os.path.exists(f"{place}/partition")
            return os.path.dirname(place) if partition else place
        if len(below) > 1:
            return None
        place = os.path.realpath(f"{place}/slaves/{below[0]}")
    return None


def _properties(root: str, number: str) -> tuple[dict[str, str], set[str]]:
    """What udev knows of a block device: properties, and its names below /dev."""
    properties, names = {}, set()
    try:
        text = read_text(under(root, f"run/udev/data/b{number}"))
    except OSError:
        return {}, set()
    for line in text.split("\n"):
        kind, _, rest = line.partition(":")
        key, _, value = rest.partition("=")
        if kind == "E":
            properties[key] = value
        elif kind == "S":
            names.add(f"/dev/{rest}")
    return properties, names


def _named(properties: dict[str, str]) -> set[str]:
    """The tags of fstab(5) that lead to a device with these properties."""
    tags = {
        "UUID": "ID_FS_UUID",
        "LABEL": "ID_FS_LABEL",
        "PARTUUID": "ID_PART_ENTRY_UUID",
        "PARTLABEL": "ID_PART_ENTRY_NAME",
    }
    return {f"{tag}={properties[key]}" for tag, key in tags.items() if key in properties}


def _is_for_swap(properties: dict[str, str]) -> bool:
    flags = properties.get("ID_PART_ENTRY_FLAGS", "0")
    try:
        automatic = not int(flags, 0) & _NO_AUTO
    except ValueError:
        automatic = False
    gpt = properties.get("ID_PART_ENTRY_SCHEME") == "gpt"
    return gpt and properties.get("ID_PART_ENTRY_TYPE") == _TYPE and automatic


def unnamed_swaps(specs: Collection[str], root: str = "/") -> tuple[str, ...]:
    """Those beside the root filesystem that none of the names of fstab(5) leads to. Raises OSError.

    What udev does not know is none.
    """
    if not any(os.path.lexists(under(root, one)) for one in GENERATORS):
        return ()
    disk = _root_disk(root)
    if disk is None or set(read_text(under(root, "proc/cmdline")).split()) & set(_OFF):
        return ()
    wanted = {spec.replace('"', "") for spec in specs}
    found = []
    for name in sorted(os.listdir(disk)):
        if os.path.exists(f"{disk}/{name}/partition"):
            number = read_text(f"{disk}/{name}/dev").strip()
            properties, names = _properties(root, number)
            if _is_for_swap(properties):
                known = {f"/dev/{name}", *names, *_named(properties)}
                if not known & wanted:
                    found.append(f"/dev/{name}")
    return tuple(found)
