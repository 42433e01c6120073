"""The guest that swaps to another one: python -m tests.vm.guest_nfs_client ADDRESS.

It makes a file on the mount with swapctl, activates it, has its memory reclaimed by a limit, reads
every byte back, and gives the area back. What happened is in OUT/figures.json.
"""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import shake_128
from pathlib import Path
from typing import Any

from swapctl.linux import swaps
from swapctl.linux.anonymous import Memory
from tests.vm.guest_nfs_server import PORT
from tests.vm.nfs_server import run

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
NFS_PORT = 2049
PATIENCE = 240
SWAPPED = 64 * MIB
# More than is to go out: the limit decides which pages stay.
HELD = 96 * MIB
FILE = "swapfile"


def wait_for(address: str, port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, (address, port)
            time.sleep(0.5)


def swapctl(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON. Asked again where the server, which may be short of a processor,
    did not get to answer in time."""
    command = [sys.executable, "-m", "swapctl", *arguments, "--json"]
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if "no answer" not in done.stdout or time.monotonic() > deadline:
            break
    print(*arguments, done.returncode, flush=True)
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, found


def verdict(path: Path) -> dict[str, Any]:
    """What check says: its exit code, the verdict and the findings that matter."""
    code, found = swapctl("check", str(path))
    (target,) = found["targets"]
    severe = [f["rule"] for f in target["findings"] if f["severity"] in ("refused", "unsafe")]
    lacks = [u["rule"] for u in target["undecided"]]
    return {"code": code, "verdict": target["verdict"], "severe": severe, "lacks": lacks}


def proved(path: Path) -> dict[str, Any]:
    """What real pages show of the area: how many came back, and why that is no proof."""
    code, found = swapctl("prove", str(path), "--size", "16M", "--time", "0")
    proof = found["targets"][0]["proof"]
    return {
        "code": code,
        "verdict": proof["verdict"],
        "places": [reason["place"] for reason in proof["reasons"]],
        "reasons": [reason["text"] for reason in proof["reasons"]],
        "pages": [(one["pages"], one["back"], one["wrong"]) for one in proof["rounds"]],
    }


def counters() -> dict[str, int]:
    """Pages that went out and came in since the start of the machine."""
    lines = (line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return {name: int(count) for name, count in lines if name in ("pswpin", "pswpout")}


def away(memory: Memory) -> int:
    """The pages that are in swap alone: they come back by being read, and only then."""
    return sum(page.area is not None and not page.cached for page in memory.states())


def pattern(number: int) -> bytes:
    """What page `number` holds: like no other page, and not to be compressed away."""
    return shake_128(number.to_bytes(8, "little")).digest(PAGE)


class Group:
    """A control group that this process is alone in."""

    def __init__(self) -> None:
        root = Path("/sys/fs/cgroup")
        (root / "cgroup.subtree_control").write_text("+memory")
        self.path = root / "pressed"
        self.path.mkdir()
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def limit(self, size: str) -> None:
        """Memory above the limit is reclaimed before this returns."""
        with suppress(InterruptedError):
            (self.path / "memory.max").write_text(size)

    def press(self, memory: Memory, wanted: int) -> int:
        """Lower the limit until at least so many pages are away, and lift it; how many are."""
        current = int((self.path / "memory.current").read_text())
        floor = current - 2 * HELD
        while (gone := away(memory)) < wanted:
            current -= 4 * MIB
            assert current > max(floor, 8 * MIB), (current, gone)
            self.limit(str(current))
        self.limit("max")
        return gone


def traffic() -> dict[str, Any]:
    """Pages out and in again, compared byte by byte."""
    group, before = Group(), counters()
    with Memory(HELD // PAGE) as memory:
        pages = range(memory.pages)
        for number in pages:
            memory.write(number, pattern(number))
        start = time.monotonic()
        gone = group.press(memory, SWAPPED // PAGE)
        middle = time.monotonic()
        # None of them comes back before it is read below, whatever else of this process does.
        in_use = sum(area.used for area in swaps.read())
        print("in swap:", in_use, f"after {middle - start:.1f} s", flush=True)
        wrong = [number for number in pages if memory.read(number) != pattern(number)]
        after, end = counters(), time.monotonic()
    return {
        "away": gone,
        "used": in_use,
        "pages_out": after["pswpout"] - before["pswpout"],
        "pages_in": after["pswpin"] - before["pswpin"],
        "seconds_out": round(middle - start, 1),
        "seconds_in": round(end - middle, 1),
        "wrong": wrong[:10],
    }


def main() -> None:
    (address,) = sys.argv[1:]
    wait_for(address, NFS_PORT)
    hard, soft = Path("/mnt/hard"), Path("/mnt/soft")
    for point in (hard, soft):
        point.mkdir()
    run("mount", "-t", "nfs", "-o", "vers=4.2,hard", f"{address}:/", str(hard))
    path = hard / FILE
    figures: dict[str, Any] = {}
    try:
        code, made = swapctl("prepare", str(path), "--size", "128M")
        (target,) = made["targets"]
        figures["prepare"] = {"code": code, "seconds": target["seconds"]}
        figures["names"] = os.listdir(hard)
        figures["check"] = verdict(path)
        figures["prove"] = proved(path)
        figures["on"], _ = swapctl("on", str(path))
        try:
            figures["traffic"] = traffic()
            _, status = swapctl("status")
            figures["status"] = [(a["name"], a["verdict"]) for a in status["areas"]]
        finally:
            figures["off"], _ = swapctl("off", str(path))
        figures["left"] = [area.path for area in swaps.read()]
        options = "vers=4.2,soft,nosharecache"
        run("mount", "-t", "nfs", "-o", options, f"{address}:/", str(soft))
        figures["soft"] = verdict(soft / FILE)
        code, refused = swapctl("prepare", str(soft / "other"), "--size", "1M")
        figures["prepare soft"] = {"code": code, "rules": [f["rule"] for f in refused["findings"]]}
        for point in (soft, hard):
            run("umount", str(point))
    finally:
        Path(os.environ["OUT"], "figures.json").write_text(json.dumps(figures))
        with socket.create_connection((address, PORT), timeout=PATIENCE) as done:
            done.sendall(FILE.encode())


if __name__ == "__main__":
    main()
