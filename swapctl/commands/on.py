"""on: check, activate, and see what the kernel made of it."""

from swapctl.activate import activate, find_area
from swapctl.commands.check import print_reports
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import Unknown
from swapctl.gather import snapshot
from swapctl.gather.patience import of_command
from swapctl.output import emit, use_color
from swapctl.render.active import area_json, area_text
from swapctl.rules import Report, in_the_way, judge, with_more
from swapctl.rules.engine import Severity, evaluate
from swapctl.text import shown


def check_allowed(names: tuple[str, ...]) -> None:
    """--allow lifts unsafe rules by name, nothing else."""
    if not names:
        return
    from swapctl.rules.catalogue import ALL_RULES

    unsafe = {r.id for r in ALL_RULES if r.severity is Severity.UNSAFE}
    for name in names:
        if name not in unsafe:
            raise SwapctlError(
                f"{name!r} is not an unsafe rule",
                hint=f"--allow takes: {', '.join(sorted(unsafe))}.",
                code=ExitCode.USAGE,
            )


def asked_for(report: Report, discard: str | None) -> Report:
    """The report with what is to be said of the way in which the area is to be activated."""
    if discard is None:
        return report
    from swapctl.place import Entering
    from swapctl.rules.catalogue import ENTERING_RULES

    outcome = evaluate(ENTERING_RULES, Entering(report.snapshot, discard))
    return with_more(report, outcome)


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
    check_allowed(allow)
    patience = of_command()
    report = asked_for(judge(snapshot(path, patience)), discard)
    area = find_area(path, patience) if report.active else None
    if area is None and in_the_way(report.outcome, allow):
        if not quiet:
            print_reports([report], output_format, verbose=False, color=use_color(color))
        return ExitCode.FINDINGS
    if isinstance(report.snapshot.file, Unknown):
        # swapon(2) would wait as long for a server as every other call.
        if not quiet:
            print_reports([report], output_format, verbose=False, color=use_color(color))
        return ExitCode.UNDECIDED
    if area is None and dry_run:
        if output_format == "json":
            print_reports([report], output_format, verbose=False, color=False)
        else:
            emit(f"{shown(path)}: would be activated ({report.verdict})")
        return ExitCode.OK
    changed = area is None
    if area is None:
        area = activate(report, priority, discard)
    if not quiet:
        as_json = output_format == "json"
        emit(
            area_json(report, area, changed=changed)
            if as_json
            else area_text(area, changed=changed)
        )
    return ExitCode.OK
