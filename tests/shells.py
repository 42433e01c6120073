"""bash, zsh and fish, asked as a user asks them: a line is typed and completed.

Each runs without its owner's files, and with nothing in PATH but stubs that write down that they
were started: completion is to start no process.
"""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[1]
STUBS = ("swapctl", "python3", "python", "env", "sh", "bash", "cat", "grep", "awk", "sed", "ls")
PATIENCE = 60.0

# ^Xa puts all completions on the line, ^Xd hands the line over and empties it.
BASH_SETUP = """\
bind 'set page-completions off'; bind 'set completion-query-items 0'; bind 'set bell-style none'
bind 'set enable-bracketed-paste off'; bind 'set colored-stats off'
bind '"\\C-xa": insert-completions'
answer() {{ printf '%s\\0' "$READLINE_LINE" >{answers}; READLINE_LINE=''; READLINE_POINT=0; }}
bind -x '"\\C-xd": answer'
cd {folder}
. {script}
printf 'ready\\0' >{answers}
"""
ZSH_SETUP = """\
fpath=({scripts} $fpath)
autoload -Uz compinit; compinit -u -D
unsetopt beep; setopt no_auto_param_slash; LISTMAX=0
zle -C every complete-word _generic
zstyle ':completion:every::::' completer _all_matches _complete
zstyle ':completion:every:*' old-matches false
zstyle ':completion:every:*' insert true
bindkey '^Xa' every
answer() {{ printf '%s\\0' "$BUFFER" >{answers}; BUFFER='' }}
zle -N answer; bindkey '^Xd' answer
cd {folder}
printf 'ready\\0' >{answers}
"""


class Shell(Protocol):
    """A shell with swapctl's completion."""

    def complete(self, line: str) -> set[str]:
        """What can stand for the last word of the line, as the program would be given it."""


def make_stubs(folder: Path) -> None:
    """Programs that only write down that they were started."""
    folder.mkdir()
    for name in STUBS:
        stub = folder / name
        stub.write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/started\nexit 1\n')
        stub.chmod(0o755)


def environment(stubs: Path) -> dict[str, str]:
    """That of a shell under test."""
    return {"PATH": str(stubs), "HOME": str(stubs), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def started(stubs: Path) -> list[str]:
    """The stubs that were started."""
    log = stubs / "started"
    return log.read_text().splitlines() if log.exists() else []


class Typed:
    """A shell on a terminal of its own: keys in, the edited line out through a pipe."""

    def __init__(self, keys: int, answers: int) -> None:
        self._keys = keys
        self._answers = answers

    def answer(self) -> str:
        """The next line that the shell gives; its terminal is read meanwhile, or it would wait."""
        text, screen = b"", b""
        while not text.endswith(b"\0"):
            ready, _, _ = select.select([self._keys, self._answers], [], [], PATIENCE)
            assert ready, f"no answer; on the screen: {screen!r}"
            if self._keys in ready:
                screen += os.read(self._keys, 65536)
            if self._answers in ready:
                text += os.read(self._answers, 65536)
        return text[:-1].decode()

    def type(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def complete(self, line: str) -> set[str]:
        self.type(f"{line}\x18a\x18d")
        given = self.answer()
        before = line[: len(line) - len(last_word(line))]
        assert given.startswith(before), (line, given)
        return plain(shlex.split(given[len(before) :])) - {last_word(line)}


def plain(words: Iterable[str]) -> set[str]:
    """The words without what some shells put before or behind them: --option= and a separator."""
    return {re.sub(r"^--[a-z-]+=(?=.)", "", word).rstrip(",/=") for word in words}


def last_word(line: str) -> str:
    """What is being completed: what follows the last blank outside of quotes."""
    start = 0
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == " " and line[place - 1] != "\\":
            start = place + 1
    return line[start:]


@contextmanager
def on_terminal(command: list[str], setup: str, stubs: Path, folder: Path) -> Iterator[Typed]:
    """A shell on a terminal, told what completion to use."""
    answers = stubs / f"answers-{command[0]}"
    os.mkfifo(answers)
    reading = os.open(answers, os.O_RDWR)
    script = stubs / f"setup-{command[0]}"
    script.write_text(
        setup.format(
            answers=answers,
            folder=shlex.quote(str(folder)),
            scripts=ROOT / "completions",
            script=ROOT / "completions/swapctl.bash",
        )
    )
    keys, terminal = pty.openpty()
    shell = subprocess.Popen(
        [f"/usr/bin/{command[0]}", *command[1:]],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=environment(stubs),
    )
    os.close(terminal)
    try:
        typed = Typed(keys, reading)
        typed.type(f". {script}\n")
        assert typed.answer() == "ready"
        yield typed
    finally:
        shell.send_signal(signal.SIGKILL)
        shell.wait()
        os.close(keys)
        os.close(reading)


class Fish:
    """fish completes a line without a terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def complete(self, line: str) -> set[str]:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        found = set[str]()
        while (given := self._process.stdout.readline().rstrip("\n")) != END:
            assert self._process.poll() is None, "fish has ended"
            found.add(given.partition("\t")[0])
        return plain(found)


END = "-- end --"
FISH = """\
source $argv[1]; cd $argv[2]
while read -l line; complete -C $line; echo $argv[3]; end
"""


@contextmanager
def in_fish(stubs: Path, folder: Path) -> Iterator[Fish]:
    script = ROOT / "completions/swapctl.fish"
    with subprocess.Popen(
        ["/usr/bin/fish", "--no-config", "-c", FISH, script, folder, END],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(stubs),
        text=True,
    ) as process:
        try:
            yield Fish(process)
        finally:
            process.kill()


SHELLS = ("bash", "zsh", "fish")


@contextmanager
def shell(name: str, stubs: Path, folder: Path) -> Iterator[Shell]:
    """One of SHELLS, in that folder; the stubs are made."""
    make_stubs(stubs)
    if name == "bash":
        with on_terminal(["bash", "--norc", "--noprofile", "-i"], BASH_SETUP, stubs, folder) as it:
            yield it
    elif name == "zsh":
        with on_terminal(["zsh", "-f", "-i"], ZSH_SETUP, stubs, folder) as it:
            yield it
    else:
        with in_fish(stubs, folder) as it:
            yield it
