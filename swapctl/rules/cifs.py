"""Rules about files on a server of SMB (cifs, smb3)."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Severity, Stage, Violation, rule
from swapctl.rules.subject import STAT, mechanism, on, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes

MIB = 2**20
# What a request has beside a page of data (MAX_CIFS_HDR_SIZE, fs/smb/client/cifsglob.h).
_REQUEST_HEADER = 0x58

cifs = on("cifs", "smb3")


@rule("cifs-holes", Severity.REFUSED, stage=Stage.MAP, when=cifs)
def cifs_holes(s: Snapshot) -> Iterator[Violation]:
    """The server reports fewer blocks than the size of the file needs.

    The client cannot map a file on a server. It compares the allocated size that the server
    reports with the size, and takes a difference for holes.

    A server whose filesystem compresses or keeps no count may report too few for a full file.

    Fix: write the file from front to back, with data that the server cannot compress.

    Source: cifs_swap_activate(), fs/smb/client/file.c.
    """
    file = the_file(s)
    present = file.blocks_512 * 512
    if mechanism(s) == "count" and present < file.size:
        path, count = quoted(s.path), max(file.size // MIB, 1)
        text = f"{format_bytes(present)} for a size of {format_bytes(file.size)}"
        yield Violation(
            (Evidence("blocks", file.blocks_512, text, STAT),),
            Fix(
                "Write all of it:",
                (f"dd if=/dev/zero of={path} bs=1M count={count} conv=fsync", f"mkswap {path}"),
            ),
            errno="EINVAL",
            log="CIFS: swap activate: swapfile has holes",
        )


@rule("cifs-small-buffers", Severity.REFUSED, stage=Stage.MAP, when=cifs)
def cifs_small_buffers(s: Snapshot) -> Iterator[Violation]:
    """The server may be one whose answers hold less than a page.

    The client has other code for such servers, which cannot swap: swapon(2) fails with EINVAL and
    logs nothing. What the server offers is not shown. Read requests (rsize) of more than a page
    prove that it is not such a one; smaller ones leave it open (undecided), and so does SMB 1.

    Fix: mount without rsize, and with vers=3 or newer.

    Source: cifs_addr_ops_smallbuf in cifs_set_ops(), fs/smb/client/inode.c.
    """
    mount = need(s.mount)
    if mount is None or mechanism(s) != "count":
        return
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    rsize = options.get("rsize", "")
    if options.get("vers") == "1.0" or not rsize.isdecimal():
        need(Unknown("what the server offers", "no option of the mount tells"))
    if int(rsize) < s.host.page_size + _REQUEST_HEADER:
        need(Unknown("what the server offers", f"rsize={rsize} may be less"))
    yield from ()
