"""on: check, activate, and see what the kernel made of it."""

from swapctl.activate import activate
from swapctl.commands.check import print_reports
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import SwapArea
from swapctl.gather import snapshot
from swapctl.output import emit, use_color
from swapctl.rules import RULES, Report, judge
from swapctl.rules.engine import Severity
from swapctl.text import shown
from swapctl.units import format_bytes


def _check_allowed(names: tuple[str, ...]) -> None:
    """--allow lifts unsafe rules by name, nothing else."""
    unsafe = {r.id for r in RULES if r.severity is Severity.UNSAFE}
    for name in names:
        if name not in unsafe:
            raise SwapctlError(
                f"{name!r} is not an unsafe rule",
                hint=f"--allow takes: {', '.join(sorted(unsafe))}.",
                code=ExitCode.USAGE,
            )


def stops(report: Report, allowed: tuple[str, ...]) -> bool:
    """Does a finding stand in the way of activation?"""
    return any(
        f.severity is Severity.REFUSED
        or (f.severity is Severity.UNSAFE and f.rule_id not in allowed)
        for f in report.outcome.findings
    )


def _print_area(report: Report, area: SwapArea, changed: bool, output_format: str) -> None:
    if output_format == "json":
        from swapctl.render.json import document, dump, target

        made = {
            **target(report),
            "active": True,
            "changed": changed,
            "size_bytes": area.size,
            "priority": area.priority,
        }
        emit(dump(document(report.snapshot.host, targets=[made])))
    elif output_format == "text":
        words = "activated" if changed else "nothing to do, it is active"
        emit(f"{shown(area.path)}: {words}: {format_bytes(area.size)}, priority {area.priority}")


def switch(
    report: Report,
    priority: int | None,
    discard: str | None,
    allowed: tuple[str, ...],
    output_format: str,
) -> ExitCode:
    """Activate what was judged; `output_format` none prints nothing but errors."""
    if stops(report, allowed):
        print_reports([report], output_format, verbose=False, color=False)
        return ExitCode.FINDINGS
    area = activate(report, priority, discard)
    _print_area(report, area, True, output_format)
    return ExitCode.OK


def run(
    path: str,
    *,
    priority: int | None,
    discard: str | None,
    allow: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    output_format: str,
    color: str,
) -> int:
    """Activate an area unless something stands in its way."""
    _check_allowed(allow)
    shape = "none" if quiet else output_format
    report = judge(snapshot(path))
    if report.active:
        from swapctl.activate import find_area

        area = find_area(path)
        if area is not None:
            _print_area(report, area, False, shape)
            return ExitCode.OK
    if stops(report, allow):
        if not quiet:
            print_reports([report], output_format, verbose=False, color=use_color(color))
        return ExitCode.FINDINGS
    if dry_run:
        emit(f"{shown(path)}: would be activated ({report.verdict})")
        return ExitCode.OK
    return switch(report, priority, discard, allow, shape)
