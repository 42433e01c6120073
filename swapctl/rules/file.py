"""Rules about the kind of file, whatever the filesystem."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.filesystems import REQUESTED
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import (
    STAT,
    block,
    found,
    fstype,
    recreate,
    regular,
    release,
    swappable,
    the_file,
)
from swapctl.units import format_bytes

# Between these releases blocks larger than a page came to be refused.
_LAST_LARGE = (6, 12)
_FIRST_SMALL = (6, 18)


@rule("file-type", Severity.REFUSED, stage=Stage.NO_READ, when=found)
def file_type(s: Snapshot) -> Iterator[Violation]:
    """Neither a regular file nor a block device.

    Only regular files and block devices have blocks that pages can be written to.

    Fix: name a file or a block device.

    Source: claim_swapfile() and the read_folio test in SYSCALL_DEFINE2(swapon), mm/swapfile.c.
    """
    kind = the_file(s).kind
    if kind not in ("regular", "block", "directory", "socket"):
        # Everything there has a page cache: such a file is read, and has no signature.
        read = fstype(s) in ("ramfs", "ocfs2")
        yield Violation(
            (Evidence("type", kind, kind, STAT),),
            Fix("Name a regular file or a block device."),
            errno="EINVAL",
            log="Unable to find swap-space signature" if read else None,
            stage=Stage.HEADER if read else None,
        )


@rule("file-unlinked", Severity.REFUSED, stage=Stage.UNLINKED, when=regular)
def file_unlinked(s: Snapshot) -> Iterator[Violation]:
    """The file has no name any more.

    It was removed, or never had a name (O_TMPFILE), and is only reached through an open
    descriptor. swapon(2) refuses it, since nobody could name it again to deactivate it.

    Fix: make a new file.

    Source: d_unlinked() and cant_mount() in SYSCALL_DEFINE2(swapon), mm/swapfile.c.
    """
    file = the_file(s)
    if file.unlinked:
        yield Violation(
            (Evidence("links", file.links, f"{file.links}, deleted", STAT),),
            Fix("Make a new file:", ("swapctl prepare PATH --size SIZE",)),
            errno="ENOENT",
        )


def _encrypted(s: Snapshot) -> bool:
    file = the_file(s)
    if not isinstance(file.flags, Unknown) and "encrypt" in file.flags:
        return True
    return "encrypted" in need(file.attributes)


@rule("file-encrypted", Severity.REFUSED, stage=Stage.ENCRYPTED, when=regular)
def file_encrypted(s: Snapshot) -> Iterator[Violation]:
    """The file is encrypted by its filesystem, which some kernels refuse.

    Swap goes to the disk blocks directly and would bypass the encryption, so newer and patched
    kernels refuse such files with EINVAL; others accept them. Neither the version number nor
    anything that can be read tells which kernel this is, so the rule stays undecided.

    Fix: put the swapfile outside of the encrypted directory, on an encrypted disk.

    Source: IS_ENCRYPTED() in SYSCALL_DEFINE2(swapon), mm/swapfile.c (present in Debian's 6.1.192,
    6.12.117 and 7.2, absent in 6.18.44).
    """
    if _encrypted(s):
        need(Unknown("the kernel's answer", "kernels differ on encrypted swapfiles"))
    yield from ()


@rule("file-encryption-bypassed", Severity.UNSAFE, when=regular)
def file_encryption_bypassed(s: Snapshot) -> Iterator[Violation]:
    """Swap would reach the disk unencrypted.

    The file is encrypted by its filesystem, but a kernel that accepts it writes pages straight to
    the disk blocks, in clear text.

    Fix: put the swapfile outside of the encrypted directory, on a disk that is encrypted below
    the filesystem (dm-crypt).

    Source: seen on Linux 6.18.44 with ext4; Documentation/filesystems/fscrypt.rst.
    """
    if _encrypted(s):
        yield Violation(
            (Evidence("attribute", "encrypted", "encrypted", "statx(2)"),),
            Fix("Make the file in a directory without an encryption policy, on a dm-crypt device."),
        )


@rule("file-large-folios", Severity.REFUSED, stage=Stage.FOLIO, when=swappable)
def file_large_folios(s: Snapshot) -> Iterator[Violation]:
    """The blocks are larger than a page.

    A filesystem block or a logical sector larger than the kernel's page makes the page cache work
    in larger units than the swap layer, which kernels refuse without a log line. Linux 6.12 still
    accepted such files, 6.18 does not; of the releases between it is not known.

    Fix: use a filesystem whose block size is at most the page size.

    Source: mapping_min_folio_order() in SYSCALL_DEFINE2(swapon), mm/swapfile.c; tried on 6.12.107,
    6.18.44 and 7.2.13 with xfs.
    """
    page = s.host.page_size
    if block(s):
        device = need(s.device)
        size = device.logical_block_size if device else 0
        seen = Evidence("logical sector", size, f"{size} bytes", "queue/logical_block_size")
    else:
        state = need(s.filesystem)
        size = state.block_size if state else 0
        seen = Evidence("block size", size, f"{size} bytes", "FIGETBSZ")
        if fstype(s).partition(".")[0] in REQUESTED:
            return
    if size <= page or release(s) <= _LAST_LARGE:
        return
    if release(s) < _FIRST_SMALL:
        need(Unknown("the kernel's answer", "it changed in one of these releases"))
    yield Violation(
        (seen, Evidence("page size", page, f"{page} bytes", "sysconf(3)")),
        Fix(
            "Use a filesystem with smaller blocks:",
            ("swapctl prepare --fs ext4 --size SIZE",),
        ),
        errno="EINVAL",
    )


@rule("file-dax", Severity.REFUSED, stage=Stage.NO_READ, when=regular)
def file_dax(s: Snapshot) -> Iterator[Violation]:
    """The file is mapped directly to persistent memory (DAX).

    DAX files have no page cache through which swapon(2) could read the header.

    Fix: clear the DAX attribute, or mount without dax=always.

    Source: no read_folio in ext4_dax_aops and xfs_dax_aops; refused without a log line.
    """
    if "dax" in need(the_file(s).attributes):
        yield Violation(
            (Evidence("attribute", "dax", "dax", "statx(2)"),),
            Fix("Make the file on a mount without DAX."),
            errno="EINVAL",
        )


@rule("file-tail-lost", Severity.NOTE, when=regular)
def file_tail_lost(s: Snapshot) -> Iterator[Violation]:
    """The size is not a multiple of the page size.

    The kernel swaps whole pages; the last, partial page of the file is never used.

    Fix: none needed.

    Source: i_size >> PAGE_SHIFT in read_swap_header(), mm/swapfile.c.
    """
    tail = the_file(s).size % s.host.page_size
    if tail:
        yield Violation(
            (Evidence("unused tail", tail, format_bytes(tail), STAT),),
            Fix("None needed; a file of whole pages:", recreate(s).commands),
        )
