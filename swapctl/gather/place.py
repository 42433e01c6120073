"""Look at the place of a swapfile that is still to be made, or choose one."""

import errno
import os
import stat
from collections.abc import Callable

from swapctl.errors import ExitCode, SwapctlError, errno_name
from swapctl.facts import Mount, Unknown
from swapctl.filesystems import SERVED, lookup
from swapctl.gather import f2fs, layers, machine, room
from swapctl.gather.candidate import KINDS
from swapctl.gather.patience import Patience
from swapctl.gather.reading import attempt
from swapctl.gather.storage import device_below
from swapctl.linux import btrfs, directories, inode, libc, meminfo, mounts, names
from swapctl.linux.directories import Way
from swapctl.network_facts import NetworkFacts
from swapctl.place import Place

_DEFAULT_RESERVE = 0.05
_MOST_DEFAULT_RESERVE = 2**30


def memory_total() -> int:
    """The machine's memory in bytes. Raises SwapctlError without /proc/meminfo."""
    try:
        return meminfo.read()["MemTotal"]
    except (OSError, KeyError) as error:
        raise SwapctlError(f"cannot tell how much memory there is: {error}") from None


def _mount_of(directory: int) -> Mount:
    number = libc.statx(directory, libc.STATX_MNT_ID).mount_id
    found = mounts.find(number)
    if found is None:
        raise OSError(None, f"no mount has the id {number}")
    return found


def _root_mount() -> Mount:
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _mount_of(fd)
    finally:
        os.close(fd)


def _writable(mount: Mount) -> bool:
    return "ro" not in (*mount.options, *mount.super_options)


def _free(path: str, _tick: Callable[[], None]) -> int | None:
    """How many bytes are free on the filesystem of a directory; None when it is none."""
    if not os.path.isdir(path):
        return None
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def _mount_for_type(fstype: str, patience: Patience) -> Mount:
    """`/` if it is of that type, else the writable mount of that type with the most free space."""
    everything = mounts.read()
    suitable = [m for m in everything if m.fstype == fstype and _writable(m)]
    for mount in suitable:
        if mount.path == "/":
            return mount
    best: tuple[int, Mount] | None = None
    silent: Unknown | None = None
    free = patience.each(_free, [m.path for m in suitable])
    for mount, found in zip(suitable, free, strict=True):
        if isinstance(found, Unknown):
            silent = found
        elif found is not None and (best is None or found > best[0]):
            best = (found, mount)
    if best is None and silent:
        raise SwapctlError(silent.reason, code=ExitCode.UNDECIDED)
    if best is None:
        writable = {m.fstype for m in everything if _writable(m)}
        mounted = sorted(name for name in writable if (row := lookup(name)) and row.recipe)
        raise SwapctlError(
            f"no writable filesystem of type {fstype} is mounted",
            hint=f"Mounted for writing: {', '.join(mounted)}.",
            code=ExitCode.FINDINGS,
        )
    return best[1]


def choose(fstype: str | None, patience: Patience) -> str:
    """The path of a swapfile when none was given: on the best mount of a type, else below /."""
    mount = _mount_for_type(fstype, patience) if fstype else _root_mount()
    if fstype is None and not _writable(mount):
        return "/var/swap/swapfile"
    row = lookup(mount.fstype)
    # A subvolume of its own lets snapshots of the rest go on while the file is active.
    name = "swap/swapfile" if row and row.recipe == "nocow" else "swapfile"
    return os.path.join(mount.path, name)


def _existing(directory: int, name: str) -> str | None:
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return "symbolic link" if stat.S_ISLNK(mode) else KINDS[stat.S_IFMT(mode)]


def _data_profiles(fd: int) -> tuple[str, ...]:
    try:
        chunks = btrfs.chunks(fd)
    except PermissionError:  # without CAP_SYS_ADMIN
        return btrfs.allocated_profiles(btrfs.fs_info(fd).fsid)
    data = (c for c in chunks if c.type_flags & btrfs.BTRFS_BLOCK_GROUP_DATA)
    return tuple(dict.fromkeys(btrfs.profile_name(c.type_flags) for c in data))


def _flags(fd: int) -> tuple[str, ...]:
    """The directory's flags, none where the filesystem has no such thing. Raises OSError."""
    try:
        return names.decode(names.INODE_FLAGS, inode.get_flags(fd))
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
            raise
        return ()


def _network(mount: Mount | Unknown) -> NetworkFacts | Unknown | None:
    """What lies between the place and its server; None where there is none."""
    if isinstance(mount, Unknown):
        return mount
    if mount.fstype not in SERVED:
        return None
    # Only here, for the library that asks the network takes long to load.
    from swapctl.gather import network

    return network.look(mount, None)


def _section(mount: Mount | Unknown) -> int | Unknown:
    """The size of the sections that files are made of; 0 where there are none."""
    if isinstance(mount, Unknown):
        return mount
    if mount.fstype != "f2fs":
        return 0
    return attempt("f2fs superblock", lambda: f2fs.superblock(mount).section)


def _makes(found: Way) -> str:
    """What is to be made for the last component of the way to the directory, "" where it is there.
    Raises OSError where it is something else."""
    if not found.name:
        return ""
    if _existing(found.fd, found.name) is not None:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    row = lookup(_mount_of(found.fd).fstype)
    return "subvolume" if row and row.recipe == "nocow" else "directory"


def look(
    path: str,
    *,
    chosen: bool,
    size: int,
    reserve: int | float | None,
    wanted_type: str | None,
    patience: Patience,
    most_share: float = 1.0,
) -> Place:
    """Everything that the rules for places see.

    `reserve` is bytes, or a share of the filesystem; by default 5%, at most 1 GiB. The size is cut
    to `most_share` of the filesystem. On f2fs it becomes a multiple of the section: a part of one
    would be moved at every activation. Raises SwapctlError when the directory does not exist,
    cannot be opened, or its server does not answer.
    """

    def read(_: str, _tick: Callable[[], None]) -> Place:
        return _look(path, chosen, size, reserve, wanted_type, most_share)

    (found,) = patience.each(read, (path,))
    if isinstance(found, Unknown):
        raise SwapctlError(found.reason, code=ExitCode.UNDECIDED, path=path)
    return found._replace(network=_network(found.mount))


def _look(
    path: str,
    chosen: bool,
    size: int,
    reserve: int | float | None,
    wanted_type: str | None,
    most_share: float,
) -> Place:
    above, name = os.path.split(path)
    try:
        # What was seen of the way is the way on which the directory was opened.
        with directories.way(above or ".", missing=chosen) as found:
            makes = _makes(found)
            directory = os.path.join(found.path, found.name) if makes else found.path
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found.fd)
            steps = found.steps
    except OSError as error:
        raise SwapctlError(
            f"cannot use the directory: {os.strerror(error.errno or 0)}",
            hint="prepare makes files, not the directories of a path that you name.",
            code=ExitCode.FINDINGS,
            path=os.path.dirname(path) or ".",
            errno=errno_name(error.errno),
        ) from None
    try:
        status = os.fstat(fd)
        mount = attempt("mount", lambda: _mount_of(fd))
        state = attempt("filesystem", lambda: libc.statfs(fd))
        if reserve is None or isinstance(reserve, float):
            whole = 0 if isinstance(state, Unknown) else state.size
            most = _MOST_DEFAULT_RESERVE if reserve is None else whole
            share = _DEFAULT_RESERVE if reserve is None else reserve
            reserve = min(int(whole * share), most)
        section = _section(mount)
        unit = section if section and not isinstance(section, Unknown) else 0
        size = -(-size // unit) * unit if unit else size
        if most_share < 1 and not isinstance(state, Unknown):
            unit = unit or os.sysconf("SC_PAGE_SIZE")
            size = min(size, int(state.size * most_share) // unit * unit)
        on_btrfs = not isinstance(mount, Unknown) and mount.fstype == "btrfs"
        areas = machine.areas()
        below = layers.below(mount, fd)
        return Place(
            path=os.path.join(directory, name),
            directory=directory,
            identity=(status.st_dev, status.st_ino),
            makes=makes,
            existing=None if makes else _existing(fd, name),
            size=size,
            reserve=reserve,
            wanted_type=wanted_type,
            host=machine.host(areas),
            caller=machine.caller(),
            ancestors=steps,
            mount=mount,
            filesystem=state,
            flags=attempt("directory flags", lambda: _flags(fd)),
            data_profiles=attempt("data profiles", lambda: _data_profiles(fd)) if on_btrfs else (),
            device=device_below(mount),
            network=None,
            section=section,
            storage=below,
            rooms=below if isinstance(below, Unknown) else room.rooms(below or (), size),
        )
    finally:
        os.close(fd)
