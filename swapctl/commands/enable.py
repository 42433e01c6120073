"""enable: have a swapfile made and activated by systemd, now and at every boot."""

import os

from swapctl.commands.manager import systemctl, systemd_runs
from swapctl.conf.settings import KEYS
from swapctl.enabling import carry_out, enabling
from swapctl.errors import ExitCode, SwapctlError
from swapctl.gather.place import memory_total
from swapctl.output import complain, emit
from swapctl.render.enabling import changes_json, changes_text
from swapctl.systemd.escape import unit_name
from swapctl.systemd.swap_unit import PREPARE, checked
from swapctl.text import quoted
from swapctl.units import SizeRequest, format_bytes, resolve_size


def _validated(given: dict[str, str]) -> dict[str, str]:
    for key, text in given.items():
        try:
            if not text or text != text.strip() or not text.isprintable():
                raise SwapctlError(f"swapctl.conf cannot hold {text!r}")
            KEYS[key](text)
        except SwapctlError as error:
            raise SwapctlError(
                f"--{key}: {error.message}", hint=error.hint, code=ExitCode.USAGE
            ) from None
    return given


def _size_note(size: SizeRequest | None) -> str:
    if isinstance(size, int) or size is None:
        return ""
    now = resolve_size(size, memory_total(), os.sysconf("SC_PAGE_SIZE"))
    return f"on this machine that is {format_bytes(now)} ({now} bytes)"


def _start(path: str, unit: str) -> None:
    """Have systemd see the unit and start it."""
    systemctl("daemon-reload")
    try:
        systemctl("start", "--", unit)
    except SwapctlError as error:
        service = unit_name(path, "service", PREPARE)
        error.hint = (
            f"{error.hint}\nIt is enabled all the same. What went wrong, and how to undo it:\n"
            f"journalctl -b -u {quoted(service)}\nswapctl disable {quoted(path)}"
        )
        raise


def run(
    path: str,
    *,
    given: dict[str, str],
    root: str | None,
    dry_run: bool,
    quiet: bool,
    output_format: str,
) -> int:
    """Write the settings and the unit, and start it where systemd runs."""
    given = _validated(given)
    path = checked(path if root is not None else os.path.abspath(path))
    plan = enabling(root or "/", path, given)
    for warning in plan.warnings:
        complain(f"swapctl: {warning}")
    unit = unit_name(path, "swap")
    notes = [note for note in [_size_note(plan.settings.size) if root is None else ""] if note]
    if not dry_run:
        carry_out(root or "/", plan.changes)
        if root is None and systemd_runs():
            _start(path, unit)
            notes.append(f"{unit} is started")
        elif root is None:
            notes.append("systemd does not run here: this counts from the next boot")
    if not quiet:
        pairs = [(change.action, change.path) for change in plan.changes]
        as_json = output_format == "json"
        emit(
            changes_json(path, unit, pairs, notes, dry_run=dry_run)
            if as_json
            else changes_text(path, pairs, notes, dry_run=dry_run)
        )
    return ExitCode.OK
