"""Reports for people."""

from collections.abc import Iterator

from swapctl.facts import File, Snapshot, Unknown
from swapctl.rules import Report
from swapctl.rules.engine import SEVERITIES, Finding
from swapctl.text import quoted, shown
from swapctl.units import format_bytes

_WIDTH = 96
_COLORS = {
    "refused": "31",
    "unsafe": "31",
    "undecided": "33",
    "warning": "33",
    "usable": "33",
    "note": "36",
    "ready": "32",
}


def paint(word: str, color: bool, key: str | None = None) -> str:
    """The word in the colour of its meaning, bold."""
    return f"\033[1;{_COLORS[key or word]}m{word}\033[0m" if color else word


def labelled(label: str, text: str) -> Iterator[str]:
    """A paragraph behind a word in the margin."""
    import textwrap

    lines = textwrap.wrap(text, _WIDTH - 10) or [""]
    yield f"    {label:<5} {lines[0]}"
    for line in lines[1:]:
        yield f"          {line}"


def finding_lines(one: Finding, color: bool) -> Iterator[str]:
    """A finding: what, seen where, why, and what to type."""
    yield f"{paint(str(one.severity), color)} {one.rule_id}: {one.title}"
    for evidence in one.violation.evidence:
        source = f"  ({evidence.source})" if evidence.source else ""
        yield f"    seen  {evidence.name}: {evidence.text}{source}"
    yield from labelled("why", one.why)
    yield from labelled("fix", one.violation.fix.text)
    for command in one.violation.fix.commands:
        yield f"              {command}"


def _file_line(s: Snapshot, file: File) -> str:
    what = file.kind
    if file.kind == "regular":
        what = f"{format_bytes(file.size)} regular file"
    elif file.kind == "block" and s.device is not None and not isinstance(s.device, Unknown):
        what = f"{format_bytes(s.device.size)} block device {s.device.name}"
    parts = [what]
    parts.append(f"mode {file.mode:04o}, uid {file.uid}")
    extents = s.extents
    if extents is not None and not isinstance(extents, Unknown):
        missing = extents.holes.bytes + extents.unwritten.bytes
        state = "every block written" if not missing else "not every block written"
        pieces = "piece" if extents.runs == 1 else "pieces"
        parts.append(f"{extents.runs} {pieces}, {state}")
    return "; ".join(parts)


def summary(report: Report) -> Iterator[str]:
    """What the candidate is, in at most four lines."""
    s = report.snapshot
    if s.file is None or isinstance(s.file, Unknown):
        return
    yield _file_line(s, s.file)
    mount = s.mount
    if s.file.kind == "regular" and mount is not None and not isinstance(mount, Unknown):
        yield f"{mount.fstype} on {shown(mount.source)}, mounted at {shown(mount.path)}"
    header = s.header
    if header is not None and not isinstance(header, Unknown):
        label = f", label {shown(header.label)}" if header.label else ""
        yield (
            f"swap header for {header.signature_page_size}-byte pages"
            f", UUID {header.uuid or 'none'}{label}"
        )
    usable = report.swapon.usable_bytes
    if usable is not None:
        page = s.host.page_size
        whole = s.file.size if s.file.kind == "regular" else usable + page
        yield f"{usable // page} of {whole // page} pages usable (the first is the header)"


def _count(report: Report) -> str:
    severities = [f.severity for f in report.outcome.findings]
    counts = [
        (severities.count(s), s if s in ("refused", "unsafe") else f"{s}s") for s in SEVERITIES
    ]
    if report.outcome.undecided:
        counts.append((len(report.outcome.undecided), "undecided"))
    words = [f"{n} {word.removesuffix('s') if n == 1 else word}" for n, word in counts if n]
    return f" ({', '.join(words)})" if words else ""


def _undecided_lines(report: Report, color: bool) -> Iterator[str]:
    """Rules that lack the same fact are told together."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for u in report.outcome.undecided:
        lacking.setdefault((u.lacks, u.reason), []).append(u.rule_id)
    for (lacks, reason), rules in lacking.items():
        yield ""
        yield f"{paint('undecided', color)} {', '.join(rules[:3])}" + (
            f" and {len(rules) - 3} more" if len(rules) > 3 else ""
        )
        yield from labelled("lacks", f"{lacks}: {reason}")


def report_text(report: Report, *, verbose: bool = False, color: bool = False) -> str:
    """The whole report on one candidate."""
    outcome = report.outcome
    lines = [f"{shown(report.snapshot.path)}: {paint(report.verdict, color)}{_count(report)}"]
    lines += [f"    {line}" for line in summary(report)]
    refusal = report.swapon
    if refusal.accepts is False and refusal.errno:
        log = f', kernel log "{shown(refusal.kernel_log)}"' if refusal.kernel_log else ""
        lines.append(f"    swapon(2) would answer {refusal.errno}{log}")
    for one in outcome.findings:
        lines += ["", *finding_lines(one, color)]
    lines += _undecided_lines(report, color)
    if verbose:
        from swapctl.render.storage import storage_lines

        below = list(storage_lines(report.snapshot.storage))
        lines += ["", *below] if below else []
        lines += ["", f"passed: {', '.join(outcome.passed) or 'none'}"]
        lines += [f"not applicable: {', '.join(outcome.not_applicable) or 'none'}"]
    count = f"{len(outcome.passed)} rules passed, {len(outcome.not_applicable)} not applicable."
    if outcome.findings:
        count += f" More: swapctl explain {quoted(outcome.findings[0].rule_id)}"
    clean = not outcome.findings and not outcome.undecided
    return "\n".join([*lines, f"    {count}"] if clean else [*lines, "", count])
