"""Log to systemd's journal, or say why that is not possible."""

from collections.abc import Iterable, Mapping

from swapctl.errors import from_oserror
from swapctl.linux import journal


def log(entries: Iterable[Mapping[str, str]]) -> None:
    """Log the entries. Raises SwapctlError where no journal takes them."""
    try:
        journal.send(entries)
    except OSError as error:
        raise from_oserror(
            "cannot log to the journal",
            error,
            path=f"/{journal.SOCKET}",
            hint="systemd-journald has to run here.",
        ) from None
