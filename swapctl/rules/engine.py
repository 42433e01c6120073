"""What a rule is, and the one loop that applies rules to a snapshot."""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum, StrEnum
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

from swapctl.facts import NotKnown

S = TypeVar("S")


class Severity(StrEnum):
    """What follows when the finding is ignored."""

    REFUSED = "refused"
    UNSAFE = "unsafe"
    WARNING = "warning"
    NOTE = "note"


SEVERITIES = tuple(Severity)


class Stage(IntEnum):
    """The order in which swapon(2) looks (mm/swapfile.c); the first failure gives the errno."""

    CALLER = 1
    AREAS = 2
    OPEN = 3
    ZONED = 4
    UNLINKED = 5
    ENCRYPTED = 6
    FOLIO = 7
    NO_READ = 8
    READ = 9
    HEADER = 10
    MAP = 11
    EMPTY = 12
    LATER = 13


class Evidence(NamedTuple):
    """A fact that was seen: its name, raw value, the text for people, and where it was read."""

    name: str
    value: str | int | bool | None
    text: str
    source: str


class Fix(NamedTuple):
    """What to do: a sentence, and commands that can be pasted."""

    text: str
    commands: tuple[str, ...] = ()


class Violation(NamedTuple):
    """What a rule yields when its condition holds.

    `title` and `stage` replace the rule's own where the case differs. `errno` and `log` are what
    the kernel answers and logs; `at` orders violations of one stage (a file offset, mostly).
    """

    evidence: tuple[Evidence, ...]
    fix: Fix
    title: str | None = None
    errno: str | None = None
    log: str | None = None
    at: int = 0
    stage: Stage | None = None


class Rule(NamedTuple, Generic[S]):
    """One condition. `doc` is the docstring of `check`: title, why, more, Fix:, Source:.

    It is kept as it stands in the source; only `text` takes the time to remove its indentation.
    """

    id: str
    severity: Severity
    stage: Stage
    applies: Callable[[S], bool]
    check: Callable[[S], Iterator[Violation]]
    doc: str

    @property
    def title(self) -> str:
        """The first line of the documentation, without its full stop."""
        return self.doc.partition("\n")[0].rstrip(".")

    @property
    def why(self) -> str:
        """The second paragraph, on one line."""
        return " ".join(self.doc.split("\n\n")[1].split())

    @property
    def text(self) -> str:
        """The whole documentation."""
        import inspect

        return inspect.cleandoc(self.doc)

    @property
    def subject(self) -> str:
        """What the rule is about: the first word of its id."""
        return self.id.partition("-")[0]


class Finding(NamedTuple):
    """A rule that is violated, and how."""

    rule_id: str
    severity: Severity
    title: str
    why: str
    stage: Stage
    violation: Violation


class Undecided(NamedTuple):
    """A rule that lacked a fact."""

    rule_id: str
    severity: Severity
    stage: Stage
    lacks: str
    reason: str


class Outcome(NamedTuple):
    """What all rules said of one subject; findings by severity, then in the kernel's order."""

    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]
    passed: tuple[str, ...]
    not_applicable: tuple[str, ...]


def rule(
    rule_id: str,
    severity: Severity,
    *,
    stage: Stage = Stage.LATER,
    when: Callable[[S], bool],
) -> Callable[[Callable[[S], Iterator[Violation]]], Rule[S]]:
    """Make a Rule of a generator function; its docstring is the rule's documentation."""

    def decorate(check: Callable[[S], Iterator[Violation]]) -> Rule[S]:
        return Rule(rule_id, severity, stage, when, check, check.__doc__ or "")

    return decorate


def evaluate(rules: Iterable[Rule[S]], subject: S) -> Outcome:
    """Apply every rule: a rule that lacks a fact is undecided, it never passes silently."""
    findings: list[Finding] = []
    undecided: list[Undecided] = []
    passed: list[str] = []
    skipped: list[str] = []
    for one in rules:
        try:
            if not one.applies(subject):
                skipped.append(one.id)
                continue
            violations = list(one.check(subject))
        except NotKnown as lack:
            what, reason = lack.unknown
            undecided.append(Undecided(one.id, one.severity, one.stage, what, reason))
            continue
        for violation in violations:
            title = violation.title or one.title
            stage = violation.stage or one.stage
            findings.append(Finding(one.id, one.severity, title, one.why, stage, violation))
        if not violations:
            passed.append(one.id)
    return Outcome(_sorted(findings), tuple(undecided), tuple(passed), tuple(skipped))


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(
        sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.stage, f.violation.at))
    )


def merged(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of all rules, from those of some of them each, in the order of the rules."""
    findings, undecided, passed, skipped = map(chain.from_iterable, zip(*outcomes, strict=True))
    return Outcome(_sorted(findings), tuple(undecided), tuple(passed), tuple(skipped))
