"""swapctl-rules(7): the documentation of all rules as a manual page in mdoc."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from importlib import import_module
from typing import Any, NamedTuple

from generate import mdoc
from swapctl.rules import collect
from swapctl.rules.catalogue import ALL_RULES
from swapctl.rules.engine import Rule

PAGE = "man/swapctl-rules.7"


class Chapter(NamedTuple):
    """A heading, a sentence below it, and the modules of `swapctl/rules/` whose rules follow."""

    heading: str
    about: str
    modules: tuple[str, ...]


CHAPTERS = (
    Chapter("The call", "The caller, the kernel and the areas that are active.", ("call",)),
    Chapter("The path", "What keeps the file from being opened as swap.", ("opening",)),
    Chapter("The file", "What the file is, wherever it lies.", ("file",)),
    Chapter("The swap header", "What stands in the first page.", ("header", "bad_pages")),
    Chapter("The filesystem", "Whether files of this type can be swapped to.", ("filesystem",)),
    Chapter("The blocks", "Where the file lies.", ("extents", "bmap", "layout")),
    Chapter("btrfs", "For files on btrfs.", ("btrfs",)),
    Chapter("ext3 and ext4", "For files on these.", ("ext4",)),
    Chapter("XFS", "For files on XFS.", ("xfs",)),
    Chapter("f2fs", "For files on f2fs.", ("f2fs",)),
    Chapter("zonefs", "For files on zonefs.", ("zonefs",)),
    Chapter("Block devices", "For areas that are a device.", ("device",)),
    Chapter("NFS", "For files on NFS: the mount and its transport.", ("nfs", "nfs_transport")),
    Chapter("SMB", "For files on SMB.", ("cifs",)),
    Chapter(
        "The way to the server",
        "For files on network filesystems: routes and interfaces.",
        ("network", "network_links"),
    ),
    Chapter("Storage: devices", "For every device below.", ("storage_device",)),
    Chapter(
        "Storage: loop devices",
        "For loop devices and other devices below whose blocks are those of a file.",
        ("storage_loop", "storage_backing"),
    ),
    Chapter(
        "Storage: device mapper",
        "For volumes of the device mapper below.",
        ("storage_mapper", "storage_targets"),
    ),
    Chapter("Storage: arrays", "For arrays and caches below.", ("storage_array",)),
    Chapter(
        "Storage: servers",
        "For devices below that a process, another machine or a hypervisor serves.",
        ("storage_server",),
    ),
    Chapter("Protection", "Who else can read or change the file.", ("security",)),
    Chapter("swapon(8)", "What the command of that name does differently.", ("swapon8",)),
    Chapter("Activation at boot", "fstab(5) and the units of systemd.", ("boot",)),
    Chapter(
        "Other programs",
        "Those that set up swap too, and those that swap stands in the way of.",
        ("neighbours",),
    ),
    Chapter(
        "Making a file",
        "Conditions of the place and the size, before anything is written.",
        ("prepare", "prepare_f2fs", "prepare_below"),
    ),
    Chapter("Activation", "Conditions of the options of swapctl on.", ("entering",)),
    Chapter("Deactivation", "Conditions of leaving an area.", ("leaving",)),
)

HEAD = """\
.\\" swapctl-rules(7), mdoc. Made from the rules by `make generate`; edit the rules instead.
.Dd {date}
.Dt SWAPCTL-RULES 7
.Os
.Sh NAME
.Nm swapctl-rules
.Nd the rules by which swapctl judges swap files
.Sh DESCRIPTION
.Xr swapctl 8
reads the facts about a file or device once and applies these rules to them.
Every rule has a name, which stands in reports and in the JSON, is never reused
and never changes its meaning, and a severity:
.Bl -tag -width refused
.It Em refused
.Xr swapon 2
fails; before a file is made, it is not made.
.It Em unsafe
It succeeds, and memory contents can be lost or read by others, or the machine
can hang.
.It Em warning
It works, at a cost.
.It Em note
Good to know.
.El
.Pp
Below each name stand what was found, why it matters, what to do, and where that
can be read in the kernel or elsewhere.
The same text is printed by
.Pp
.Dl swapctl explain RULE
.Sh RULES
"""

TAIL = """\
.Sh SEE ALSO
.Xr swapon 2 ,
.Xr swapctl 8 ,
.Xr swapon 8
"""


def _rules(module: str) -> tuple[Rule[Any], ...]:
    return collect(import_module(f"swapctl.rules.{module}"))


def _entry(rule: Rule[Any]) -> Iterator[str]:
    yield f".It Sy {mdoc.name(rule.id)} Pq Em {rule.severity}"
    for number, paragraph in enumerate(rule.text.split("\n\n")):
        if number:
            yield ".Pp"
        label, colon, rest = paragraph.partition(": ")
        if colon and label in ("Fix", "Source"):
            yield f".Em {label} :"
            paragraph = rest
        yield from mdoc.prose(paragraph)


def _chapter(chapter: Chapter, rules: Iterable[Rule[Any]]) -> Iterator[str]:
    yield f".Ss {chapter.heading}"
    yield from mdoc.prose(chapter.about)
    yield ".Bl -tag -width Ds"
    for rule in rules:
        yield from _entry(rule)
    yield ".El"


def rules_page() -> str:
    """The page, with `{date}` for its date. Raises LookupError for a rule without a chapter."""
    lines: list[str] = []
    lost = {rule.id for rule in ALL_RULES}
    for chapter in CHAPTERS:
        rules = [rule for module in chapter.modules for rule in _rules(module)]
        lines += _chapter(chapter, rules)
        lost -= {rule.id for rule in rules}
    if lost:
        raise LookupError(f"generate/rules_page.py, CHAPTERS: none has {', '.join(sorted(lost))}")
    return HEAD + "\n".join(lines) + "\n" + TAIL


def dated(page: str, before: str) -> str:
    """The page with the date that it had `before`; today's if its text has changed since."""
    found = re.search(r"^\.Dd (.+)$", before, re.MULTILINE)
    kept = page.replace("{date}", found[1], 1) if found else None
    today = date.today()
    new = page.replace("{date}", f"{today:%B} {today.day}, {today.year}", 1)
    return before if kept == before else new
