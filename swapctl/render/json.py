"""Reports as JSON: schema 1. Additions keep the number, removals and changed meanings raise it."""

import json
import os
from typing import Any

from swapctl import __version__
from swapctl.facts import Host, Unknown
from swapctl.rules import Report
from swapctl.rules.engine import Finding, Rule
from swapctl.storage_facts import Layer

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


def _layer(layer: Layer) -> dict[str, Any]:
    """A layer with the names of what it is made of; what does not apply is left out."""
    return {
        "kind": layer.kind,
        "name": layer.name,
        "number": layer.number,
        "size": layer.size,
        "read_only": layer.read_only,
        "part": _plain(layer.part),
        **{
            name: _plain(value)
            for name in ("attributes", "loop", "file", "mapper", "array", "server", "lacks")
            if (value := getattr(layer, name)) is not None
        },
        "below": [],
    }


def _plain(value: Any) -> Any:
    """Records as objects; what is not known keeps its reason."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        found = {name: _plain(field) for name, field in value._asdict().items()}
        return {"unknown": found} if isinstance(value, Unknown) else found
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def storage(layers: tuple[Layer, ...] | Unknown | None) -> Any:
    """The layers below a candidate as a tree; null where there is no block device."""
    if layers is None or isinstance(layers, Unknown):
        return _plain(layers)
    roots: list[dict[str, Any]] = []
    above: list[tuple[int, dict[str, Any]]] = []
    for layer in layers:
        node = _layer(layer)
        while above and above[-1][0] >= layer.depth:
            above.pop()
        (above[-1][1]["below"] if above else roots).append(node)
        above.append((layer.depth, node))
    return roots


def target(report: Report) -> dict[str, Any]:
    """One judged candidate."""
    outcome = report.outcome
    return {
        **_path(report.snapshot.path),
        "verdict": report.verdict,
        "active": report.active,
        "swapon": report.swapon._asdict(),
        "storage": storage(report.snapshot.storage),
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
