"""What could not be read is a value: the part of the vocabulary that every record rests on."""

from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Unknown(NamedTuple):
    """A fact that could not be read: `what` it is ("extent map") and the `reason`."""

    what: str
    reason: str


class NotKnown(Exception):
    """A rule asked for a fact that is Unknown; the rule becomes undecided."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(f"{unknown.what}: {unknown.reason}")
        self.unknown = unknown


def need(fact: T | Unknown) -> T:
    """The fact itself; raises NotKnown when it could not be read."""
    if isinstance(fact, Unknown):
        raise NotKnown(fact)
    return fact
