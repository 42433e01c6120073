"""Reports as JSON: schema 1. Additions keep the number, removals and changed meanings raise it."""

import json
import os
from typing import Any

from swapctl import __version__
from swapctl.facts import Host
from swapctl.rules import Report
from swapctl.rules.engine import Finding, Rule

SCHEMA = 1


def document(host: Host | None, **content: Any) -> dict[str, Any]:
    """The envelope of every document; `host` is left out where the output is about no machine."""
    head: dict[str, Any] = {"schema": SCHEMA, "swapctl": __version__}
    if host is not None:
        head["host"] = {
            "kernel": host.kernel,
            "machine": host.machine,
            "page_size": host.page_size,
        }
    return {**head, **content}


def dump(value: Any) -> str:
    """Indented JSON; undecodable bytes of paths become lone surrogates, \\udcXX."""
    return json.dumps(value, indent=2)


def _path(path: str) -> dict[str, Any]:
    try:
        path.encode()
    except UnicodeEncodeError:
        return {"path": path, "path_bytes": list(os.fsencode(path))}
    return {"path": path}


def finding(one: Finding) -> dict[str, Any]:
    """One finding with its evidence and fix."""
    return {
        "rule": one.rule_id,
        "severity": str(one.severity),
        "title": one.title,
        "evidence": [e._asdict() for e in one.violation.evidence],
        "why": one.why,
        "fix": {
            "text": one.violation.fix.text,
            "commands": list(one.violation.fix.commands),
        },
    }


def target(report: Report) -> dict[str, Any]:
    """One judged candidate."""
    outcome = report.outcome
    return {
        **_path(report.snapshot.path),
        "verdict": report.verdict,
        "active": report.active,
        "swapon": report.swapon._asdict(),
        "findings": [finding(one) for one in outcome.findings],
        "undecided": [
            {"rule": u.rule_id, "lacks": u.lacks, "reason": u.reason} for u in outcome.undecided
        ],
        "passed": list(outcome.passed),
        "not_applicable": list(outcome.not_applicable),
    }


def report_document(reports: list[Report]) -> dict[str, Any]:
    """The answer of `check`: the host of the (first) snapshot and all targets."""
    return document(reports[0].snapshot.host, targets=[target(r) for r in reports])


def rule_record(rule: Rule[Any]) -> dict[str, Any]:
    """A rule's documentation, for `explain`."""
    return {
        "rule": rule.id,
        "severity": str(rule.severity),
        "subject": rule.subject,
        "title": rule.title,
        "why": rule.why,
        "text": rule.text,
    }
