"""`python -m swapctl`."""

from swapctl.cli import main

main()
