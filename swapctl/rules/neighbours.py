"""Rules about other programs on the machine: some set up swap, others have trouble with it."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.subject import (
    active_area,
    is_zram,
    regular,
    size_argument,
    surrounded,
    the_file,
    the_setup,
)
from swapctl.setup_facts import Manager
from swapctl.text import quoted


def _program(manager: Manager) -> Evidence:
    text = f"{manager.name}, {manager.path}" if manager.path else manager.name
    return Evidence("program", manager.name, text, manager.seen)


@rule("manager-of-file", Severity.NOTE, when=surrounded)
def manager_of_file(s: Snapshot) -> Iterator[Violation]:
    """Another program manages this file.

    It may make the file anew, give it another size or remove it at the next boot, by its own
    settings; what is changed here does not last.

    Fix: change the settings of that program, or switch it off before changing the file.

    Source: the manual pages of dphys-swapfile, swapspace, cloud-init and rpi-swap; the core
    configuration of snapd, swap.size.
    """
    for manager in need(the_setup(s).managers):
        if manager.here:
            yield Violation(
                (_program(manager),),
                Fix(f"Leave the file to {manager.name}, or switch that off first."),
            )


@rule("manager-rival", Severity.WARNING, when=surrounded)
def manager_rival(s: Snapshot) -> Iterator[Violation]:
    """Several programs set up swap of the same kind.

    Each sizes it as if it were alone: there is swap twice, the disk or the memory fills up, or they
    take the same zram device and the one that comes second fails.

    Fix: keep one of them and switch off the others.

    Source: zram-generator.conf(5); the services of zram-tools, dphys-swapfile, swapspace,
    systemd-swap, rpi-swap and snapd.
    """
    managers = need(the_setup(s).managers)
    for kind in ("file", "zram"):
        names = dict.fromkeys(one.name for one in managers if kind in one.makes)
        if len(names) > 1:
            what = "swapfiles" if kind == "file" else "swap in zram"
            yield Violation(
                tuple(_program(one) for one in managers if kind in one.makes),
                Fix("Keep one of them and switch off the others."),
                title=f"Several programs set up {what}",
            )


@rule("kubelet-swap", Severity.WARNING, when=surrounded)
def kubelet_swap(s: Snapshot) -> Iterator[Violation]:
    """Kubernetes runs on this machine and does not start while swap is active.

    The kubelet ends with an error as soon as /proc/swaps has an area, unless failSwapOn is false in
    its configuration. One that runs goes on until its next start, at the latest at the next boot.

    Where the setting is in a form that is not understood, this rule is undecided.

    Fix: set failSwapOn to false and decide on memorySwap, or leave the machine without swap.

    Source: KubeletConfiguration, failSwapOn (default true); kubelet --fail-swap-on.
    """
    kubelet = need(the_setup(s).kubelet)
    if kubelet and need(kubelet.refuses_swap):
        yield Violation(
            (Evidence("failSwapOn", True, "true", kubelet.source),),
            Fix("Write failSwapOn: false there and start the kubelet anew, or do without swap."),
        )


@rule("snapshot-subvolume", Severity.WARNING, when=surrounded)
def snapshot_subvolume(s: Snapshot) -> Iterator[Violation]:
    """Snapshots are made of the subvolume that holds the file.

    While the file is active they fail with ETXTBSY. One that is made while it is not has the
    swapped memory in it, and shares the file's blocks: swapon(2) then refuses the file with EINVAL
    as long as the snapshot exists.

    Fix: keep the file in a subvolume of its own, of which snapshots of the one above take no copy.

    Source: fs/btrfs/ioctl.c and fs/btrfs/inode.c, "cannot snapshot subvolume with active
    swapfile"; tried on 6.18.
    """
    for tool in need(the_setup(s).snapshot_tools):
        size = size_argument(the_file(s).size)
        yield Violation(
            (Evidence("program", tool.name, f"{tool.name}, of {tool.subvolume}", tool.config),),
            Fix(
                "Make one in a subvolume of its own, which is a directory with no file in it yet:",
                (
                    "btrfs subvolume create /swap",
                    f"swapctl prepare /swap/swapfile --size {size}",
                    f"swapctl off {quoted(s.path)}",
                ),
            ),
        )


def _priority(s: Snapshot) -> int | None:
    """The priority that the file has, or gets at boot; None for one that the kernel chooses."""
    area = active_area(s)
    if area:
        return area.priority
    setup = the_setup(s)
    lines, units = need(setup.fstab), need(setup.units)
    unit = next((one for one in units if one.wins), None)
    if unit or not lines:
        return unit.priority if unit else None
    values = [one.partition("=")[2] for one in lines[0].options if one.startswith("pri=")]
    return int(values[-1]) if values and values[-1].isdecimal() else None


def _regular(s: Snapshot) -> bool:
    return surrounded(s) and regular(s)


@rule("zram-behind", Severity.WARNING, when=_regular)
def zram_behind(s: Snapshot) -> Iterator[Violation]:
    """The file is used before the swap in compressed memory.

    The kernel fills the areas of the highest priority first. With a lower one, zram stays empty
    until the file is full: every page goes to the disk, which it was to spare.

    Fix: give the file a lower priority than zram has, or none, which puts it behind.

    Source: swapon(2), "Priority"; mm/swapfile.c, the list of available areas is sorted by it.
    """
    compressed = [area for area in need(s.areas) if is_zram(area)]
    priority = _priority(s) if compressed else None
    behind = [a for a in compressed if priority is not None and a.priority < priority]
    for area in behind:
        yield Violation(
            (
                Evidence("file", priority, f"priority {priority}", "where it is set"),
                Evidence(
                    "zram", area.path, f"{area.path}, priority {area.priority}", "/proc/swaps"
                ),
            ),
            Fix(
                "Activate it without a priority, and take that away where it is set for the boot:",
                (f"swapctl off {quoted(s.path)}", f"swapctl on {quoted(s.path)}"),
            ),
        )
