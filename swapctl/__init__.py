"""swapctl: preflight and administration for swap on Linux, above all for swap in files."""

__version__ = "0.1.0"
