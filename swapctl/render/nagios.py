"""Reports as a monitoring plugin prints them: one status line, and an exit code of its own.

0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (Monitoring Plugins Development Guidelines).
"""

from swapctl.rules import Report
from swapctl.text import shown

_STATES = {
    "ready": (0, "OK"),
    "usable": (1, "WARNING"),
    "undecided": (3, "UNKNOWN"),
    "unsafe": (2, "CRITICAL"),
    "refused": (2, "CRITICAL"),
}
_WORST = (2, 1, 3, 0)


def report_line(reports: list[Report]) -> tuple[str, int]:
    """The status line of all reports together, and the plugin's exit code."""
    states = [_STATES[r.verdict] for r in reports]
    code, word = min(states, key=lambda state: _WORST.index(state[0]))
    details = []
    for report in reports:
        rules = [f.rule_id for f in report.outcome.findings if f.severity != "note"]
        named = f" ({' '.join(dict.fromkeys(rules))})" if rules else ""
        # A bar would begin the performance data.
        details.append(f"{shown(report.snapshot.path)} {report.verdict}{named}".replace("|", "/"))
    return f"SWAP {word} - {'; '.join(details)}", code
