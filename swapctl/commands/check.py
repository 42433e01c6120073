"""check: judge candidates and print the reports."""

import errno
import os
import sys

from swapctl.errors import ExitCode, SwapctlError, from_oserror
from swapctl.gather import snapshots
from swapctl.gather.patience import of_command
from swapctl.output import emit, use_color
from swapctl.rules import Report, judge

# Of several candidates the worst decides.
_CODES = {
    "refused": ExitCode.FINDINGS,
    "unsafe": ExitCode.FINDINGS,
    "undecided": ExitCode.UNDECIDED,
    "usable": ExitCode.OK,
    "ready": ExitCode.OK,
}
_WORST = (ExitCode.FAILED, ExitCode.FINDINGS, ExitCode.UNDECIDED, ExitCode.OK)


def exit_code(reports: list[Report], strict: bool) -> ExitCode:
    """The code of the worst verdict; with `strict` a warning counts as a finding."""
    codes = [
        ExitCode.FINDINGS if strict and r.verdict == "usable" else _CODES[r.verdict]
        for r in reports
    ]
    return min(codes, key=_WORST.index)


def read_facts(name: str) -> Report:
    """The report on a recorded snapshot; `-` is stdin."""
    from swapctl.record import load

    try:
        if name == "-" and sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if name == "-":
            text = sys.stdin.buffer.read().decode("utf-8", "replace")
        else:
            with open(name, encoding="utf-8", errors="replace") as file:
                text = file.read()
    except OSError as error:
        raised = from_oserror("cannot read the facts", error, path=name)
        raised.code = ExitCode.USAGE
        raise raised from None
    return judge(load(text, name))


def print_reports(reports: list[Report], output_format: str, *, verbose: bool, color: bool) -> int:
    """Print the reports; the exit code of the plugin convention, else 0."""
    if output_format == "json":
        from swapctl.render import json

        emit(json.dump(json.report_document(reports)))
    elif output_format == "nagios":
        from swapctl.render.nagios import report_line

        line, code = report_line(reports)
        emit(line)
        return code
    else:
        from swapctl.render.text import report_text

        emit("\n\n".join(report_text(r, verbose=verbose, color=color) for r in reports))
    return 0


def run(
    paths: tuple[str, ...],
    *,
    output_format: str = "text",
    strict: bool = False,
    facts: str | None = None,
    quiet: bool = False,
    verbose: bool = False,
    color: str = "auto",
) -> int:
    """Judge the paths, or the recorded `facts`; the code of the worst."""
    if bool(paths) == (facts is not None):
        raise SwapctlError("give either paths or --facts FILE", code=ExitCode.USAGE)
    reports = (
        [read_facts(facts)]
        if facts is not None
        else [judge(s) for s in snapshots(paths, of_command())]
    )
    if output_format == "nagios":
        return print_reports(reports, output_format, verbose=False, color=False)
    if not quiet:
        print_reports(reports, output_format, verbose=verbose, color=use_color(color))
    return exit_code(reports, strict)
