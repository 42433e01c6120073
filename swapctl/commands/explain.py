"""explain: the documentation of the rules."""

from typing import Any

from swapctl.errors import ExitCode, SwapctlError
from swapctl.output import emit
from swapctl.rules.catalogue import ALL_RULES
from swapctl.rules.engine import SEVERITIES, Rule


def _listing() -> str:
    """All rules, by severity and subject."""
    lines: list[str] = []
    width = max(len(r.id) for r in ALL_RULES)
    for severity in SEVERITIES:
        lines += ["", str(severity)] if lines else [str(severity)]
        chosen = sorted((r for r in ALL_RULES if r.severity == severity), key=lambda r: r.id)
        lines += [f"    {r.id:<{width}}  {r.title}" for r in chosen]
    return "\n".join([*lines, "", "More: swapctl explain RULE"])


def _explanation(rule: Rule[Any]) -> str:
    return f"{rule.id} ({rule.severity})\n\n{rule.text}"


def run(rules: tuple[str, ...], *, output_format: str = "text") -> int:
    """Print the rules of these ids, or list all."""
    by_id = {r.id: r for r in ALL_RULES}
    for name in rules:
        if name not in by_id:
            raise SwapctlError(
                f"no rule is called {name!r}",
                hint="swapctl explain lists them all.",
                code=ExitCode.USAGE,
            )
    chosen = [by_id[name] for name in rules]
    if output_format == "json":
        from swapctl.render.json import document, dump, rule_record

        emit(dump(document(None, rules=[rule_record(r) for r in chosen or ALL_RULES])))
    else:
        emit("\n\n\n".join(_explanation(r) for r in chosen) if chosen else _listing())
    return 0
