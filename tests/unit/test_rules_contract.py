"""Every rule is documented in one shape, can find, can pass, and never passes for lack of facts."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_type_hints

import pytest

from swapctl.f2fs_facts import F2fsState
from swapctl.facts import BtrfsState, File, Host, Snapshot, Unknown
from swapctl.place import Place
from swapctl.rules import judge, rules_of
from swapctl.rules.catalogue import (
    ALL_RULES,
    BELOW_RULES,
    ENTERING_RULES,
    LEAVING_RULES,
    PLACE_RULES,
    RULES,
)
from swapctl.rules.engine import Finding, Outcome, Rule, Severity, evaluate
from swapctl.rules.index import SUBJECTS, Subject, always
from swapctl.setup_facts import Setup
from swapctl.storage_facts import Layer
from tests.golden.regenerate import MACHINES, report
from tests.unit.snapshots import EXAMPLES, OPEN_QUESTIONS, alter
from tests.unit.snapshots_place import ENTERINGS, LEAVINGS, PLACES

each_rule = pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)
each_example = pytest.mark.parametrize("rule_id", EXAMPLES)
OF_PLACES = (*PLACE_RULES, *BELOW_RULES)
BY_ID = {rule.id: rule for rule in RULES}

# Programs that fixes may name, with the packages that Debian has them in.
PROGRAMS = {
    "swapctl",
    *("mkswap", "blockdev", "lsblk", "mount", "umount"),  # util-linux, mount
    *("chmod", "chown", "mv", "sync", "install", "dd"),  # coreutils
    *("chattr", "btrfs", "xfs_io", "setfacl", "find"),
    *("losetup", "dmsetup", "lvs", "mdadm"),
    "systemctl",  # systemd
}


def test_ids_are_unique() -> None:
    ids = [rule.id for rule in ALL_RULES]
    assert sorted(set(ids)) == sorted(ids)


@each_rule
def test_id_is_subject_and_problem(rule: Rule[Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", rule.id)
    assert rule.severity in Severity


@each_rule
def test_documentation_has_the_one_shape(rule: Rule[Any]) -> None:
    """Title, why, perhaps more, fix, source: `explain`, the reports and the manual rely on it."""
    title, why, *more, fix, source = rule.text.split("\n\n")
    assert re.fullmatch(r"[^\n]{1,79}\.", title)
    assert rule.title == title.removesuffix(".")
    assert not why.startswith(("Fix:", "Source:"))
    assert rule.why == " ".join(why.split())
    assert not any(part.startswith(("Fix:", "Source:")) for part in more)
    assert fix.startswith("Fix: ")
    assert source.startswith("Source: ")
    assert max(map(len, rule.text.splitlines())) <= 100


def test_every_rule_has_examples() -> None:
    """One case that it finds or, where no fact can tell, asks about; and one that it passes."""
    assert sorted([*EXAMPLES, *OPEN_QUESTIONS]) == sorted(BY_ID)
    assert sorted(PLACES) == sorted(rule.id for rule in (*PLACE_RULES, *BELOW_RULES))
    assert sorted(ENTERINGS) == sorted(rule.id for rule in ENTERING_RULES)
    assert sorted(LEAVINGS) == sorted(rule.id for rule in LEAVING_RULES)
    assert len(ALL_RULES) == len({*EXAMPLES, *OPEN_QUESTIONS, *PLACES, *ENTERINGS, *LEAVINGS})


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.module)
def test_the_index_names_the_rules_that_are_loaded_when_needed(subject: Subject) -> None:
    always_loaded = subject.about is always and subject.met is always
    ids = tuple(rule.id for rule in rules_of(subject))
    assert ids
    assert subject.ids == (() if always_loaded else ids)


def finding(rule_id: str, snapshot: Snapshot) -> Finding:
    found = [f for f in judge(snapshot).outcome.findings if f.rule_id == rule_id]
    assert found, f"{rule_id} does not find anything"
    return found[0]


@each_example
def test_a_rule_finds_and_passes(rule_id: str) -> None:
    violating, passing = EXAMPLES[rule_id]
    found = finding(rule_id, violating)
    assert found.severity is BY_ID[rule_id].severity
    assert found.title
    assert found.violation.evidence
    assert rule_id in judge(passing).outcome.passed


@each_example
def test_a_refusal_names_the_errno_and_others_do_not(rule_id: str) -> None:
    found = finding(rule_id, EXAMPLES[rule_id][0])
    assert bool(found.violation.errno) == (found.severity is Severity.REFUSED)


def finds_and_passes(rule_id: str, violating: Outcome, passing: Outcome) -> None:
    (severity,) = [rule.severity for rule in ALL_RULES if rule.id == rule_id]
    (found,) = [f for f in violating.findings if f.rule_id == rule_id]
    assert found.severity is severity
    assert found.title
    assert found.violation.evidence
    assert rule_id in passing.passed
    assert (passing.findings, passing.undecided) == ((), ())


@pytest.mark.parametrize("rule_id", PLACES)
def test_a_rule_of_places_finds_and_passes(rule_id: str) -> None:
    violating, passing = PLACES[rule_id]
    finds_and_passes(rule_id, evaluate(OF_PLACES, violating), evaluate(OF_PLACES, passing))


@pytest.mark.parametrize("rule_id", PLACES)
def test_a_rule_of_places_never_passes_for_lack_of_facts(rule_id: str) -> None:
    violating, _ = PLACES[rule_id]
    for name in unknowable(Place):
        less = alter(violating, **{name: Unknown(name, "lost")})
        assert state_of(rule_id, evaluate(OF_PLACES, less)) in ("found", "undecided")


@pytest.mark.parametrize("rule_id", ENTERINGS)
def test_a_rule_of_entering_finds_and_passes(rule_id: str) -> None:
    violating, passing = ENTERINGS[rule_id]
    finds_and_passes(
        rule_id, evaluate(ENTERING_RULES, violating), evaluate(ENTERING_RULES, passing)
    )


@pytest.mark.parametrize("rule_id", ENTERINGS)
def test_a_rule_of_entering_never_passes_for_lack_of_facts(rule_id: str) -> None:
    violating, _ = ENTERINGS[rule_id]
    for name, less in without_a_fact(violating.snapshot):
        outcome = evaluate(ENTERING_RULES, violating._replace(snapshot=less))
        assert state_of(rule_id, outcome) in ("found", "undecided"), name


@pytest.mark.parametrize("rule_id", LEAVINGS)
def test_a_rule_of_leaving_finds_and_passes(rule_id: str) -> None:
    violating, passing = LEAVINGS[rule_id]
    finds_and_passes(rule_id, evaluate(LEAVING_RULES, violating), evaluate(LEAVING_RULES, passing))


@pytest.mark.parametrize("rule_id", OPEN_QUESTIONS)
def test_an_open_question_is_undecided(rule_id: str) -> None:
    asking, passing = OPEN_QUESTIONS[rule_id]
    outcome = judge(asking).outcome
    assert rule_id in {u.rule_id for u in outcome.undecided}
    assert rule_id in judge(passing).outcome.passed
    assert "undecided" in BY_ID[rule_id].text


@cache
def all_findings() -> tuple[Finding, ...]:
    snapshots = [violating for violating, _ in EXAMPLES.values()]
    snapshots += [report(machine).snapshot for machine in MACHINES]
    return tuple(f for s in snapshots for f in judge(s).outcome.findings)


def test_commands_of_fixes_can_be_pasted() -> None:
    """They are words for a shell that begin with a program that exists."""
    commands = {c for f in all_findings() for c in f.violation.fix.commands}
    assert len(commands) > 20
    programs = {shlex.split(command)[0] for command in commands}
    assert programs <= PROGRAMS


def test_a_strange_path_stays_one_word_in_every_command() -> None:
    strange = "/data/a b'c;$(reboot)"
    for violating, _ in EXAMPLES.values():
        before = judge(violating).outcome
        after = judge(violating._replace(path=strange)).outcome
        assert [f.rule_id for f in before.findings] == [f.rule_id for f in after.findings]
        for old, new in zip(before.findings, after.findings, strict=True):
            pairs = zip(old.violation.fix.commands, new.violation.fix.commands, strict=True)
            for plain, odd in pairs:
                words = shlex.split(plain)
                expected = [word.replace(violating.path, strange) for word in words]
                assert shlex.split(odd) == expected, new.rule_id


def unknowable(kind: Any) -> Iterator[str]:
    """The fields of a record that may be Unknown."""
    for name, hint in get_type_hints(kind).items():
        if Unknown in get_args(hint):
            yield name


RECORDS = (
    ("file", File),
    ("host", Host),
    ("btrfs", BtrfsState),
    ("f2fs", F2fsState),
    ("setup", Setup),
)


def without_a_layer(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """The layer as it is when it cannot be looked at, and each time with one of its facts lost."""
    lost = Unknown("layer", "lost")
    yield "all", Layer(layer.depth, "unknown", "device", layer.number, 0, False, lacks=lost)
    for record in ("loop", "file", "mapper"):
        value = getattr(layer, record)
        for name in unknowable(type(value)) if value is not None else ():
            yield f"{record}.{name}", alter(layer, **{record: alter(value, **{name: lost})})


def without_a_fact(s: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """The snapshot, each time with one of its facts lost."""
    for name in unknowable(Snapshot):
        yield name, alter(s, **{name: Unknown(name, "lost")})
    layers = () if s.storage is None or isinstance(s.storage, Unknown) else s.storage
    for n, layer in enumerate(layers):
        for name, less in without_a_layer(layer):
            changed = (*layers[:n], less, *layers[n + 1 :])
            yield f"storage[{n}] {name}", alter(s, storage=changed)
    for record, kind in RECORDS:
        value = getattr(s, record)
        if isinstance(value, kind):
            for name in unknowable(kind):
                lost = alter(value, **{name: Unknown(name, "lost")})
                yield f"{record}.{name}", alter(s, **{record: lost})


def state_of(rule_id: str, outcome: Outcome) -> str:
    if any(f.rule_id == rule_id for f in outcome.findings):
        return "found"
    if any(u.rule_id == rule_id and u.lacks and u.reason for u in outcome.undecided):
        return "undecided"
    return "passed" if rule_id in outcome.passed else "not applicable"


@pytest.mark.parametrize("rule_id", [*EXAMPLES, *OPEN_QUESTIONS])
def test_a_lost_fact_never_makes_a_rule_pass(rule_id: str) -> None:
    """Whatever is lost of a violating snapshot: the rule still finds, or is undecided."""
    violating, _ = {**EXAMPLES, **OPEN_QUESTIONS}[rule_id]
    states = {
        name: state_of(rule_id, judge(less).outcome) for name, less in without_a_fact(violating)
    }
    silent = {name: s for name, s in states.items() if s not in ("found", "undecided")}
    assert silent == {}


@pytest.mark.parametrize("rule_id", [*EXAMPLES, *OPEN_QUESTIONS])
def test_what_is_not_loaded_would_say_nothing(rule_id: str) -> None:
    """The outcome is that of all rules, whichever were loaded for it and whatever is lost."""
    for snapshot in {**EXAMPLES, **OPEN_QUESTIONS}[rule_id]:
        for _, less in [("nothing", snapshot), *without_a_fact(snapshot)]:
            assert judge(less).outcome == evaluate(RULES, less)


@pytest.mark.parametrize("machine", MACHINES)
def test_recorded_machines_need_no_more_than_was_loaded(machine: str) -> None:
    one = report(machine)
    assert one.outcome == evaluate(RULES, one.snapshot)


@pytest.mark.parametrize("rule_id", [*EXAMPLES, *OPEN_QUESTIONS])
def test_nothing_passes_when_nothing_is_known(rule_id: str) -> None:
    violating, _ = {**EXAMPLES, **OPEN_QUESTIONS}[rule_id]
    host = alter(violating.host, **dict.fromkeys(unknowable(Host), Unknown("it", "lost")))
    lost = dict.fromkeys(unknowable(Snapshot), Unknown("it", "lost"))
    outcome = judge(alter(violating, host=host, **lost)).outcome
    if rule_id != "path-unreachable":  # the lookup has an answer always
        assert state_of(rule_id, outcome) == "undecided"
