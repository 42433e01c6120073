"""How many examples are tried. Here only: guests run other tests, and hypothesis takes them seconds
to import."""

import os

from hypothesis import settings

# The same examples in every run: what a change broke is told apart from what was never found.
settings.register_profile("default", max_examples=200, deadline=None, derandomize=True)
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("SWAPCTL_FUZZ_EXAMPLES") or 100_000),
    deadline=None,
)
settings.load_profile("long" if "SWAPCTL_FUZZ_EXAMPLES" in os.environ else "default")
