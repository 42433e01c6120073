"""prepare --configured: the file that swapctl.conf describes, made where it is missing.

It runs at every boot, before the area is activated. What is there and good is taken, also when the
configuration has changed since: a machine with another amount of swap is better off than without.
"""

import os
import time
from uuid import uuid4

from swapctl.commands.check import print_reports
from swapctl.commands.configuration import load
from swapctl.commands.prepare import make
from swapctl.conf.settings import Settings, settings
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import File, Mount, SwapHeader, Unknown
from swapctl.gather import place as places
from swapctl.gather import snapshot
from swapctl.gather.patience import of_command
from swapctl.output import complain, emit
from swapctl.place import Place
from swapctl.render.prepare import done_json, done_text
from swapctl.rules import Report, in_the_way, judge
from swapctl.rules.subject import as_of_others
from swapctl.text import quoted, shown
from swapctl.units import format_bytes, resolve_size


def wanted(path: str) -> Settings:
    """What the configuration says of a path. Raises SwapctlError where it says no size of it."""
    section = load().sections.get(path)
    if section is None or "size" not in section:
        raise SwapctlError(
            "swapctl.conf has no section for it, or no size in that",
            hint=f"swapctl enable {quoted(path)} --size SIZE",
            code=ExitCode.USAGE,
            path=path,
        )
    return settings(section)


def _judge(path: str) -> Report:
    """The report as for systemd, which has the capability that is kept from this process."""
    return judge(as_of_others(snapshot(path, of_command())))


def _look(path: str, one: Settings) -> Place:
    assert one.size is not None
    size = resolve_size(one.size, places.memory_total(), os.sysconf("SC_PAGE_SIZE"))
    return places.look(
        path,
        chosen=True,
        size=size,
        reserve=one.reserve,
        wanted_type=one.fs,
        patience=of_command(),
        most_share=1.0 if one.max_share is None else one.max_share,
    )._replace(method=one.method, discard=one.discard)


def _differences(report: Report, place: Place, one: Settings) -> list[str]:
    """What the configuration says otherwise. Memory differs a little from kernel to kernel, so a
    size in proportion to it is left alone."""
    file, header = report.snapshot.file, report.snapshot.header
    found = []
    if isinstance(one.size, int) and isinstance(file, File) and file.size != place.size:
        found.append(f"it has {format_bytes(file.size)}, not {format_bytes(place.size)}")
    if one.label and isinstance(header, SwapHeader) and header.label != one.label:
        found.append(f"its label is {header.label!r}, not {one.label!r}")
    return found


def _verify(place: Place, one: Settings, output_format: str, quiet: bool) -> Report | ExitCode:
    """The report on the file that is there; an exit code, with the report printed, where it is not
    fit for activation."""
    report = _judge(place.path)
    unknown = isinstance(report.snapshot.file, Unknown)
    if unknown or in_the_way(report.outcome, ()):
        if not quiet:
            print_reports([report], output_format, verbose=False, color=False)
        return ExitCode.UNDECIDED if unknown else ExitCode.FINDINGS
    for difference in _differences(report, place, one):
        complain(f"swapctl: {shown(place.path)}: {difference}, as configured; it is taken as it is")
    return report


def run(path: str, *, dry_run: bool, quiet: bool, output_format: str) -> int:
    """Make the file, or see that the one that is there can be activated."""
    path = os.path.abspath(path)
    one = wanted(path)
    place = _look(path, one)
    elsewhere = one.fs and isinstance(place.mount, Mount) and place.mount.fstype != one.fs
    start = time.monotonic()
    plan = None
    if place.existing == "regular" and not elsewhere:
        report = _verify(place, one, output_format, quiet)
        if isinstance(report, ExitCode):
            return report
    else:
        made = make(
            place,
            method=one.method,
            uuid=uuid4().bytes,
            label=one.label,
            allow=(),
            dry_run=dry_run,
            quiet=quiet,
            output_format=output_format,
            for_others=True,
        )
        if isinstance(made, ExitCode):
            return made
        plan = made
        report = _judge(plan.path)
    if not quiet:
        seconds = time.monotonic() - start
        as_json = output_format == "json"
        text = (
            done_json(report, plan, seconds, None) if as_json else done_text(report, plan, seconds)
        )
        emit(text)
    return ExitCode.OK
