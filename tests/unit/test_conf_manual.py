"""The manual page of swapctl.conf has the keys of the program, and its examples are right."""

import re
from pathlib import Path

from swapctl.conf.settings import KEYS, merge, parse, settings
from swapctl.units import RamSize

PAGE = Path(__file__).parents[2] / "man" / "swapctl.conf.5"


def test_all_keys_in_order() -> None:
    section = PAGE.read_text(encoding="utf-8").partition(".Sh FORMAT")[2].partition(".Sh ")[0]
    assert re.findall(r"^\.It Cm (.*)$", section, re.MULTILINE) == list(KEYS)


def test_the_examples() -> None:
    text = PAGE.read_text(encoding="utf-8").partition(".Sh EXAMPLES")[2]
    examples = re.findall(r"^\.Bd .*\n((?:.*\n)*?)\.Ed", text, re.MULTILINE)
    files = [parse(example, "example") for example in examples]
    assert [file.warnings for file in files] == [(), ()]
    sizes = [settings(merge(files[:n]).sections["/var/swap/swapfile"]).size for n in (1, 2)]
    assert sizes == [RamSize(0.5), 2**33]
