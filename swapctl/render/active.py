"""What came of an activation or a deactivation."""

from typing import Any

from swapctl.facts import SwapArea
from swapctl.render.json import document, dump, finding, target
from swapctl.render.text import finding_lines
from swapctl.rules import Report
from swapctl.rules.engine import Outcome
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds


def area_text(area: SwapArea, *, changed: bool) -> str:
    """The line about an area that is active now."""
    words = "activated" if changed else "nothing to do, it is active"
    return f"{shown(area.path)}: {words}: {format_bytes(area.size)}, priority {area.priority}"


def area_json(report: Report, area: SwapArea, *, changed: bool) -> str:
    """The target with what the kernel made of it."""
    made: dict[str, Any] = {
        **target(report),
        "active": True,
        "changed": changed,
        "size_bytes": area.size,
        "priority": area.priority,
    }
    return dump(document(report.snapshot.host, targets=[made]))


def stays_text(area: SwapArea, outcome: Outcome) -> str:
    """Why an area was not deactivated."""
    lines = [f"{shown(area.path)}: not deactivated (--force does it all the same)", ""]
    for one in outcome.findings:
        lines += finding_lines(one, False)
    return "\n".join(lines)


def stays_json(area: SwapArea, outcome: Outcome) -> str:
    """The same for programs."""
    findings = [finding(one) for one in outcome.findings]
    return dump(document(None, path=area.path, changed=False, findings=findings))


def left_text(area: SwapArea, seconds: float) -> str:
    """The line about an area that was deactivated; `area` as it was before."""
    back = f", {format_bytes(area.used)} read back" if area.used else ""
    return f"{shown(area.path)}: deactivated in {format_seconds(seconds)}{back}"


def left_json(area: SwapArea, seconds: float) -> str:
    """The same for programs."""
    return dump(
        document(
            None,
            path=area.path,
            changed=True,
            bytes_read_back=area.used,
            seconds=round(seconds, 3),
        )
    )
