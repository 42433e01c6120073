"""What the rules about the layers below a candidate are made of.

Such a rule is about one kind of layer. It finds each layer of that kind, and is undecided when it
finds none and some layer could not be looked at.
"""

from collections.abc import Callable, Iterator

from swapctl.facts import NotKnown, Snapshot, Unknown, need
from swapctl.rules.engine import Evidence, Fix, Rule, Severity, Stage, Violation
from swapctl.rules.subject import block, stacked
from swapctl.storage_facts import Layer
from swapctl.text import shown
from swapctl.units import format_bytes

SYSFS = "sysfs"
TABLE = "DM_TABLE_STATUS"

# What is seen on a layer of the kind, nothing on all others; may raise NotKnown.
Look = Callable[[Layer], tuple[Evidence, ...]]


def part_text(layer: Layer) -> str:
    """Where on the layer the candidate is, for people."""
    if layer.part is None or not layer.part.first:
        return ""
    first = layer.part.first[0]
    if first.offset == 0 and first.length == layer.size:
        return "all of it"
    text = f"bytes {first.offset}-{first.offset + first.length - 1}"
    more = layer.part.pieces - 1
    if more:
        text += f" and {more} more, {format_bytes(layer.part.bytes)} in all"
    return text


def described(layer: Layer) -> str:
    """A layer in a few words: what it is, and what it is made of where that has a name."""
    if layer.file is not None:
        text = f"{layer.file.fstype} at {shown(layer.name)}"
        return f"{text}, file {shown(layer.file.path)}"
    if layer.mapper is not None:
        return f"{layer.kind} {layer.name} ({shown(layer.mapper.name)})"
    return f"{layer.kind} {shown(layer.name)}"


def device_path(s: Snapshot, layer: Layer) -> str:
    """The path of a layer's device; where that is the candidate, its own."""
    return s.path if layer.depth == 0 and block(s) else f"/dev/{layer.name}"


def _where(layer: Layer) -> Evidence:
    part = part_text(layer)
    text = f"{described(layer)}: {part}" if part else described(layer)
    return Evidence("layer", layer.name, text, SYSFS)


def layer_rule(
    rule_id: str,
    severity: Severity,
    look: Look,
    fix: Fix | Callable[[Snapshot, Layer], Fix],
    doc: str,
    *,
    below: bool = False,
) -> Rule[Snapshot]:
    """A rule about one kind of layer; `doc` has the shape of every rule's documentation. With
    `below` it is only about what lies below the candidate, not about a device that is it."""

    def check(s: Snapshot) -> Iterator[Violation]:
        layers = need(s.storage) or ()
        if below and block(s):
            layers = tuple(layer for layer in layers if layer.depth > 0)
        lacking = [layer.lacks for layer in layers if layer.lacks is not None]
        found = False
        for layer in layers:
            try:
                evidence = look(layer)
            except NotKnown as unknown:
                lacking.append(unknown.unknown)
                continue
            if evidence:
                found = True
                advice = fix if isinstance(fix, Fix) else fix(s, layer)
                yield Violation((_where(layer), *evidence), advice, at=layer.depth)
        if lacking and not found:
            need(_first(lacking))

    return Rule(rule_id, severity, Stage.LATER, stacked, check, doc)


def _first(lacking: list[Unknown]) -> Unknown:
    return lacking[0]


def seen(name: str, value: str | int | bool, source: str = SYSFS) -> tuple[Evidence, ...]:
    """One piece of evidence, its text being the value."""
    return (Evidence(name, value, str(value), source),)


def of_kind(*kinds: str) -> Look:
    """Layers of these kinds."""

    def look(layer: Layer) -> tuple[Evidence, ...]:
        return seen("kind", layer.kind) if layer.kind in kinds else ()

    return look


def with_target(*types: str) -> Look:
    """Device-mapper devices with a target of these types under the candidate."""

    def look(layer: Layer) -> tuple[Evidence, ...]:
        if layer.mapper is None:
            return ()
        found = [t for t in need(layer.mapper.targets) if t.type in types]
        return seen("target", found[0].type, TABLE) if found else ()

    return look


def connected_by(*transports: str) -> Look:
    """Disks that are connected so."""

    def look(layer: Layer) -> tuple[Evidence, ...]:
        a = layer.attributes
        if layer.kind != "disk" or a is None or a.transport not in transports:
            return ()
        return seen("transport", a.transport)

    return look


ELSEWHERE = Fix("Make the area on a filesystem or partition that does not lie on this layer.")
