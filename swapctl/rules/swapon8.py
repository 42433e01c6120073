"""Notes where swapon(8), the command, and swapon(2), the kernel, differ."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.header import SIGNATURE, SUSPEND
from swapctl.rules.subject import STAT, judged, regular, swappable, the_extents, the_file
from swapctl.text import quoted
from swapctl.units import format_bytes

_SOURCE = "util-linux swapon"


def _skipped(s: Snapshot) -> bool:
    file = the_file(s)
    return file.blocks_512 * 512 < file.size


@rule("swapon8-skips", Severity.NOTE, when=regular)
def swapon8_skips(s: Snapshot) -> Iterator[Violation]:
    """swapon(8) would not even ask the kernel.

    The command compares the number of blocks with the size and takes a difference for holes. The
    count also falls short where a filesystem compresses or does not count them, and then the
    kernel might accept what the command skips.

    Fix: see what the extent map says; swapctl on asks the kernel itself.

    Source: "skipping - it appears to have holes", swapon_checks() in util-linux's swapon.c.
    """
    if _skipped(s):
        file = the_file(s)
        text = f"{format_bytes(file.blocks_512 * 512)} for a size of {format_bytes(file.size)}"
        yield Violation(
            (Evidence("blocks", file.blocks_512, text, STAT),),
            Fix(
                "Where the extent map shows no hole, ask the kernel itself:",
                (f"swapctl on {quoted(s.path)}",),
            ),
        )


@rule("swapon8-blind", Severity.NOTE, when=judged)
def swapon8_blind(s: Snapshot) -> Iterator[Violation]:
    """swapon(8) does not see the holes.

    Blocks behind the end of the file make up for the missing ones in the block count, so the
    command goes on, and the kernel refuses with a bare "Invalid argument".

    Fix: make a new file.

    Source: swapon_checks() in util-linux's swapon.c.
    """
    holes = the_extents(s).holes
    if holes.pieces and not _skipped(s):
        blocks = the_file(s).blocks_512
        yield Violation(
            (Evidence("blocks", blocks, f"{format_bytes(blocks * 512)} allocated", STAT),),
            Fix("Make a new file."),
        )


@rule("swapon8-rewrites", Severity.NOTE, when=swappable)
def swapon8_rewrites(s: Snapshot) -> Iterator[Violation]:
    """swapon(8) would write a new header here.

    With --fixpgsz the command makes a header of another page size anew, and it replaces a suspend
    signature without asking, which destroys a hibernation image. The kernel only refuses.

    Fix: decide yourself which of the two is wanted.

    Source: swap_reinitialize() in util-linux's swapon.c; systemd uses --fixpgsz since v253.
    """
    header = need(s.header)
    if header and (
        header.signature in SUSPEND
        or (header.signature == SIGNATURE and header.signature_page_size != s.host.page_size)
    ):
        yield Violation(
            (Evidence("signature", header.signature, header.signature, "first page"),),
            Fix("None needed with swapctl."),
        )


@rule("swapon8-warns", Severity.NOTE, when=regular)
def swapon8_warns(s: Snapshot) -> Iterator[Violation]:
    """swapon(8) would warn about permissions or owner.

    The command suggests mode 0600 and root as owner, and goes on; the kernel does not look.

    Fix: follow the suggestion.

    Source: "insecure permissions" and "insecure file owner" in util-linux's swapon.c.
    """
    file = the_file(s)
    if file.mode & 0o7077 or file.uid != 0:
        path = quoted(s.path)
        yield Violation(
            (Evidence("mode", file.mode, f"{file.mode:04o}, uid {file.uid}", STAT),),
            Fix("Follow it:", (f"chown root:root {path}", f"chmod 0600 {path}")),
        )
