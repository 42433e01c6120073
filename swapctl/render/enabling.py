"""What enable and disable change, or did."""

from collections.abc import Iterable

from swapctl.render.json import document, dump
from swapctl.text import shown

_DID = {"write": "wrote", "link": "linked", "remove": "removed"}


def changes_text(
    path: str, changes: Iterable[tuple[str, str]], notes: Iterable[str], *, dry_run: bool
) -> str:
    """A line for each change, an (action, path) pair, and what else there is to say."""
    lines = [
        f"would {action} {shown(where)}" if dry_run else f"{_DID[action]} {shown(where)}"
        for action, where in changes
    ]
    return "\n".join([*(lines or [f"{shown(path)}: nothing to do"]), *notes])


def changes_json(
    path: str, unit: str, changes: Iterable[tuple[str, str]], notes: Iterable[str], *, dry_run: bool
) -> str:
    """The same for programs."""
    pairs = list(changes)
    return dump(
        document(
            None,
            path=path,
            unit=unit,
            changed=bool(pairs) and not dry_run,
            changes=[{"action": action, "path": where} for action, where in pairs],
            notes=list(notes),
        )
    )
