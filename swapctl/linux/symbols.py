"""The names of the running kernel's functions: what its code can do, whatever its release."""

import os
from collections.abc import Iterable

from swapctl.linux.files import under

CHUNK = 1 << 20
# Between the name and the end of a line: nothing, or the module that has it.
_ENDS = (b"\n", b"\t")


def present(names: Iterable[str], root: str = "/") -> frozenset[str]:
    """Those of `names` that /proc/kallsyms lists: of the kernel and of the modules loaded now.

    Names are shown to everybody, only addresses are not. The file has some megabytes and is read
    in pieces. Raises FileNotFoundError on a kernel without CONFIG_KALLSYMS.
    """
    wanted = {name: tuple(b" " + name.encode() + end for end in _ENDS) for name in names}
    found: set[str] = set()
    rest = b""
    fd = os.open(under(root, "proc/kallsyms"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        while len(found) < len(wanted) and (chunk := os.read(fd, CHUNK)):
            text = rest + chunk
            found |= {n for n, forms in wanted.items() if any(form in text for form in forms)}
            rest = text[text.rfind(b"\n") + 1 :]
    finally:
        os.close(fd)
    return frozenset(found)
