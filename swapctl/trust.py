"""Who else has a say in which file a path leads to, and in what it holds. Pure.

Whoever can write a directory can put another thing in the place of each name in it, so one weak
directory on the way is enough, also one that only leads to the next link.
"""

import stat
from collections.abc import Collection, Iterator

from swapctl.facts import Ancestor, Unknown, need
from swapctl.text import shown

ROOT = (0,)


def writers(one: Ancestor) -> tuple[str, ...]:
    """The entries of the access list by which somebody other than root can write."""
    acl = () if isinstance(one.acl, Unknown) else one.acl
    return tuple(e for e in acl if e[-2:-1] == "w" and not e.startswith(("user:0:", "group:0:")))


def writable(one: Ancestor) -> bool:
    """Can somebody other than its owner and root's group write it? So far as is known."""
    by_group = one.mode & stat.S_IWGRP and one.gid != 0
    return bool(one.mode & stat.S_IWOTH or by_group or writers(one))


def weak(
    steps: tuple[Ancestor, ...], owner: int, trusted: Collection[int] = ROOT
) -> Iterator[Ancestor]:
    """The directories in which somebody who is not trusted can replace the next step, each once.

    `owner` is the uid of what the last one leads to. A sticky directory protects what those who are
    trusted own in it. Raises NotKnown where there may be more of them, and none is found.
    """
    seen: set[Ancestor] = set()
    unknown: Unknown | None = None
    owners = [*(step.uid for step in steps[1:]), owner]
    for step, child in zip(steps, owners, strict=True):
        if step.link is True:
            continue  # nobody can write a link; its directory decides
        protected = step.mode & stat.S_ISVTX and child in trusted
        if step.uid not in trusted or (writable(step) and not protected):
            if step not in seen:
                seen.add(step)
                yield step
            continue
        for fact in (step.acl, step.link):
            if isinstance(fact, Unknown) and not protected:
                unknown = fact
    if unknown is not None and not seen:
        need(unknown)


def described(one: Ancestor) -> str:
    """The directory with all that decides who can write it."""
    lists = "".join(f", ACL {entry}" for entry in writers(one))
    return f"{shown(one.path)}: mode {one.mode:04o}, uid {one.uid}{lists}"
