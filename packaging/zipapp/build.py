"""Makes one file that Python runs from wheels that are Python only: build.py OUTPUT WHEEL...

The wheels stand in it as they are, with their licences. Nothing depends on the machine: members are
sorted, stored as they are (another zlib would compress to other bytes, and a rescue system may have
none), and dated as SOURCE_DATE_EPOCH says.
"""

import os
import sys
import time
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

# Only the system's own modules besides those in the file: neither PYTHONPATH nor a user's.
SHEBANG = b"#!/usr/bin/python3 -I\n"
START = Path(__file__).with_name("start.py")
_UNIX = 3


def members(wheels: list[Path]) -> dict[str, bytes]:
    """Name -> content of everything that goes in."""
    found = {"__main__.py": START.read_bytes()}
    for wheel in wheels:
        if not wheel.name.endswith("-none-any.whl"):
            sys.exit(f"build.py: {wheel.name} is not for every machine")
        with ZipFile(wheel) as archive:
            # RECORD lists what an installer would have to remove.
            new = [n for n in archive.namelist() if not n.endswith((".dist-info/RECORD", "/"))]
            if twice := found.keys() & new:
                sys.exit(f"build.py: {wheel.name} has once more {', '.join(sorted(twice))}")
            found |= {name: archive.read(name) for name in new}
    return found


def build(output: Path, wheels: list[Path], epoch: int) -> None:
    """Write the file; executable, whatever the umask."""
    with output.open("wb") as file:
        file.write(SHEBANG)
        with ZipFile(file, "w", ZIP_STORED) as archive:
            for name, content in sorted(members(wheels).items()):
                member = ZipInfo(name, time.gmtime(epoch)[:6])
                member.create_system = _UNIX
                member.external_attr = 0o100644 << 16
                archive.writestr(member, content)
    output.chmod(0o755)


if __name__ == "__main__":
    build(Path(sys.argv[1]), [Path(w) for w in sys.argv[2:]], int(os.environ["SOURCE_DATE_EPOCH"]))
