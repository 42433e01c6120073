"""Where swapctl.pyz starts. An older Python has to be able to read this file, and no other."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    here = ".".join(map(str, sys.version_info[:2]))
    sys.stderr.write("swapctl: Python 3.11 or newer is needed, this is " + here + "\n")
    sys.exit(4)

from swapctl.entry import main

main()
