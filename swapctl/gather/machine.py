"""The running kernel, the caller, and the active areas."""

import os
import sys

from swapctl.facts import LEAST_MAX_AREAS, Caller, Host, Mount, SwapArea, Unknown
from swapctl.gather import patience
from swapctl.gather.reading import attempt
from swapctl.linux import cpu, process, swaps


def host(areas: tuple[SwapArea, ...] | Unknown) -> Host:
    """The running kernel; its limit of areas is looked up only when it is near."""
    system = os.uname()
    page_size = os.sysconf("SC_PAGE_SIZE")

    def limit() -> int:
        # Only here, for there are seldom that many areas.
        from swapctl.linux import config

        return config.max_swap_areas(config.read(system.release), system.release)

    few = not isinstance(areas, Unknown) and len(areas) < LEAST_MAX_AREAS
    return Host(
        kernel=system.release,
        machine=system.machine,
        byte_order=sys.byteorder,
        page_size=page_size,
        swap_supported=os.path.exists("/proc/swaps")
        if os.path.exists("/proc/self")
        else Unknown("swap support", "/proc is not mounted"),
        max_areas=Unknown("limit of areas", "not looked up")
        if few
        else attempt("limit of areas", limit),
        max_area_pages=attempt("limit of pages", lambda: cpu.max_area_pages(page_size)),
    )


def caller() -> Caller | Unknown:
    """Who asks."""
    return attempt("capabilities", process.caller)


def areas(on: str | None = None) -> tuple[SwapArea, ...] | Unknown:
    """The active areas; none at all on a kernel without swap.

    Those on filesystems that may never answer are not looked at, but for the one with the device
    number `on`, which the caller is using anyway.
    """
    places: dict[str, Mount] | None = None

    def untouchable(path: str) -> str | None:
        nonlocal places
        places = patience.waiting() if places is None else places
        mount = patience.above(path, places)
        return mount.device if mount and mount.device != on else None

    try:
        return tuple(swaps.read("/", untouchable))
    except FileNotFoundError:
        if os.path.exists("/proc/self"):
            return ()
        return Unknown("active areas", "/proc is not mounted")
    except OSError as error:
        return Unknown("active areas", str(error))
