"""Whole commands, as a shell, a script or a monitoring system calls them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from swapctl import __version__
from swapctl.commands.check import exit_code
from swapctl.errors import ExitCode
from swapctl.rules.catalogue import ALL_RULES
from tests.golden.regenerate import HERE, expected, report

COMMAND = (sys.executable, "-m", "swapctl")
Arguments = str | bytes


def facts(machine: str) -> str:
    return str(HERE / machine / "facts.json")


def swapctl(
    *arguments: Arguments,
    code: int = 0,
    stdin: str | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    preexec: Callable[[], None] | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run one command line; whatever happens, there is no traceback and little on stderr."""
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "LC_ALL")}
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={**base, "LC_ALL": "C.UTF-8", **(environment or {})},
        input=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=preexec,
        check=False,
        timeout=60,
    )
    check_output(done.stdout or b"", done.stderr)
    assert done.returncode == code, (done.stdout or b"")[:2000] + done.stderr
    return done


def check_output(stdout: bytes, stderr: bytes) -> None:
    for noise in (b"Traceback", b"Exception ignored", b"internal error"):
        assert noise not in stdout + stderr, stderr
    assert len(stderr.splitlines()) <= 6, stderr
    assert len(stderr) < 10_000


def document(*arguments: Arguments, code: int = 0, stdin: str | None = None) -> dict[str, Any]:
    """The JSON that a command prints, with nothing on stderr."""
    done = swapctl(*arguments, code=code, stdin=stdin)
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["schema"], found["swapctl"]) == (1, __version__)
    return found


# A machine for every verdict.
VERDICTS = ("xfs-ready", "ext4-1k-scattered", "loop-device-read-only", "not-root", "btrfs-raid1")
CODES = {"ready": 0, "usable": 0, "refused": 1, "unsafe": 1, "undecided": 3}


@pytest.mark.parametrize("machine", VERDICTS)
def test_recorded_facts_are_judged_as_recorded(machine: str) -> None:
    done = swapctl("check", "--facts", facts(machine), "-v", code=CODES[report(machine).verdict])
    assert done.stdout.decode() == expected(machine)["check.txt"]


def test_facts_from_a_pipe() -> None:
    text = Path(facts("btrfs-raid1")).read_text()
    found = document("check", "--facts", "-", "--json", stdin=text, code=1)
    assert {**found, "swapctl": "x.y.z"} == json.loads(expected("btrfs-raid1")["check.json"])
    swapctl("check", "--facts", "-", "-q", stdin="", code=2)
    swapctl("check", "--facts", "-", stdin="\udcff\udcfe{", code=2)


def test_a_warning_is_a_finding_when_strict() -> None:
    swapctl("check", "--facts", facts("ext4-1k-scattered"), "-q", code=0)
    swapctl("check", "--facts", facts("ext4-1k-scattered"), "-q", "--strict", code=1)
    swapctl("check", "--facts", facts("ext4-ready"), "-q", "--strict", code=0)
    swapctl("check", "--facts", facts("not-root"), "-q", "--strict", code=3)


@pytest.mark.parametrize("machine", ["ext4-ready", "tmpfs", "not-root"])
def test_quiet_is_silent(machine: str) -> None:
    done = swapctl("check", "-q", "--facts", facts(machine), code=CODES[report(machine).verdict])
    assert done.stdout + done.stderr == b""


WORST = {
    ("ext4-ready", "xfs-ready"): 0,
    ("ext4-ready", "not-root"): 3,
    ("not-root", "ext4-1k-scattered"): 3,
    ("ext4-ready", "tmpfs", "not-root"): 1,
    ("not-root", "loop-device-read-only"): 1,
}


@pytest.mark.parametrize(("machines", "code"), WORST.items())
def test_the_worst_of_several_decides(machines: tuple[str, ...], code: int) -> None:
    assert exit_code([report(machine) for machine in machines], False) == ExitCode(code)


def test_several_paths_get_a_report_each(tmp_path: Path) -> None:
    paths = [str(tmp_path), str(tmp_path / "nothing"), "/proc/version"]
    found = document("check", "--json", *paths, code=1)
    assert [t["path"] for t in found["targets"]] == paths
    assert [t["swapon"]["errno"] for t in found["targets"]][1] == "ENOENT"
    text = swapctl("check", *paths, code=1).stdout.decode()
    assert [line for line in text.splitlines() if line.startswith(tuple(paths))] != []


@pytest.mark.parametrize(
    ("machine", "code", "word"),
    [
        ("ext4-ready", 0, "OK"),
        ("ext4-1k-scattered", 1, "WARNING"),
        ("loop-device-read-only", 2, "CRITICAL"),
        ("tmpfs", 2, "CRITICAL"),
        ("not-root", 3, "UNKNOWN"),
    ],
)
def test_as_a_monitoring_plugin(machine: str, code: int, word: str) -> None:
    done = swapctl("check", "--format", "nagios", "--facts", facts(machine), code=code)
    assert done.stdout.startswith(f"SWAP {word} - ".encode())
    assert done.stdout.count(b"\n") == 1
    assert b"|" not in done.stdout


@pytest.mark.parametrize(
    "usage",
    [
        ["--format=nagios", "--oops", "/x"],
        ["--format", "nagios", "--strict=1", "/x"],
        pytest.param(["--format", "nagios"]),
        pytest.param(["--format", "nagios", "--facts", "/nonexistent"]),
        pytest.param(["--format", "nagios", "--facts", "/dev/null"]),
    ],
)
def test_usage_errors_of_a_monitoring_plugin_are_unknown(usage: list[str]) -> None:
    swapctl("check", *usage, code=3)


MISUSES: tuple[tuple[str, ...], ...] = (
    ("check",),
    ("check", "--facts", facts("tmpfs"), "/x"),
    ("check", "--facts", "/nonexistent/facts.json"),
    ("check", "--facts", "/"),
    ("check", "--facts", "/dev/null"),
    ("check", "--format", "yaml", "/x"),
    ("check", "--oops", "/x"),
    ("facts",),
    ("explain", "no-such-rule"),
    ("frobnicate",),
    ("prepare",),
    ("prepare", "/x"),
    ("prepare", "--configured"),
    ("prepare", "/x", "--configured", "--size", "1G"),
    ("prepare", "/x", "--configured", "--on"),
    ("prepare", "/x", "--size", "8Q"),
    ("prepare", "/x", "--size", "1G", "--uuid", "x"),
    ("prepare", "/x", "--size", "1G", "--label", "x" * 17),
    ("prepare", "/x", "--size", "1G", "--priority", "1"),
    ("on",),
    ("on", "/x", "--allow", "file-holes"),
    ("--oops",),
)


@pytest.mark.parametrize("arguments", MISUSES, ids=" ".join)
def test_misuse_is_exit_2_and_told_on_stderr(arguments: tuple[str, ...]) -> None:
    done = swapctl(*arguments, code=2)
    assert done.stdout == b""
    assert done.stderr


@pytest.mark.parametrize("arguments", [m for m in MISUSES if m[0] == "check"], ids=" ".join)
def test_errors_are_json_where_json_was_asked_for(arguments: tuple[str, ...]) -> None:
    if "--format" not in arguments:
        error = document(*arguments, "--json", code=2)["error"]
        assert error["exit_code"] == 2
        assert error["message"]


def test_without_a_command_there_is_help() -> None:
    for arguments in ((), ("--help",), ("-h",)):
        done = swapctl(*arguments)
        assert b"check" in done.stdout
        assert done.stderr == b""


def test_version() -> None:
    assert swapctl("--version").stdout == f"swapctl {__version__}\n".encode()


def test_l_lists_the_areas() -> None:
    assert swapctl("-l").stdout == swapctl("status").stdout


def test_explain_knows_every_rule() -> None:
    ids = [rule.id for rule in ALL_RULES]
    text = swapctl("explain", *ids).stdout.decode()
    listing = swapctl("explain").stdout.decode()
    for rule in ALL_RULES:
        assert rule.text in text
        assert f"{rule.id} " in listing
    assert [r["rule"] for r in document("explain", "--json")["rules"]] == ids
    assert document("explain", "file-holes", "--json")["rules"][0]["title"]


NAMES: tuple[bytes, ...] = (
    b"a b",
    b"a\nb",
    b"\xff\xfe",
    b"-x",
    b"--help",
    b"'\"$(x)",
    b"\x1b[31m",
    "\N{SNOWMAN}".encode(),
    b"n" * 255,
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:9]))
def test_names_of_any_bytes(name: bytes, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(name)).mkdir()

    def there() -> None:
        os.chdir(tmp_path)

    modules = str(HERE.parents[1])
    plain = {"PYTHONPATH": modules, "LC_ALL": "C"}
    text = swapctl("check", "--", name, code=1, preexec=there, environment=plain)
    assert b"file-directory" in text.stdout
    assert b"\x1b" not in text.stdout
    utf8 = {"PYTHONPATH": modules}
    found = swapctl("check", "--json", "--", name, code=1, preexec=there, environment=utf8)
    (target,) = json.loads(found.stdout)["targets"]
    assert os.fsencode(target["path"]) == name
    assert bytes(target.get("path_bytes", name)) == name


def test_a_name_that_json_cannot_hold_is_given_as_bytes() -> None:
    (target,) = document("check", "--json", b"/\xff\n", code=1)["targets"]
    assert bytes(target["path_bytes"]) == b"/\xff\n"


@pytest.mark.parametrize(
    ("path", "errno"),
    [("", "ENOENT"), ("/" * 5000, "ENAMETOOLONG"), ("/" + "n" * 256, "ENAMETOOLONG")],
    ids=["empty", "long", "long-name"],
)
def test_paths_that_no_file_has(path: str, errno: str) -> None:
    (target,) = document("check", "--json", path, code=1)["targets"]
    assert target["swapon"]["errno"] == errno
    swapctl("check", path, code=1)
    json.loads(swapctl("facts", path).stdout)


def test_a_path_of_the_greatest_length() -> None:
    path = "/" + "./" * 2046 + "."
    assert len(path) == 4094
    (target,) = document("check", "--json", path, code=1)["targets"]
    assert target["swapon"]["errno"] == "EISDIR"


def test_facts_and_check_agree_on_a_live_file(tmp_path: Path) -> None:
    path = tmp_path / "swap file\n"
    path.write_bytes(bytes(65536))
    recording = swapctl("facts", str(path)).stdout.decode("utf-8", "surrogateescape")
    live = document("check", "--json", str(path), code=1)
    assert document("check", "--json", "--facts", "-", stdin=recording, code=1) == live


def coloured(*arguments: str, **environment: str) -> bool:
    judged = ("check", "--facts", facts("tmpfs"))
    done = swapctl(*judged, *arguments, code=1, environment=environment)
    return b"\x1b[" in done.stdout


def test_colour_is_for_terminals_unless_demanded() -> None:
    assert not coloured(TERM="xterm")
    assert not coloured("--color", "auto", TERM="dumb")
    assert not coloured("--color", "never", TERM="xterm")
    assert coloured("--color", "always", TERM="xterm")
    assert coloured("--color", "always", TERM="dumb", NO_COLOR="1")
