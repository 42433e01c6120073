"""prepare: look at the place, plan, make the file, say what came of it."""

import os
import time

from swapctl import apply
from swapctl.activate import activate
from swapctl.commands.check import print_reports
from swapctl.commands.on import asked_for, check_allowed
from swapctl.commands.progress import redrawn
from swapctl.commands.signals import interruptible
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import File, Mount, SwapHeader
from swapctl.gather import place as places
from swapctl.gather import snapshot
from swapctl.gather.patience import of_command
from swapctl.output import emit
from swapctl.place import Place
from swapctl.plan import Plan, make_plan
from swapctl.render.active import area_text
from swapctl.render.prepare import done_json, done_text, plan_json, plan_text, refusal
from swapctl.render.progress import progress_line
from swapctl.rules import Report, in_the_way, judge
from swapctl.rules.engine import Severity
from swapctl.rules.places import judge_place
from swapctl.units import parse_label, parse_reserve, parse_size, resolve_size


def _uuid(text: str | None) -> bytes:
    import uuid

    if text is None:
        return uuid.uuid4().bytes
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise SwapctlError(f"{text!r} is not a UUID", code=ExitCode.USAGE) from None


def _wanted_already(
    place: Place, label: str, uuid: str | None, allow: tuple[str, ...]
) -> Report | None:
    """The report on what stands at the path, if it is already what was asked for."""
    if place.existing != "regular":
        return None
    report = judge(snapshot(place.path))
    undecided = report.outcome.undecided
    file, header = report.snapshot.file, report.snapshot.header
    differs = not isinstance(place.mount, Mount) or place.wanted_type not in (
        None,
        place.mount.fstype,
    )
    if (
        differs
        or in_the_way(report.outcome, allow)
        or any(open_.severity in (Severity.REFUSED, Severity.UNSAFE) for open_ in undecided)
        or not isinstance(file, File)
        or not isinstance(header, SwapHeader)
        or file.size != place.size
        or (label and header.label != label)
        or (uuid is not None and header.uuid != uuid.lower())
    ):
        return None
    return report


def make(
    place: Place,
    *,
    method: str,
    uuid: bytes,
    label: str,
    allow: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    output_format: str,
    for_others: bool = False,
) -> Plan | ExitCode:
    """Judge the place and make the file there; the plan by which it was made.

    Where nothing was made, that has been printed, and this is the exit code.
    """
    as_json = output_format == "json"
    outcome = judge_place(place, allow)
    if outcome.findings or outcome.undecided:
        if not quiet:
            emit(refusal(place, outcome, as_json=as_json))
        return ExitCode.FINDINGS if outcome.findings else ExitCode.UNDECIDED
    plan = make_plan(
        place, method=method, uuid=uuid, label=label, allow=allow, for_others=for_others
    )
    if dry_run:
        emit(plan_json(plan, place.host) if as_json else plan_text(plan))
        return ExitCode.OK
    with interruptible():
        apply.run(plan, redrawn(quiet, progress_line))
    return plan


def run(
    path: str | None,
    *,
    size: str | None,
    fstype: str | None,
    method: str,
    label: str,
    uuid: str | None,
    reserve: str | None,
    allow: tuple[str, ...],
    switch_on: bool,
    priority: int | None,
    discard: str | None,
    dry_run: bool,
    quiet: bool,
    output_format: str,
) -> int:
    """Make a swapfile; the options are those of the command line."""
    if not switch_on and (priority is not None or discard):
        raise SwapctlError("--priority and --discard go with --on", code=ExitCode.USAGE)
    if size is None:
        raise SwapctlError(
            "--size is missing",
            hint="Such as 8G, 50%RAM or auto; --configured takes it from swapctl.conf.",
            code=ExitCode.USAGE,
        )
    check_allowed(allow)
    uuid_bytes, label = _uuid(uuid), parse_label(label)
    wanted = resolve_size(parse_size(size), places.memory_total(), os.sysconf("SC_PAGE_SIZE"))
    kept = None if reserve is None else parse_reserve(reserve)
    patience = of_command()
    target = path if path is not None else places.choose(fstype, patience)
    place = places.look(
        target,
        chosen=path is None,
        size=wanted,
        reserve=kept,
        wanted_type=fstype,
        patience=patience,
    )._replace(method=method, discard=discard)
    report = _wanted_already(place, label, uuid, allow)
    plan = None
    start = time.monotonic()
    if report is None:
        made = make(
            place,
            method=method,
            uuid=uuid_bytes,
            label=label,
            allow=allow,
            dry_run=dry_run,
            quiet=quiet,
            output_format=output_format,
        )
        if isinstance(made, ExitCode):
            return made
        plan = made
        report = judge(snapshot(plan.path))
    elif switch_on and not report.active:
        asked = asked_for(report, discard)
        if in_the_way(asked.outcome, allow):
            if not quiet:
                print_reports([asked], output_format, verbose=False, color=False)
            return ExitCode.FINDINGS
    seconds = time.monotonic() - start
    if output_format == "text" and not quiet:
        emit(done_text(report, plan, seconds))
    area = None
    if switch_on and not report.active and not dry_run:
        area = activate(report, priority, discard)
    if output_format == "json" and not quiet:
        emit(done_json(report, plan, seconds, area))
    elif area is not None and not quiet:
        emit(area_text(area, changed=True))
    return ExitCode.OK
