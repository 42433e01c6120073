"""The vocabulary: what is known about a machine and about one candidate for swap.

Everything here is an immutable record that imports nothing of swapctl but the other parts of the
vocabulary: f2fs_facts.py, network_facts.py, setup_facts.py, storage_facts.py and unknown.py.
Records are NamedTuples because defining one costs a tenth of a frozen dataclass and the start of
the program pays for each.
Units: sizes and offsets are bytes unless the name ends in `_pages` or `_512`; pages are those of
`Host.page_size`. Device numbers are text, "8:1", as sysfs and mountinfo print them.
"""

from typing import NamedTuple

from swapctl.f2fs_facts import F2fsState
from swapctl.network_facts import NetworkFacts
from swapctl.setup_facts import Setup
from swapctl.storage_facts import Layer
from swapctl.storage_facts import Span as Span
from swapctl.storage_facts import Spans as Spans
from swapctl.unknown import NotKnown as NotKnown
from swapctl.unknown import Unknown as Unknown
from swapctl.unknown import need as need

# No kernel since 5.14 holds fewer swap areas at once (MAX_SWAPFILES, include/linux/swap.h).
LEAST_MAX_AREAS = 23


class Host(NamedTuple):
    """The running kernel: how many areas it can hold at once, and how many pages each.

    The number of areas is looked up only when it is near.
    """

    kernel: str
    machine: str
    byte_order: str
    page_size: int
    swap_supported: bool | Unknown
    max_areas: int | Unknown
    max_area_pages: int | Unknown


class Caller(NamedTuple):
    """Who asks; the capability is the effective one, and counts in the first namespace only."""

    uid: int
    sys_admin: bool
    initial_user_namespace: bool


class Opening(NamedTuple):
    """What open(2) answered to the flags that swapon(2) uses; `errno` is None when it opened."""

    errno: str | None
    source: str


class File(NamedTuple):
    """stat(2), statx(2) and the attribute ioctls of the object that the path leads to.

    `kind` is regular, directory, block, character, fifo, socket. `special` is the device number of
    a block or character device. Set bits are given by name: `attributes` those of statx(2)
    ("immutable"), `flags` of FS_IOC_GETFLAGS ("nocow"), `xflags` of FS_IOC_FSGETXATTR
    ("realtime"). `acl` lists the named entries of the POSIX ACL ("user:1000:rw-").
    """

    kind: str
    device: str
    inode: int
    size: int
    blocks_512: int
    mode: int
    uid: int
    gid: int
    links: int
    special: str | None
    unlinked: bool
    mount_id: int | Unknown
    attributes: tuple[str, ...] | Unknown
    flags: tuple[str, ...] | Unknown
    xflags: tuple[str, ...] | Unknown
    acl: tuple[str, ...] | Unknown


class Ancestor(NamedTuple):
    """One directory on the way to the file, from / downwards, or a symbolic link on that way.

    `acl` lists the named entries of the directory's access list, as in File.
    """

    path: str
    mode: int
    uid: int
    gid: int
    acl: tuple[str, ...] | Unknown
    link: bool | Unknown


class Opener(NamedTuple):
    """A process of somebody other than root that has the file open. `uid` is the first of its user
    ids that is not 0; `access` is read, write or map; `name` is what it calls itself."""

    pid: int
    name: str
    uid: int
    access: str


class ExtentMap(NamedTuple):
    """The file's blocks, summed up over [0, `covered`): its size in whole pages.

    `runs` are physically contiguous pieces, what the swap layer calls extents. `usable_pages` are
    the pages that lie whole and aligned inside the runs, the header page among them.
    `first_physical` is the address of file offset 0 in the filesystem's own address space.
    """

    covered: int
    extents: int
    runs: int
    usable_pages: int
    first_physical: int | None
    holes: Spans
    unwritten: Spans
    shared: Spans
    encoded: Spans
    inline: Spans
    delayed: Spans
    unlocated: Spans


class BlockMap(NamedTuple):
    """The file's blocks as FIBMAP tells them, walked as swapon(2) does where there are no extents.

    `hole_at` is the file offset of the first block without a place, None where all have one.
    `pages` are those that the kernel would take until then, at most as many as the header counts.
    """

    block_size: int
    hole_at: int | None
    pages: int
    runs: int
    first_physical: int | None


class SwapHeader(NamedTuple):
    """The first page of a swap area (struct swap_header, include/linux/swap.h).

    `signature` is the text found, `signature_page_size` the page size at whose end it stands.
    Numbers are in the byte order in which the version field reads 1, else in the machine's.
    """

    signature: str
    signature_page_size: int
    byte_order: str
    version: int
    last_page: int
    bad_page_count: int
    bad_pages: tuple[int, ...]
    uuid: str
    label: str


def max_bad_pages(page_size: int) -> int:
    """How many bad pages a swap header has room for (MAX_SWAP_BADPAGES, include/linux/swap.h)."""
    return (page_size - 10 - 1536) // 4


class Mount(NamedTuple):
    """A line of /proc/self/mountinfo (proc_pid_mountinfo(5))."""

    mount_id: int
    parent_id: int
    device: str
    root: str
    path: str
    options: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]


class FilesystemState(NamedTuple):
    """statfs(2). `available` is what an unprivileged writer may still use, in bytes."""

    magic: int
    block_size: int
    size: int
    available: int


class BtrfsState(NamedTuple):
    """What btrfs alone knows of the file: its flags in the tree and where its chunks lie.

    `inode_flags` are the names of the set BTRFS_INODE_* bits ("nodatacow"). `used_before` says that
    the last committed state has other users of the file's data; None where the kernel is too new to
    look at that.
    """

    fsid: str
    sector_size: int
    devices: int
    subvolume_read_only: bool | Unknown
    exclusive_operation: str | Unknown
    inode_flags: tuple[str, ...] | Unknown
    placement: "BtrfsPlacement | Unknown"
    used_before: bool | Unknown | None


class BtrfsPlacement(NamedTuple):
    """The file's extents after translation through the chunk tree.

    `profiles` and `device_ids` are those of the block groups that hold the extents; `profile_at`
    and `device_at` are the file offsets where the first unsuitable profile and the
    first change of device are met, None where there is none.
    """

    profiles: tuple[str, ...]
    device_ids: tuple[int, ...]
    profile_at: int | None
    device_at: int | None
    runs: int
    usable_pages: int
    first_physical: int | None


class Device(NamedTuple):
    """A block device as sysfs shows it; queue attributes of a partition are its disk's.

    `zoned` is the text of queue/zoned ("none" on ordinary devices). `backing_file` is set for loop
    devices. `slaves` and `holders` are kernel names.
    """

    number: str
    name: str
    partition: bool
    size: int
    read_only: bool
    logical_block_size: int
    rotational: bool
    removable: bool
    zoned: str
    discard_max_bytes: int
    write_zeroes_unmap_max_bytes: int | None
    backing_file: str | None
    slaves: tuple[str, ...]
    holders: tuple[str, ...]
    mounted_at: tuple[str, ...]


class SwapArea(NamedTuple):
    """A line of /proc/swaps; sizes in bytes. `device` and `inode` are of what the path leads to
    now; for block devices `device` is the device itself and `inode` None. The inode of a file on a
    server that need not be asked is Unknown."""

    path: str
    kind: str
    size: int
    used: int
    priority: int
    deleted: bool
    device: str | None
    inode: int | Unknown | None


class Snapshot(NamedTuple):
    """All that the rules may look at: one candidate on one machine at one moment.

    `lookup` is the errno of the path's resolution, None when it leads somewhere; `file` is None
    when it does not. `network` is None where no server is involved. `mechanism` is what the
    running kernel does to activate a file of this filesystem, in the words of filesystems.py; None
    where all kernels do the same. `storage` are the layers below the candidate, None where there is
    no block device. `setup` is None where the machine around the candidate was not looked at.
    `openers` are the processes that have a regular file open, but for this one.
    """

    path: str
    resolved: str
    lookup: str | None
    host: Host
    caller: Caller | Unknown
    opening: Opening | Unknown | None
    file: File | Unknown | None
    ancestors: tuple[Ancestor, ...] | Unknown
    mount: Mount | Unknown | None
    filesystem: FilesystemState | Unknown | None
    extents: ExtentMap | Unknown | None
    header: SwapHeader | Unknown | None
    btrfs: BtrfsState | Unknown | None
    device: Device | Unknown | None
    areas: tuple[SwapArea, ...] | Unknown
    blocks: BlockMap | Unknown | None
    network: NetworkFacts | Unknown | None
    f2fs: F2fsState | Unknown | None
    mechanism: str | Unknown | None
    storage: tuple[Layer, ...] | Unknown | None
    openers: tuple[Opener, ...] | Unknown
    setup: Setup | Unknown | None = None
