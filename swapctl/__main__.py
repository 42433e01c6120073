"""`python -m swapctl`."""

from swapctl.entry import main

main()
