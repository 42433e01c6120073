"""What several commands do with swapctl.conf."""

from swapctl.conf.settings import Configuration, merge, parse
from swapctl.gather.configuration import sources
from swapctl.output import complain


def load(root: str = "/") -> Configuration:
    """The configuration of the machine, or of the tree below a root; what it ignores is told."""
    found = merge(parse(source.text, source.path) for source in sources(root))
    for warning in found.warnings:
        complain(f"swapctl: {warning}")
    return found
