"""Prose as mdoc input: no word is taken for a request, sentences and references on lines of their
own, and dashes that can be copied."""

import re
import textwrap
from collections.abc import Iterator

WIDTH = 78
_REFERENCE = re.compile(r"([a-z_][a-z0-9_.-]*)\(([1-8])\)([.,;:]*)")
_FUNCTION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\(\)([.,;:]*)")
_OPTION = re.compile(r"-(-[a-z][a-z-]*)((?:=[a-z]+)?)([.,;:]*)")
# A full stop that ends a sentence: a capital or an option follows.
_SENTENCE = re.compile(r"(?<=[A-Za-z0-9)\"'][.])\s+(?=[A-Z]|--)")


def name(text: str) -> str:
    """A name that people copy: with dashes, which plain `-` is not everywhere."""
    return text.replace("-", "\\-")


def _token(word: str) -> str | None:
    """The macro line of a word that is more than text; None for the others."""
    reference = _REFERENCE.fullmatch(word)
    if reference:
        title, section, marks = reference.groups()
        return " ".join([f".Xr {title} {section}", *marks])
    function = _FUNCTION.fullmatch(word)
    if function:
        called, marks = function.groups()
        return " ".join([f".Fn {called}", *marks])
    option = _OPTION.fullmatch(word)
    if option:
        flag, value, marks = option.groups()
        return " ".join([f".Fl {name(flag)}{value}", *marks])
    return None


def _text(word: str) -> str:
    """A word of a text line; one that begins with a dash is meant to be copied."""
    literal = word.replace("\\", "\\e")
    return name(literal) if word.startswith("-") else literal


def _lines(words: list[str]) -> Iterator[str]:
    """Text lines; none begins like a request, wherever the text is broken."""
    text = " ".join(map(_text, words))
    for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"\\&{line}" if line.startswith((".", "'")) else line


def prose(paragraph: str) -> Iterator[str]:
    """The input lines of a paragraph."""
    for sentence in _SENTENCE.split(" ".join(paragraph.split())):
        pending: list[str] = []
        for word in sentence.split():
            token = _token(word)
            if token is None:
                pending.append(word)
                continue
            yield from _lines(pending)
            pending = []
            yield token
        yield from _lines(pending)
