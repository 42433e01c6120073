"""Events with their stacks, out of the text of trace_pipe; pure."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# comm-pid [cpu] flags time: event: the rest; a comm can contain everything
_LINE = re.compile(
    r"\s*(?P<comm>.+)-(?P<pid>\d+)\s+(?:\([^)]*\)\s+)?\[(?P<cpu>\d+)\]\s+\S+\s+\d+\.\d+: "
    r"(?P<event>\w+|<stack trace>):?\s?(?P<text>.*)"
)
_STACK = "<stack trace>"
_FRAME = " => "
# What the tracing itself adds to a stack.
_OF_TRACING = ("trace_event_", "__traceiter_", "__ftrace_", "ftrace_", "__trace_", "perf_trace_")


class Traced(NamedTuple):
    """An event; `text` is what the kernel prints of its fields, `stack` the functions, innermost
    first."""

    comm: str
    pid: int
    event: str
    text: str
    stack: tuple[str, ...]


def _function(line: str) -> str:
    """The name alone, without the module that it is in."""
    return line.removeprefix(_FRAME).strip().partition(" ")[0].partition("+")[0]


def _own(stack: list[str]) -> tuple[str, ...]:
    first = next((i for i, name in enumerate(stack) if not name.startswith(_OF_TRACING)), 0)
    return tuple(stack[first:])


def parse(lines: Iterable[str]) -> Iterator[Traced]:
    """The events, each when its stack is complete. A stack belongs to the last event of the same
    task on the same processor; those of several processors are mixed."""
    waiting: dict[tuple[str, str], Traced] = {}
    whole: Traced | None = None
    frames: list[str] = []
    for line in lines:
        if line.startswith(_FRAME):
            frames.append(_function(line))
            continue
        if whole is not None:
            yield whole._replace(stack=_own(frames))
            whole = None
        found = _LINE.match(line)
        if found is None:
            continue
        task = (found["pid"], found["cpu"])
        before = waiting.pop(task, None)
        if found["event"] == _STACK:
            whole, frames = before, []
            continue
        if before is not None:
            yield before
        waiting[task] = Traced(found["comm"], int(found["pid"]), found["event"], found["text"], ())
    if whole is not None:
        yield whole._replace(stack=_own(frames))
    yield from waiting.values()
