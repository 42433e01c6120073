"""How long short commands take, as multiples of what the same interpreter needs for nothing.

Run by `make bench`, as root: prepares a small swap file in a directory of its own and removes it.
The commands are timed by hyperfine in several rounds, so that a change of the machine's load hits
all of them; each ratio is the median over the rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROUNDS = 5
RUNS_A_ROUND = 10
WARM_UP = 3
HYPERFINE = ("hyperfine", "-N", "--style=none", f"--warmup={WARM_UP}", f"--runs={RUNS_A_ROUND}")
GOALS = {"check FILE": 4.5, "status": 4.5, "--help": 5.2}

PYTHON = Path(sys.executable)
SWAPCTL = PYTHON.with_name("swapctl")
BASELINE = "python3 -c pass"


def environment() -> dict[str, str]:
    """This process's, but byte code may be cached as it is after an installation."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def one_round(commands: dict[str, str], export: Path) -> dict[str, float]:
    """The median seconds of each command; hyperfine runs one after the other, without a shell."""
    names = [f"--command-name={name}" for name in commands]
    subprocess.run(
        [*HYPERFINE, f"--export-json={export}", *names, *commands.values()],
        env=environment(),
        stderr=subprocess.DEVNULL,
        check=True,
    )
    results = json.loads(export.read_text(encoding="utf-8"))["results"]
    return {one["command"]: median(one["times"]) for one in results}


def measure(directory: Path) -> list[dict[str, float]]:
    """Prepare a file in `directory` and time the commands; one dictionary a round."""
    target = directory / "swapfile"
    subprocess.run([SWAPCTL, "prepare", target, "--size", "16M", "-q"], check=True)
    commands = {
        BASELINE: f"{PYTHON} -c pass",
        "check FILE": f"{SWAPCTL} check {target}",
        "status": f"{SWAPCTL} status",
        "--help": f"{SWAPCTL} --help",
    }
    for command in commands.values():
        subprocess.run(command.split(), stdout=subprocess.DEVNULL, check=True)
    return [one_round(commands, directory / "hyperfine.json") for _ in range(ROUNDS)]


def report(rounds: list[dict[str, float]]) -> None:
    """A line for each command: median milliseconds, median ratio, goal."""
    print(f"{ROUNDS} rounds of {RUNS_A_ROUND} runs; Python {sys.version.split()[0]}")
    print(f"{'command':<18}{'ms':>8}{'ratio':>8}{'goal':>8}")
    print(f"{BASELINE:<18}{1000 * median(r[BASELINE] for r in rounds):8.1f}{1:8.2f}{'-':>8}")
    for name, goal in GOALS.items():
        milliseconds = 1000 * median(r[name] for r in rounds)
        ratio = median(r[name] / r[BASELINE] for r in rounds)
        verdict = "" if ratio <= goal else "  over"
        print(f"{name:<18}{milliseconds:8.1f}{ratio:8.2f}{goal:8.2f}{verdict}")


def main() -> int:
    """Everything; the directory lies at / because every directory above has to be root's."""
    if os.geteuid() != 0:
        print("bench: preparing a swap file needs root", file=sys.stderr)
        return 1
    if not SWAPCTL.exists():
        print("bench: no swapctl beside this interpreter; run: make bench", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="swapctl-bench.", dir="/") as directory:
            report(measure(Path(directory)))
    except subprocess.CalledProcessError as error:
        command = " ".join(str(word) for word in error.cmd)
        print(f"bench: status {error.returncode} from: {command}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
