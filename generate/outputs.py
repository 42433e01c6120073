"""Which files are made, and what has to stand in them now."""

from pathlib import Path

from generate import bash, fish, zsh
from generate.program import program
from generate.rules_page import PAGE, dated, rules_page

ROOT = Path(__file__).parents[1]


def outputs() -> dict[str, str]:
    """Path below the root of the tree -> text. The page keeps its date until its text changes."""
    page = ROOT / PAGE
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    described = program()
    return {
        PAGE: dated(rules_page(), before),
        "completions/swapctl.bash": bash.script(described),
        "completions/_swapctl": zsh.script(described),
        "completions/swapctl.fish": fish.script(described),
    }
