"""Write what is expected of the recorded machines anew: `python -m tests.golden.regenerate`.

Each directory here holds facts.json, recorded on a real machine with `swapctl facts` and never
changed, and the reports on it, which follow from the facts. Read the difference before committing.
"""

from pathlib import Path

from swapctl.record import load
from swapctl.render import json
from swapctl.render.text import report_text
from swapctl.rules import Report, judge

HERE = Path(__file__).parent
MACHINES = tuple(sorted(path.parent.name for path in HERE.glob("*/facts.json")))


def report(machine: str) -> Report:
    """The report on a recorded machine."""
    path = HERE / machine / "facts.json"
    return judge(load(path.read_text(encoding="utf-8"), str(path)))


def expected(machine: str) -> dict[str, str]:
    """File names and contents; the version of the program is none of the report's content."""
    one = report(machine)
    document = {**json.report_document([one]), "swapctl": "x.y.z"}
    return {
        "check.txt": report_text(one, verbose=True) + "\n",
        "check.json": json.dump(document) + "\n",
    }


def main() -> None:
    for machine in MACHINES:
        for name, content in expected(machine).items():
            (HERE / machine / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
