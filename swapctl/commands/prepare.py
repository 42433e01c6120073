"""prepare: look at the place, plan, make the file, say what came of it."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swapctl import apply
from swapctl.errors import ExitCode, SwapctlError
from swapctl.gather import place as places
from swapctl.gather import snapshot
from swapctl.output import emit
from swapctl.place import Place
from swapctl.plan import Plan, make_plan
from swapctl.render.progress import progress_line
from swapctl.rules import Report, judge
from swapctl.rules.catalogue import PLACE_RULES
from swapctl.rules.engine import Outcome, evaluate
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds, parse_reserve, parse_size, resolve_size

_REDRAW = 0.1


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the work like SIGINT does, so that a directory made for the file is removed."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _progress(quiet: bool) -> apply.Progress:
    """Shows progress on stderr when that is a terminal; nothing otherwise."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return lambda done, total: None
    start = time.monotonic()
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REDRAW or done == total:
            last = now
            end = "\n" if done == total else ""
            sys.stderr.write(f"\r\033[K{progress_line(done, total, now - start)}{end}")
            sys.stderr.flush()

    return show


def _uuid(text: str | None) -> bytes:
    import uuid

    if text is None:
        return uuid.uuid4().bytes
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise SwapctlError(f"{text!r} is not a UUID", code=ExitCode.USAGE) from None


def _label(text: str) -> str:
    if len(os.fsencode(text)) > 16 or "\0" in text:
        raise SwapctlError("a label has at most 16 bytes", code=ExitCode.USAGE)
    return text


def _refuse(outcome: Outcome, place: Place, output_format: str) -> ExitCode:
    """Print why nothing is made."""
    if output_format == "json":
        from swapctl.render.json import document, dump, finding

        findings = [finding(one) for one in outcome.findings]
        undecided = [u._asdict() for u in outcome.undecided]
        emit(
            dump(
                document(
                    place.host,
                    targets=[],
                    changed=False,
                    findings=findings,
                    undecided=undecided,
                )
            )
        )
    else:
        from swapctl.render.text import place_text

        emit(place_text(place, outcome))
    return ExitCode.FINDINGS if outcome.findings else ExitCode.UNDECIDED


def _wanted_already(place: Place, label: str, uuid: str | None) -> Report | None:
    """The report on what stands at the path, if it is already what was asked for."""
    if place.existing != "regular":
        return None
    report = judge(snapshot(place.path))
    seen = report.snapshot
    header, file = seen.header, seen.file
    if (
        report.verdict in ("ready", "usable")
        and getattr(file, "size", None) == place.size
        and (not label or getattr(header, "label", None) == label)
        and (uuid is None or getattr(header, "uuid", None) == uuid.lower())
    ):
        return report
    return None


def _print_done(report: Report, plan: Plan | None, seconds: float, output_format: str) -> None:
    if output_format == "json":
        from swapctl.render.json import document, dump, target

        made: dict[str, Any] = {
            **target(report),
            "changed": plan is not None,
            "method": plan.method if plan else None,
            "bytes": plan.size if plan else 0,
            "seconds": round(seconds, 3),
        }
        emit(dump(document(report.snapshot.host, targets=[made])))
        return
    path = report.snapshot.path
    if plan is None:
        emit(f"{shown(path)}: nothing to do, it is what was asked for ({report.verdict})")
        return
    rate = f", {format_bytes(int(plan.size / seconds))}/s" if seconds > 0.5 else ""
    emit(
        f"{shown(path)}: {format_bytes(plan.size)} ({plan.size} bytes) prepared in "
        f"{format_seconds(seconds)}{rate}, verdict {report.verdict}"
    )


def _print_plan(plan: Plan) -> None:
    lines = [f"would make {shown(plan.path)}, {format_bytes(plan.size)} ({plan.size} bytes):"]
    lines += [f"  {number}. {step.text}" for number, step in enumerate(plan.steps, 1)]
    commands = [step.command for step in plan.steps if step.command]
    emit("\n".join([*lines, "about the same in a shell:", *(f"    {c}" for c in commands)]))


def run(
    path: str | None,
    *,
    size: str,
    fstype: str | None,
    method: str,
    label: str,
    uuid: str | None,
    reserve: str | None,
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
    uuid_bytes, label = _uuid(uuid), _label(label)
    wanted = resolve_size(parse_size(size), places.memory_total(), os.sysconf("SC_PAGE_SIZE"))
    kept = None if reserve is None else parse_reserve(reserve)
    target = path if path is not None else places.choose(fstype)
    place = places.look(target, chosen=path is None, size=wanted, reserve=kept, wanted_type=fstype)
    report = _wanted_already(place, label, uuid)
    plan = None
    start = time.monotonic()
    if report is None:
        outcome = evaluate(PLACE_RULES, place)
        if outcome.findings or outcome.undecided:
            return _refuse(outcome, place, output_format)
        plan = make_plan(place, method=method, uuid=uuid_bytes, label=label)
        if dry_run:
            _print_plan(plan)
            return ExitCode.OK
        with _interruptible():
            apply.run(plan, _progress(quiet))
        report = judge(snapshot(plan.path))
    if not quiet:
        _print_done(report, plan, time.monotonic() - start, output_format)
    if switch_on and not report.active and not dry_run:
        from swapctl.commands.on import switch

        return switch(report, priority, discard, (), "none" if output_format == "json" else "text")
    return ExitCode.OK
