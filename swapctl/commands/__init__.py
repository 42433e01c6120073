"""What each command does: `run` with plain arguments, the exit code as its value.

The option parser is not imported here: it takes longer to load than `check` takes to run.
"""
