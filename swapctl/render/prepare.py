"""What prepare is going to do, did, or will not do."""

from typing import Any

from swapctl.facts import Host, SwapArea
from swapctl.place import Place
from swapctl.plan import Plan
from swapctl.render.json import document, dump, finding, target
from swapctl.render.text import finding_lines, labelled
from swapctl.rules import Report
from swapctl.rules.engine import Outcome
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds


def place_text(place: Place, outcome: Outcome) -> str:
    """Why no swapfile can be made at a place."""
    lines = [f"{shown(place.path)}: not prepared, nothing was changed"]
    for one in outcome.findings:
        lines += ["", *finding_lines(one, False)]
    for lack in outcome.undecided:
        lines += [
            "",
            f"undecided {lack.rule_id}",
            *labelled("lacks", f"{lack.lacks}: {lack.reason}"),
        ]
    return "\n".join(lines)


def refusal(place: Place, outcome: Outcome, *, as_json: bool) -> str:
    """Why nothing is made."""
    if not as_json:
        return place_text(place, outcome)
    return dump(
        document(
            place.host,
            targets=[],
            changed=False,
            findings=[finding(one) for one in outcome.findings],
            undecided=[
                {"rule": u.rule_id, "lacks": u.lacks, "reason": u.reason} for u in outcome.undecided
            ],
        )
    )


def plan_json(plan: Plan, host: Host) -> str:
    """The steps for programs."""
    steps = [step._asdict() for step in plan.steps]
    return dump(
        document(
            host,
            targets=[],
            changed=False,
            plan={"path": plan.path, "bytes": plan.size, "method": plan.method, "steps": steps},
        )
    )


def plan_text(plan: Plan) -> str:
    """The steps, and about the same as shell commands."""
    lines = [f"would make {shown(plan.path)}, {format_bytes(plan.size)} ({plan.size} bytes):"]
    lines += [f"  {number}. {step.text}" for number, step in enumerate(plan.steps, 1)]
    commands = [f"    {step.command}" for step in plan.steps if step.command]
    return "\n".join([*lines, "about the same in a shell:", *commands])


def done_text(report: Report, plan: Plan | None, seconds: float) -> str:
    """A line about a file that is there now, without a plan since before; and each fact that the
    verdict lacks, once for all rules."""
    line = f"{shown(report.snapshot.path)}: "
    if plan is None:
        line += f"nothing to do, it is what was asked for ({report.verdict})"
    else:
        rate = f", {format_bytes(int(plan.size / seconds))}/s" if seconds > 0.5 else ""
        line += (
            f"{format_bytes(plan.size)} ({plan.size} bytes) prepared in "
            f"{format_seconds(seconds)}{rate}, verdict {report.verdict}"
        )
    lacks = dict.fromkeys(f"{lack.lacks}: {lack.reason}" for lack in report.outcome.undecided)
    return "\n".join([line, *(text for lack in lacks for text in labelled("lacks", lack))])


def done_json(report: Report, plan: Plan | None, seconds: float, area: SwapArea | None) -> str:
    """The target with what was done; `area` is set when it was activated too."""
    made: dict[str, Any] = {
        **target(report),
        "changed": plan is not None,
        "method": plan.method if plan else None,
        "bytes": plan.size if plan else 0,
        "seconds": round(seconds, 3),
    }
    if area is not None:
        made |= {"active": True, "size_bytes": area.size, "priority": area.priority}
    return dump(document(report.snapshot.host, targets=[made]))
