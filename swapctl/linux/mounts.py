"""The mount table: /proc/self/mountinfo (proc_pid_mountinfo(5))."""

from collections.abc import Callable, Iterable

from swapctl.facts import Mount
from swapctl.linux.files import read_text, under


def unescape(text: str) -> str:
    r"""Undoes the kernel's octal escapes (\040 for a blank); other backslashes stay.

    One pass, so that the backslash which \134 stands for begins no escape itself.
    """
    if "\\" not in text:
        return text
    first, *rest = text.split("\\")
    parts = [first]
    for piece in rest:
        digits = piece[:3]
        # The kernel escapes ASCII only; anything above would need decoding as bytes.
        if len(digits) == 3 and digits[0] in "01" and digits.strip("01234567") == "":
            parts.append(chr(int(digits, 8)) + piece[3:])
        else:
            parts.append("\\" + piece)
    return "".join(parts)


def _options(text: str) -> tuple[str, ...]:
    # A comma inside an option's value arrives escaped, so split before undoing the escapes.
    return tuple(unescape(option) for option in text.split(",") if option)


def _parse_line(line: str) -> Mount | None:
    # Single blanks separate the fields, and a field (the source) can be empty.
    fields = line.split(" ")
    try:
        separator = fields.index("-", 6)
        fstype, source, super_options = (*fields[separator + 1 :], "", "")[:3]
        return Mount(
            mount_id=int(fields[0]),
            parent_id=int(fields[1]),
            device=fields[2],
            root=unescape(fields[3]),
            path=unescape(fields[4]),
            options=_options(fields[5]),
            fstype=unescape(fstype),
            source=unescape(source),
            super_options=_options(super_options),
        )
    except ValueError:
        return None


def _every(_: str) -> bool:
    return True


def parse_mountinfo(text: str, only: Callable[[str], bool] = _every) -> list[Mount]:
    """The mounts in the kernel's order, of which a later one hides earlier ones on its path.

    Lines that do not have the documented form are skipped, and those that `only` does not want: to
    look at a line is ten times as fast as to parse it, and there may be thousands.
    """
    # Not splitlines(): a path may contain characters that Python takes for line ends.
    parsed = (_parse_line(line) for line in text.split("\n") if only(line))
    return [mount for mount in parsed if mount is not None]


def read(root: str = "/", only: Callable[[str], bool] = _every) -> list[Mount]:
    """The mounts that this process sees. Raises OSError of open(2) and read(2)."""
    return parse_mountinfo(read_text(under(root, "proc/self/mountinfo")), only)


def find(mount_id: int, root: str = "/") -> Mount | None:
    """The mount with that id, which statx(2) gives as stx_mnt_id. Raises OSError."""
    return by_id(read(root, lambda line: line.startswith(f"{mount_id} ")), mount_id)


def of_types(wanted: Callable[[str], bool], root: str = "/") -> list[Mount]:
    """The mounts of the filesystem types that are wanted. Raises OSError."""
    # Blanks within fields are escaped, so that nothing but the separator looks like it.
    return read(root, lambda line: wanted(unescape(line.partition(" - ")[2].partition(" ")[0])))


def by_id(mounts: Iterable[Mount], mount_id: int) -> Mount | None:
    """The mount with that id."""
    return next((mount for mount in mounts if mount.mount_id == mount_id), None)
