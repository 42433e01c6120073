"""off: look at the memory, deactivate, show how far it is."""

import sys
import threading
import time

from swapctl.activate import deactivate, find_area, leaving
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import SwapArea
from swapctl.output import emit
from swapctl.render.progress import progress_line
from swapctl.rules.catalogue import LEAVING_RULES
from swapctl.rules.engine import Outcome, evaluate
from swapctl.text import shown
from swapctl.units import format_bytes, format_seconds

_LOOK_EVERY = 0.25


def _watch(area: SwapArea, done: threading.Event) -> None:
    """Show on stderr how much has been read back, until swapoff(2) returns."""
    start = time.monotonic()
    while not done.wait(_LOOK_EVERY):
        now = find_area(area.path)
        if now is not None:
            line = progress_line(area.used - now.used, area.used, time.monotonic() - start)
            sys.stderr.write(f"\r\033[K{line}")
            sys.stderr.flush()
    sys.stderr.write("\r\033[K")


def _deactivate(area: SwapArea, quiet: bool) -> None:
    """swapoff(2) in the main thread, so that Ctrl-C interrupts it; another one shows progress."""
    if quiet or not area.used or sys.stderr is None or not sys.stderr.isatty():
        deactivate(area.path)
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(area, done), daemon=True)
    watcher.start()
    try:
        deactivate(area.path)
    finally:
        done.set()
        watcher.join()


def _refuse(outcome: Outcome, area: SwapArea, output_format: str) -> None:
    if output_format == "json":
        from swapctl.render.json import document, dump, finding

        findings = [finding(one) for one in outcome.findings]
        emit(dump(document(None, path=area.path, changed=False, findings=findings)))
    else:
        from swapctl.render.text import finding_lines

        lines = [f"{shown(area.path)}: not deactivated (--force does it all the same)", ""]
        emit("\n".join([*lines, *(x for f in outcome.findings for x in finding_lines(f, False))]))


def run(path: str, *, force: bool, quiet: bool, output_format: str) -> int:
    """Deactivate an area, unless memory cannot take its pages back."""
    area = find_area(path)
    if area is None:
        raise SwapctlError(
            "not an active swap area",
            hint="swapctl status shows those that are.",
            path=path,
            errno="EINVAL",
        )
    outcome = evaluate(LEAVING_RULES, leaving(area))
    if outcome.findings and not force:
        if not quiet:
            _refuse(outcome, area, output_format)
        return ExitCode.FINDINGS
    start = time.monotonic()
    _deactivate(area, quiet)
    seconds = time.monotonic() - start
    if quiet:
        return ExitCode.OK
    if output_format == "json":
        from swapctl.render.json import document, dump

        emit(
            dump(
                document(
                    None,
                    path=area.path,
                    changed=True,
                    bytes_read_back=area.used,
                    seconds=round(seconds, 3),
                )
            )
        )
    else:
        back = f", {format_bytes(area.used)} read back" if area.used else ""
        emit(f"{shown(area.path)}: deactivated in {format_seconds(seconds)}{back}")
    return ExitCode.OK
