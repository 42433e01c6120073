"""prove: judge, put real pages through the area while somebody counts, say what came of it."""

import os
from collections.abc import Callable

from swapctl.commands.check import print_reports
from swapctl.commands.on import check_allowed
from swapctl.commands.progress import redrawn
from swapctl.commands.signals import interruptible
from swapctl.errors import ExitCode
from swapctl.facts import Unknown
from swapctl.gather import place as places
from swapctl.gather import snapshot
from swapctl.gather.patience import of_command
from swapctl.output import emit, use_color
from swapctl.prove.engine import Request, prove
from swapctl.render.proof import proof_json, proof_text
from swapctl.rules import Report, in_the_way, judge
from swapctl.units import format_bytes, format_seconds, parse_size, resolve_size

_CODES = {
    "proven": ExitCode.OK,
    "disproved": ExitCode.FINDINGS,
    "inconclusive": ExitCode.UNDECIDED,
}


def _progress(quiet: bool) -> Callable[[int], None]:
    """Shows how much has moved."""

    def line(done: int, _: int, seconds: float) -> str:
        return f"{format_bytes(done)} moved, {format_seconds(seconds)}"

    show, done = redrawn(quiet, line), 0

    def add(moved: int) -> None:
        nonlocal done
        done += moved
        show(done, 0)

    return add


def _stops(report: Report, allow: tuple[str, ...]) -> ExitCode | None:
    if in_the_way(report.outcome, allow):
        return ExitCode.FINDINGS
    return ExitCode.UNDECIDED if isinstance(report.snapshot.file, Unknown) else None


def run(
    path: str,
    *,
    size: str | None,
    seconds: float,
    keep: bool,
    allow: tuple[str, ...],
    quiet: bool,
    output_format: str,
    color: str,
) -> int:
    """Prove that an area takes pages without a filesystem's help, unless something forbids it."""
    check_allowed(allow)
    wanted = None
    if size is not None:
        page_size = os.sysconf("SC_PAGE_SIZE")
        wanted = resolve_size(parse_size(size), places.memory_total(), page_size)
    report = judge(snapshot(path, of_command()))
    stopped = _stops(report, allow)
    if stopped is not None:
        if not quiet:
            print_reports([report], output_format, verbose=False, color=use_color(color))
        return stopped
    with interruptible():
        measured, proof = prove(report, Request(wanted, seconds, keep), _progress(quiet))
    if not quiet:
        active = not measured.activated or measured.kept
        emit(
            proof_json(report, measured, proof, active=active)
            if output_format == "json"
            else proof_text(report, measured, proof, active=active, color=use_color(color))
        )
    return _CODES[proof.verdict]
