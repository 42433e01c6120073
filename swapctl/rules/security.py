"""Rules about who else can get at the memory that is swapped out."""

import stat
from collections.abc import Iterator

from swapctl.facts import Mount, Snapshot, need
from swapctl.filesystems import lookup
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.subject import STAT, recreate, regular, the_file
from swapctl.text import quoted, shown
from swapctl.trust import described, weak, writers


def _only_root(s: Snapshot, text: str, command: str) -> Fix:
    """A change of the file, or of the mount where that gives all files their mode and owner."""
    mount = s.mount
    row = lookup(mount.fstype) if isinstance(mount, Mount) else None
    if not isinstance(mount, Mount) or row is None or not row.masked:
        return Fix(text, (f"{command} {quoted(s.path)}",))
    point = quoted(mount.path)
    options = "uid=0,gid=0,fmask=0177,dmask=0077"
    again = f"mount -t {mount.fstype} -o {options} {quoted(mount.source)} {point}"
    return Fix("Here the mount decides for all files; mount it anew:", (f"umount {point}", again))


@rule("file-mode", Severity.UNSAFE, when=regular)
def file_mode(s: Snapshot) -> Iterator[Violation]:
    """Others can read or write the file.

    Swap holds the memory of every process, passwords and keys among it. The kernel does not look
    at the mode; swapon(8) only warns.

    Fix: allow only root to read and write it.

    Source: swapon(8), "insecure permissions"; mkswap(8).
    """
    file = the_file(s)
    group = file.mode & (stat.S_IRGRP | stat.S_IWGRP) if file.gid != 0 else 0
    if file.mode & (stat.S_IROTH | stat.S_IWOTH) or group:
        yield Violation(
            (Evidence("mode", file.mode, f"{file.mode:04o}, wanted 0600", STAT),),
            _only_root(s, "Allow only root:", "chmod 0600"),
        )


@rule("file-owner", Severity.UNSAFE, when=regular)
def file_owner(s: Snapshot) -> Iterator[Violation]:
    """The file belongs to somebody other than root.

    Its owner can read the swapped memory of every process, and change its mode at will.

    Fix: give it to root.

    Source: swapon(8), "insecure file owner".
    """
    uid = the_file(s).uid
    if uid != 0:
        yield Violation(
            (Evidence("owner", uid, f"uid {uid}", STAT),),
            _only_root(s, "Give it to root:", "chown root:root"),
        )


@rule("file-acl", Severity.UNSAFE, when=regular)
def file_acl(s: Snapshot) -> Iterator[Violation]:
    """An access control list lets others in.

    Named entries of the list can read or write the file although its mode looks strict.

    Fix: remove the list.

    Source: acl(5); xattr system.posix_acl_access.
    """
    entries = tuple(e for e in need(the_file(s).acl) if not e.endswith(":---"))
    if entries:
        yield Violation(
            tuple(Evidence("ACL entry", e, e, "system.posix_acl_access") for e in entries),
            Fix("Remove it:", (f"setfacl -b {quoted(s.path)}", f"chmod 0600 {quoted(s.path)}")),
        )


@rule("file-links", Severity.WARNING, when=regular)
def file_links(s: Snapshot) -> Iterator[Violation]:
    """The file has other names.

    A hard link elsewhere reaches the same blocks, possibly from a directory with weaker
    permissions, and keeps the space in use after this name is removed.

    Fix: find and remove the other names.

    Source: link(2).
    """
    file = the_file(s)
    if file.links > 1:
        mount = need(s.mount)
        where = quoted(mount.path if mount else "/")
        yield Violation(
            (Evidence("links", file.links, str(file.links), STAT),),
            Fix("Find the other names:", (f"find {where} -xdev -samefile {quoted(s.path)}",)),
        )


@rule("directory-untrusted", Severity.UNSAFE, when=regular)
def directory_untrusted(s: Snapshot) -> Iterator[Violation]:
    """Others can replace the file before it is activated.

    In a directory that belongs to somebody else, or that others can write, the file can be renamed
    away and another one, readable to them, be put in its place before the next activation. That
    holds for every directory on the way, also those that only have a symbolic link of the path, and
    for entries of an access control list.

    Fix: keep swapfiles in directories that only root can write.

    Source: rename(2); inode(7), sticky bit; path_resolution(7); acl(5).
    """
    for directory in weak(need(s.ancestors), the_file(s).uid):
        path = quoted(directory.path)
        commands = [f"chown root: {path}", f"chmod go-w {path}"]
        if writers(directory):
            commands.insert(0, f"setfacl -b {path}")
        yield Violation(
            (Evidence("directory", directory.path, described(directory), STAT),),
            Fix("Move it to a directory of root's own, or tighten this one:", tuple(commands)),
        )


@rule("file-open-by-others", Severity.UNSAFE, when=regular)
def file_open_by_others(s: Snapshot) -> Iterator[Violation]:
    """A process of somebody other than root has the file open.

    Who opened it while its mode or owner allowed that reads all memory that is swapped to it from
    then on: neither chmod nor chown takes a descriptor or a mapping away again.

    Processes of root are not counted, they can read all memory anyway. Where processes cannot be
    looked at this is undecided. Descriptors on their way through a socket are not seen.

    Fix: make a new file; the old one stays readable for them.

    Source: open(2), the check is at the open; /proc/PID/fd, /proc/PID/maps (proc(5)).
    """
    for one in need(s.openers):
        text = f"{shown(one.name)} ({one.pid}), uid {one.uid}, access: {one.access}"
        yield Violation(
            (Evidence("process", one.pid, text, "/proc/PID"),),
            recreate(s, "Make a new file, which they do not have open, in its place:"),
        )
