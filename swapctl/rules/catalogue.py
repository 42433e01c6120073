"""All rules: those of candidates, of places for new files, and of areas to be entered or left."""

from typing import Any

from swapctl.facts import Snapshot
from swapctl.place import Entering, Leaving, Place
from swapctl.rules import (
    collect,
    entering,
    leaving,
    prepare,
    prepare_below,
    prepare_f2fs,
    rules_of,
)
from swapctl.rules.engine import Rule
from swapctl.rules.index import SUBJECTS

RULES: tuple[Rule[Snapshot], ...] = tuple(r for subject in SUBJECTS for r in rules_of(subject))
PLACE_RULES: tuple[Rule[Place], ...] = collect(prepare, prepare_f2fs)
BELOW_RULES: tuple[Rule[Place], ...] = collect(prepare_below)
ENTERING_RULES: tuple[Rule[Entering], ...] = collect(entering)
LEAVING_RULES: tuple[Rule[Leaving], ...] = collect(leaving)
ALL_RULES: tuple[Rule[Any], ...] = (
    *RULES,
    *PLACE_RULES,
    *BELOW_RULES,
    *ENTERING_RULES,
    *LEAVING_RULES,
)
