"""The running systemd, where enable and disable need it."""

import os
import subprocess

from swapctl.errors import SwapctlError, from_oserror


def systemd_runs() -> bool:
    """Is systemd the first process of this machine? As sd_booted(3) tells it."""
    return os.path.isdir("/run/systemd/system")


def systemctl(*arguments: str) -> None:
    """Run it and wait. Raises SwapctlError with what it said, where it fails."""
    command = ("systemctl", "--no-ask-password", *arguments)
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise from_oserror("cannot run it", error, path="systemctl") from None
    except subprocess.CalledProcessError as error:
        raise SwapctlError(
            f"{' '.join(arguments)} failed", hint=error.stderr.strip(), path="systemctl"
        ) from None
