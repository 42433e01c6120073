"""Rules about what activates the file at boot: fstab(5) and units of systemd."""

from collections.abc import Iterator

from swapctl.facts import Snapshot, need
from swapctl.rules.engine import Evidence, Fix, Severity, Violation, rule
from swapctl.rules.subject import regular, surrounded, the_setup
from swapctl.setup_facts import FSTAB, FstabLine, SwapUnit
from swapctl.text import quoted

_RELOAD = "systemctl daemon-reload"


def a_file(s: Snapshot) -> bool:
    """Is it a file, on a machine that was looked at?"""
    return surrounded(s) and regular(s)


def _line(line: FstabLine) -> Evidence:
    options = ",".join(line.options)
    return Evidence("line", line.number, f"{line.number}, options {options or '-'}", FSTAB)


def _unit(unit: SwapUnit) -> Evidence:
    text = "masked" if unit.what is None else f"What={unit.what}"
    return Evidence("unit", unit.path, f"{unit.path}: {text}", "unit files of systemd")


@rule("fstab-makefs", Severity.WARNING, when=a_file)
def fstab_makefs(s: Snapshot) -> Iterator[Violation]:
    """A line of fstab has x-systemd.makefs, so that the file is not activated at boot.

    systemd can make swap on devices only. Of a line with this option for a file it makes a unit
    that nothing starts, with nofail and without; all that says so is a line in the log.

    swapon --all, and systemctl start of the unit, still activate it.

    Fix: remove the option; the file has to be made beforehand.

    Source: systemd-fstab-generator(8), tried with systemd 252 and 257: "Cannot format something
    that is not a device node".
    """
    for line in need(the_setup(s).fstab):
        if "x-systemd.makefs" in line.options:
            yield Violation(
                (_line(line),),
                Fix(f"Remove x-systemd.makefs from line {line.number} of {FSTAB}:", (_RELOAD,)),
            )


@rule("fstab-duplicate", Severity.WARNING, when=surrounded)
def fstab_duplicate(s: Snapshot) -> Iterator[Violation]:
    """Several lines of fstab activate the file.

    systemd takes the first of them and logs an error about the others at every boot and reload;
    priority and discards of the others do not hold.

    Fix: leave one.

    Source: systemd-fstab-generator(8), tried with systemd 252 and 257: "Duplicate entry in
    '/etc/fstab'?".
    """
    lines = need(the_setup(s).fstab)
    if len(lines) > 1:
        yield Violation(
            tuple(map(_line, lines)),
            Fix(f"Leave one of these lines of {FSTAB}:", (_RELOAD,)),
        )


@rule("fstab-unit", Severity.WARNING, when=surrounded)
def fstab_unit(s: Snapshot) -> Iterator[Violation]:
    """Both fstab and a unit file activate the file.

    systemd reads one of the two: a unit in /etc or /run hides the line, priority and options and
    all, and with a unit that is masked the file is not activated at boot. The line hides a unit in
    /usr. swapon --all reads fstab alone.

    Fix: keep one of them.

    Source: systemd.unit(5), "Unit File Load Path"; systemd-fstab-generator(8).
    """
    setup = the_setup(s)
    lines, units = need(setup.fstab), need(setup.units)
    if lines and units:
        wins = next((unit.path for unit in units if unit.wins), f"line {lines[0].number}")
        yield Violation(
            (*map(_line, lines), *map(_unit, units)),
            Fix(f"Remove one of them; at boot {wins} holds:", (_RELOAD,)),
        )


@rule("unit-path", Severity.WARNING, when=surrounded)
def unit_path(s: Snapshot) -> Iterator[Violation]:
    """A unit has the name of this path and another one in it.

    systemd refuses to load a unit for swap whose What= is not what its name says, so that it never
    activates the file.

    Fix: give What= this path.

    Source: systemd.swap(5); tried with systemd 252: "Value of What= and unit name do not match,
    not loading".
    """
    for unit in need(the_setup(s).units):
        if not need(unit.fits):
            yield Violation(
                (_unit(unit),),
                Fix(f"Write What={s.path} in {unit.path}:", (_RELOAD,)),
            )


@rule("fstab-gpt-swap", Severity.WARNING, when=surrounded)
def fstab_gpt_swap(s: Snapshot) -> Iterator[Violation]:
    """The line of fstab keeps systemd from activating a partition for swap.

    systemd activates partitions of the type swap on the disk of the root filesystem by itself, but
    none as soon as fstab has any line for swap. A partition that was active before the line was
    written is missing from the next boot on.

    Fix: give the partition a line too, or activate the file by a unit, which has no such effect.

    Source: systemd-gpt-auto-generator(8); src/gpt-auto-generator/gpt-auto-generator.c,
    add_partition_swap(), systemd issues 6192 and 35429. Those of systemd 252, 257 and 262 have it:
    "swap specified in fstab, ignoring".
    """
    setup = the_setup(s)
    lines = need(setup.fstab)
    partitions = need(setup.gpt_swaps) if lines else ()
    if partitions:
        lost = tuple(
            Evidence("partition", one, f"{one}, of the type swap, not in fstab", "udev")
            for one in partitions
        )
        yield Violation(
            (*map(_line, lines), *lost),
            Fix(
                f"Add a line for the partition to {FSTAB}, or remove that of the file, and then:",
                (f"swapctl enable {quoted(s.path)}",),
            ),
        )


@rule("boot-leftover", Severity.NOTE, when=surrounded)
def boot_leftover(s: Snapshot) -> Iterator[Violation]:
    """Something is set up to be activated at boot that is no swap area.

    Its unit fails at every boot, and makes swap.target fail with it unless it has nofail. It may be
    left from a file that was moved or removed.

    This is about other files than the one that is judged.

    Fix: remove the line or the unit, or make the file.

    Source: swapon(8); systemd.swap(5).
    """
    for left in need(the_setup(s).leftovers):
        text = f"{left.what} leads to {left.leads_to}"
        yield Violation(
            (Evidence("swap", left.what, text, left.where),),
            Fix(f"Remove it from {left.where}, or make the file:", (_RELOAD,)),
        )
