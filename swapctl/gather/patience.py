"""Files behind a server that may not answer are looked at in a process that can be given up.

Whether a path leads there is told by the text of the mount table and by links outside of such
filesystems, since every system call that touches one may hang.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from math import inf
from typing import TYPE_CHECKING, TypeVar

from swapctl.facts import Mount, Unknown
from swapctl.filesystems import waits
from swapctl.linux import mounts, process

if TYPE_CHECKING:
    from swapctl.linux.child import Child

T = TypeVar("T")

# The promise is that a command ends within 10 seconds of its start. A busy machine needs some of
# them to load the program and some to print; a server that works has at least the least.
SECONDS = 4.0
LEAST_SECONDS = 2.0
_MOST_LINKS = 40  # MAXSYMLINKS of the kernel


def waiting() -> dict[str, Mount]:
    """The mounts on which system calls may wait for ever, by path. Of several at one place the last
    counts; without the root, for this program would hang itself there."""
    try:
        found = mounts.of_types(waits)
    except OSError:
        return {}
    return {mount.path: mount for mount in found if mount.path != "/"}


def above(path: str, places: dict[str, Mount]) -> Mount | None:
    """The innermost of these mounts that an absolute path without links leads into."""
    while path not in places:
        path, slash, _ = path.rpartition("/")
        if not slash:
            return None
    return places[path]


def on_the_way(path: str, places: dict[str, Mount]) -> Mount | None:
    """The mount that the path leads into, found without touching it."""
    if not places:
        return None
    try:
        here = "/" if path.startswith("/") else os.readlink("/proc/self/cwd")
    except OSError:
        return None
    left, links = path.split("/")[::-1], 0
    while True:
        mount = above(here, places)
        if mount:
            return above(os.path.join(here, *reversed(left)), places) or mount
        if not left:
            return None
        name = left.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        following = os.path.join(here, name)
        if following not in places:
            try:
                target = os.readlink(following)
            except (OSError, ValueError):
                target = ""
            if target:
                links += 1
                if links > _MOST_LINKS:
                    return None
                following = "/" if target.startswith("/") else here
                left += target.split("/")[::-1]
        here = following


def _unheard() -> None:
    """Work that is done here shows nobody that it gets on."""


class Patience:
    """How long servers are waited for; one that did not answer is not asked again.

    Without limit everything is done in this process, whatever it waits for.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._silent: set[str] = set()

    def each(
        self, work: Callable[[str, Callable[[], None]], T], paths: Iterable[str]
    ) -> list[T | Unknown]:
        """What `work` returns for each path, Unknown where a server did not answer.

        All servers are waited for at the same time. `work` also gets a function to call now and
        then, as a sign that it gets on. Raises what `work` raises.
        """
        places = waiting() if self._seconds < inf else {}
        ways = [(path, on_the_way(path, places)) for path in paths]
        with ExitStack() as undo:
            children = [self._child(work, path, mount, undo) for path, mount in ways]
            found: list[T | Unknown] = []
            for (path, mount), child in zip(ways, children, strict=True):
                if mount:
                    answer = self._answer(child, mount)
                    found.append(answer)
                else:
                    found.append(work(path, _unheard))
            return found

    def _child(
        self,
        work: Callable[[str, Callable[[], None]], T],
        path: str,
        mount: Mount | None,
        undo: ExitStack,
    ) -> "Child[T] | None":
        if mount is None or mount.path in self._silent:
            return None
        # Only here, for a local file has no use for it.
        from swapctl.linux.child import Child

        return undo.enter_context(closing(Child(lambda tick: work(path, tick))))

    def _answer(self, child: "Child[T] | None", mount: Mount) -> T | Unknown:
        if child:
            from swapctl.linux.child import Died

            try:
                return child.answer(self._seconds)
            except TimeoutError:
                self._silent.add(mount.path)
            except Died as error:
                # Killed, for want of memory say. Else it is a mistake of ours.
                if not error.by:
                    raise
                return Unknown("file", f"{error.strerror} of signal {error.by}")
        return Unknown(
            "file", f"no answer from {mount.source} ({mount.fstype}, mounted at {mount.path})"
        )


def of_command() -> Patience:
    """What is left for servers of the time that this program may take."""
    try:
        age = process.age()
    except OSError:
        age = 0.0
    return Patience(max(LEAST_SECONDS, SECONDS - age))
