"""disable: undo what enable did; the file itself stays."""

import os
from contextlib import suppress

from swapctl.activate import find_area, leaving
from swapctl.commands.manager import systemctl, systemd_runs
from swapctl.enabling import carry_out, disabling, others
from swapctl.errors import ExitCode, SwapctlError
from swapctl.gather.patience import of_command
from swapctl.output import emit
from swapctl.render.active import stays_json, stays_text
from swapctl.render.enabling import changes_json, changes_text
from swapctl.rules.catalogue import LEAVING_RULES
from swapctl.rules.engine import evaluate
from swapctl.systemd.escape import unit_name
from swapctl.systemd.others import named
from swapctl.systemd.swap_unit import PREPARE, checked


def _stop(path: str, unit: str, force: bool, quiet: bool, as_json: bool) -> bool:
    """Have systemd deactivate the area, unless memory cannot take its pages back."""
    area = find_area(path, of_command())
    outcome = evaluate(LEAVING_RULES, leaving(area)) if area else None
    if area and outcome and outcome.findings and not force:
        if not quiet:
            emit(stays_json(area, outcome) if as_json else stays_text(area, outcome))
        return False
    systemctl("stop", "--", unit)
    return True


def run(
    path: str, *, root: str | None, force: bool, dry_run: bool, quiet: bool, output_format: str
) -> int:
    """Stop the unit where systemd runs, and remove what enable wrote."""
    path = checked(path if root is not None else os.path.abspath(path))
    changes = disabling(root or "/", path)
    unit = unit_name(path, "swap")
    as_json = output_format == "json"
    foreign = tuple(others(root or "/", path))
    if not changes and foreign:
        raise SwapctlError(
            "swapctl enable did not set it up, others did; nothing was changed",
            hint=named(foreign),
            code=ExitCode.FINDINGS,
            path=path,
        )
    if changes and not dry_run:
        manager = root is None and systemd_runs()
        if manager and not _stop(path, unit, force, quiet, as_json):
            return ExitCode.FINDINGS
        carry_out(root or "/", changes)
        if manager:
            systemctl("daemon-reload")
            with suppress(SwapctlError):  # that it is not loaded, mostly
                systemctl("reset-failed", "--", unit_name(path, "service", PREPARE))
    if not quiet:
        notes = [f"still set up by others: {line}" for line in named(foreign).splitlines()]
        pairs = [(change.action, change.path) for change in changes]
        emit(
            changes_json(path, unit, pairs, notes, dry_run=dry_run)
            if as_json
            else changes_text(path, pairs, notes, dry_run=dry_run)
        )
    return ExitCode.OK
