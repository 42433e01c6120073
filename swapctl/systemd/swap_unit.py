"""The .swap unit of a swapfile: its text, and what starts it. Pure."""

from types import MappingProxyType

from swapctl.errors import ExitCode, SwapctlError
from swapctl.systemd.escape import escape_path, unit_name

UNITS = "/etc/systemd/system"
# What starts the unit: with nofail, and without.
STARTED_BY = MappingProxyType(
    {True: f"{UNITS}/swap.target.wants", False: f"{UNITS}/swap.target.requires"}
)
PREPARE = "swapctl-prepare"
MARK = "# Written by swapctl enable; swapctl disable removes it."
_DISCARD = {"once": "discard=once", "pages": "discard=pages", "both": "discard"}


def checked(path: str) -> str:
    """The path, if a unit file and swapctl.conf can hold it. Raises SwapctlError (usage)."""
    why = ""
    components = path[1:].split("/")
    if not path.startswith("/") or {"", ".", ".."} & set(components):
        why = "a unit needs an absolute path of a file"
    elif not path.isprintable():
        why = "a unit file cannot hold a path with control characters or broken UTF-8"
    elif path != path.strip() or path.endswith("\\"):
        why = "a unit file cannot hold a path that ends in a blank or a backslash"
    if why:
        raise SwapctlError(why, code=ExitCode.USAGE, path=path)
    unit_name(path, "service", PREPARE)  # the longest of the names
    return path


def swap_unit(path: str, *, priority: int | None, discard: str | None, nofail: bool) -> str:
    """The unit that activates a file after its preparation.

    With nofail it has none of the default dependencies: swap.target would wait for it, and the
    boot for swap.target.
    """
    literal = path.replace("%", "%%")
    service = unit_name(path, "service", PREPARE)
    unit = [
        MARK,
        "[Unit]",
        f"Description=Swapfile {literal}",
        "Documentation=man:swapctl(8)",
        f"Requires={service}",
        f"After={service}",
    ]
    if nofail:
        unit += ["DefaultDependencies=no", "Conflicts=umount.target", "Before=umount.target"]
    unit += ["", "[Swap]", f"What={literal}"]
    if priority is not None:
        unit.append(f"Priority={priority}")
    if discard:
        unit.append(f"Options={_DISCARD[discard]}")
    install = "WantedBy" if nofail else "RequiredBy"
    unit += ["", "[Install]", f"{install}=swap.target"]
    return "\n".join(unit) + "\n"


def unit_path(path: str) -> str:
    """Where the unit lies."""
    return f"{UNITS}/{unit_name(path, 'swap')}"


def link_paths(path: str) -> dict[bool, str]:
    """The links that have swap.target start the unit: with nofail, and without."""
    name = unit_name(path, "swap")
    return {nofail: f"{directory}/{name}" for nofail, directory in STARTED_BY.items()}


def drop_in_path(path: str) -> str:
    """Where swapctl enable writes the settings of a file."""
    return f"/etc/swapctl.conf.d/50-{escape_path(path)}.conf"


def activated(unit: str) -> str | None:
    """The file that the text of such a unit activates; None where it names none."""
    for line in unit.split("\n"):
        key, _, value = line.partition("=")
        if key == "What":
            return value.replace("%%", "%")
    return None
