"""off: look at the memory, deactivate, show how far it is."""

import sys
import threading
import time

from swapctl.activate import deactivate, find_area, leaving, used
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import SwapArea
from swapctl.gather.patience import of_command
from swapctl.output import emit
from swapctl.render.active import left_json, left_text, stays_json, stays_text
from swapctl.render.progress import progress_line
from swapctl.rules.catalogue import LEAVING_RULES
from swapctl.rules.engine import evaluate

_LOOK_EVERY = 0.25


def _watch(area: SwapArea, done: threading.Event) -> None:
    """Show on stderr how much has been read back, until swapoff(2) returns."""
    start = time.monotonic()
    while not done.wait(_LOOK_EVERY):
        left = used(area)
        if left is not None:
            line = progress_line(area.used - left, area.used, time.monotonic() - start)
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


def run(path: str, *, force: bool, quiet: bool, output_format: str) -> int:
    """Deactivate an area, unless memory cannot take its pages back."""
    area = find_area(path, of_command())
    if area is None:
        raise SwapctlError(
            "not an active swap area",
            hint="swapctl status shows those that are.",
            path=path,
            errno="EINVAL",
        )
    as_json = output_format == "json"
    outcome = evaluate(LEAVING_RULES, leaving(area))
    if outcome.findings and not force:
        if not quiet:
            emit(stays_json(area, outcome) if as_json else stays_text(area, outcome))
        return ExitCode.FINDINGS
    start = time.monotonic()
    _deactivate(area, quiet)
    seconds = time.monotonic() - start
    if not quiet:
        emit(left_json(area, seconds) if as_json else left_text(area, seconds))
    return ExitCode.OK
