"""The layers below a candidate, for people."""

from collections.abc import Iterator

from swapctl.facts import Unknown
from swapctl.rules.storage import described, part_text
from swapctl.storage_facts import Layer
from swapctl.text import shown
from swapctl.units import format_bytes

_DEEPEST = 32


def storage_lines(
    layers: tuple[Layer, ...] | Unknown | None, title: str = "storage"
) -> Iterator[str]:
    """The layers below a candidate, each further in than the one above it."""
    if layers is None:
        return
    yield f"{title}:"
    if isinstance(layers, Unknown):
        yield f"    not known: {layers.what}: {shown(layers.reason)}"
        return
    for layer in layers:
        indent = "    " * (1 + max(0, min(layer.depth, _DEEPEST)))
        words = [word for word in (_nature(layer), part_text(layer)) if word]
        yield f"{indent}{described(layer)}{': ' if words else ''}{'; '.join(words)}"
        if layer.lacks is not None:
            yield f"{indent}    not known: {layer.lacks.what}: {shown(layer.lacks.reason)}"


def _nature(layer: Layer) -> str:
    words = [format_bytes(layer.size)] if layer.size else []
    if layer.attributes is not None and layer.attributes.transport:
        words.append(layer.attributes.transport)
    return ", ".join([*words, "read-only"] if layer.read_only else words)
