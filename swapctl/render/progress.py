"""A line that says how far a long operation is."""

from swapctl.units import format_bytes, format_seconds

_BAR = 30


def progress_line(done: int, total: int, seconds: float) -> str:
    """A bar, the share, the rate and the time left; no rate before there is one."""
    share = done / total if total else 1.0
    filled = int(share * _BAR)
    line = f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%} {format_bytes(done)}"
    if seconds > 0 and done > 0:
        rate = done / seconds
        line += f"  {format_bytes(int(rate))}/s  {format_seconds((total - done) / rate)} left"
    return line
