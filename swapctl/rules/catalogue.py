"""All rules: those of candidates, of places for new files, and of areas to be left."""

from typing import Any

from swapctl.place import Leaving, Place
from swapctl.rules import RULES, collect, leaving, prepare, prepare_f2fs
from swapctl.rules.engine import Rule

PLACE_RULES: tuple[Rule[Place], ...] = collect(prepare, prepare_f2fs)
LEAVING_RULES: tuple[Rule[Leaving], ...] = collect(leaving)
ALL_RULES: tuple[Rule[Any], ...] = (*RULES, *PLACE_RULES, *LEAVING_RULES)
