"""The rules, and the report that they make of a snapshot.

A rule lives in the module of its subject; index.py lists the modules.
"""

from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from swapctl.facts import NotKnown, Snapshot, Unknown
from swapctl.rules import layout
from swapctl.rules.engine import Finding, Outcome, Rule, Severity, evaluate, merged
from swapctl.rules.index import SUBJECTS, Subject
from swapctl.rules.subject import active_area


def collect(*modules: ModuleType) -> tuple[Rule[Any], ...]:
    """The rules that modules define, in the order of their definition."""
    return tuple(v for module in modules for v in vars(module).values() if isinstance(v, Rule))


def rules_of(subject: Subject) -> tuple[Rule[Snapshot], ...]:
    """The rules of a module of the index, which is loaded now at the latest."""
    return collect(import_module(f"{__name__}.{subject.module}"))


class Prediction(NamedTuple):
    """What swapon(2) would answer. None is "cannot be told"; `usable_bytes` is the size that
    /proc/swaps would show."""

    accepts: bool | None
    errno: str | None
    kernel_log: str | None
    usable_bytes: int | None


class Report(NamedTuple):
    """The verdict on one candidate. `active` is None when that is not known."""

    snapshot: Snapshot
    verdict: str
    active: bool | None
    swapon: Prediction
    outcome: Outcome


def _active(snapshot: Snapshot) -> bool | None:
    if snapshot.file is None or isinstance(snapshot.file, Unknown):
        return None if snapshot.file else False
    try:
        return active_area(snapshot) is not None
    except NotKnown:
        return None


def _usable_bytes(snapshot: Snapshot) -> int | None:
    try:
        pages = layout.usable_pages(snapshot)
    except NotKnown:
        return None
    return None if pages is None else pages * snapshot.host.page_size


def _predict(snapshot: Snapshot, outcome: Outcome) -> Prediction:
    """The refusal that the kernel meets first decides; an open question before it hides it."""
    refusals = [f for f in outcome.findings if f.severity is Severity.REFUSED]
    open_questions = [u for u in outcome.undecided if u.severity is Severity.REFUSED]
    if not refusals:
        if open_questions:
            return Prediction(None, None, None, None)
        # f2fs has something to say of files that it accepts, too.
        log = "\n".join(f.violation.log for f in outcome.findings if f.violation.log)
        return Prediction(True, None, log or None, _usable_bytes(snapshot))
    first = min(refusals, key=lambda f: (f.stage, f.violation.at))
    if any(u.stage < first.stage for u in open_questions):
        return Prediction(False, None, None, None)
    return Prediction(False, first.violation.errno, first.violation.log, None)


def verdict_of(outcome: Outcome) -> str:
    """refused > unsafe > undecided > usable (warnings) > ready."""
    severities = {f.severity for f in outcome.findings}
    if Severity.REFUSED in severities:
        return "refused"
    if Severity.UNSAFE in severities:
        return "unsafe"
    if outcome.undecided:
        return "undecided"
    return "usable" if Severity.WARNING in severities else "ready"


def in_the_way(outcome: Outcome, allowed: tuple[str, ...]) -> tuple[Finding, ...]:
    """The findings that stop an operation: refused, and unsafe unless allowed by name."""
    return tuple(
        f
        for f in outcome.findings
        if f.severity is Severity.REFUSED
        or (f.severity is Severity.UNSAFE and f.rule_id not in allowed)
    )


def _outcome(subject: Subject, snapshot: Snapshot) -> Outcome:
    """What the rules of one module say; they are loaded only where one might find something."""
    try:
        if not subject.about(snapshot):
            return Outcome((), (), (), subject.ids)
        if not subject.met(snapshot):
            return Outcome((), (), subject.ids, ())
    except NotKnown:
        pass  # the rules themselves say what they lack
    return evaluate(rules_of(subject), snapshot)


def with_more(report: Report, outcome: Outcome) -> Report:
    """The report with what further rules said; they are none of swapon(2)'s."""
    everything = merged((report.outcome, outcome))
    return report._replace(verdict=verdict_of(everything), outcome=everything)


def judge(snapshot: Snapshot) -> Report:
    """Apply every rule to the snapshot. Pure: the same snapshot gives the same report."""
    outcome = merged(_outcome(subject, snapshot) for subject in SUBJECTS)
    return Report(
        snapshot=snapshot,
        verdict=verdict_of(outcome),
        active=_active(snapshot),
        swapon=_predict(snapshot, outcome),
        outcome=outcome,
    )
