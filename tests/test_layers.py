"""What may import what, how large files may be, and what the start of the program may load.

The directions are read from the source with `ast`: imports inside functions count as well.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "swapctl"

VOCABULARY = (
    *("facts", "f2fs_facts", "network_facts", "proof_facts", "proof_record", "setup_facts"),
    *("storage_facts", "unknown", "errors"),
)
PURE = (
    *("rules", "plan", "filesystems", "zeros", "samples", "kernel_log", "record", "render"),
    *("proof", "proof_changes", "systemd", "conf", "trust"),
)
EFFECTS = (
    *("linux", "gather", "newfile", "apply", "monitor", "activate", "prove", "enabling"),
    *("journal", "commands", "cli", "entry"),
)
MAY_IMPORT_LINUX = (
    "linux",
    "gather",
    "newfile",
    "apply",
    "monitor",
    "activate",
    "prove",
    "enabling",
    "journal",
)
SLOW_LIBRARIES = ("psutil", "pyroute2", "tabulate")
# Of each package, beginnings of modules that a check of a file on ext4 on a disk has no use for.
NOT_FOR_EXT4 = {
    "swapctl": ("cli", "plan", "apply", "record", "kernel_log", "activate", "proof", "prove"),
    "swapctl.rules": (
        *("bmap", "btrfs", "xfs", "f2fs", "zonefs", "device", "nfs", "cifs", "network"),
        *("storage_loop", "storage_backing", "storage_mapper", "storage_targets", "storage_array"),
        *("catalogue", "prepare", "places", "leaving", "boot", "neighbours"),
    ),
    "swapctl.gather": (
        *("areas", "btrfs", "f2fs", "carrier", "backing", "below_mapper", "server"),
        *("network", "place", "witness", "counters", "file_map", "trace", "gpt", "kubelet"),
        "snapshot_tools",
    ),
    "swapctl.linux": (
        *("bmap", "btrfs", "f2fs", "child", "config", "symbols", "dm", "md", "loop", "sockets"),
        *("interfaces", "namespaces", "network", "nfs", "xfrm", "kmsg", "meminfo", "processes"),
        *("anonymous", "pagemap", "cgroup", "counters", "tracefs", "trace_text", "journal"),
    ),
}
NOR_OF_OTHERS = (*SLOW_LIBRARIES, "click", "inspect", "json", "subprocess", "zlib")


def module_name(path: Path) -> str:
    """`swapctl/rules/file.py` -> `swapctl.rules.file`, a package's `__init__.py` -> the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """All modules of the package by name."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST, importer: str) -> Iterator[str]:
    """The modules of ours that an import statement names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer}:{node.lineno}: relative import"
        base = node.module or ""
        inner = [f"{base}.{alias.name}" for alias in node.names]
        names = [name if name in modules() else base for name in inner]
    else:
        names = []
    yield from (name for name in names if name.partition(".")[0] == "swapctl")


@cache
def imports() -> dict[str, set[str]]:
    """For every module of ours, the modules of ours that it imports."""
    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        graph[name] = {found for node in ast.walk(tree) for found in imported(node, name)}
    return graph


def within(name: str, *layers: str) -> bool:
    """Whether a module is or lies in one of the layers: `within("swapctl.rules.file", "rules")`."""
    return name.split(".")[1:2] in [[layer] for layer in layers]


def forbidden(importers: tuple[str, ...], imports_of: tuple[str, ...]) -> list[str]:
    """The imports from one group of layers into another."""
    return [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if within(name, *importers)
        for target in sorted(targets)
        if within(target, *imports_of)
    ]


def unlisted(importer: str, allowed: tuple[str, ...]) -> list[str]:
    """The imports of a layer that lead neither into itself nor into what it may use."""
    return [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if within(name, importer)
        for target in sorted(targets)
        if not within(target, importer, *allowed) and target != "swapctl"
    ]


@pytest.mark.parametrize("layer", VOCABULARY)
def test_vocabulary_imports_itself_only(layer: str) -> None:
    assert unlisted(layer, VOCABULARY) == []


def test_units_import_errors_only() -> None:
    assert unlisted("units", ("errors",)) == []


def test_linux_imports_the_vocabulary_only() -> None:
    assert unlisted("linux", VOCABULARY) == []


def test_pure_modules_have_no_effects() -> None:
    assert forbidden(PURE, EFFECTS) == []


def test_pure_modules_have_no_effects_through_others() -> None:
    reached: dict[str, set[str]] = {}
    for name in modules():
        if within(name, *PURE):
            todo, seen = [name], set[str]()
            while todo:
                fresh = imports().get(todo.pop(), set()) - seen
                seen |= fresh
                todo += fresh
            reached[name] = {other for other in seen if within(other, *EFFECTS)}
    assert {name: found for name, found in reached.items() if found} == {}


def test_only_the_makers_of_facts_and_changes_import_linux() -> None:
    found = [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if not within(name, *MAY_IMPORT_LINUX)
        for target in sorted(targets)
        if within(target, "linux")
    ]
    assert found == []


def test_only_the_entry_imports_the_command_line() -> None:
    found = [
        name
        for name, targets in imports().items()
        if not within(name, "cli", "entry") and any(within(t, "cli") for t in targets)
    ]
    assert found == []


def test_commands_do_not_load_the_option_parser() -> None:
    trees = (
        ast.parse(p.read_text(encoding="utf-8"))
        for n, p in modules().items()
        if not within(n, "cli")
    )
    names = [
        alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [])
    ]
    assert "click" not in names


def test_no_cycles() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " <- ".join(error.args[1]))


def test_file_sizes() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules().values()
    }
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert median(lines.values()) <= 150


LOAD_COMMANDS = """
import importlib, pkgutil, sys
import swapctl.cli, swapctl.commands, swapctl.entry
for package in (swapctl.cli, swapctl.commands):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print(*sorted(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_commands_load_without_slow_libraries() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOAD_COMMANDS, *SLOW_LIBRARIES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


CHECK = """
import sys
from swapctl.commands.check import run
run((sys.argv[1],))
print(*sys.modules)
"""


def on_plain_ext4(path: str) -> bool:
    """Is it on ext2, ext3 or ext4, which statfs(2) does not tell apart, and that on hardware?"""
    asked = ("stat", "--file-system", "--format=%T", path)
    on = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    device = os.stat(path).st_dev
    place = os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return on == "ext2/ext3" and os.path.exists(place) and "/virtual/" not in place


def test_check_loads_nothing_that_the_file_does_not_need() -> None:
    with tempfile.NamedTemporaryFile() as file:
        if not on_plain_ext4(file.name):
            pytest.skip("temporary files are not on ext4 on a disk here")
        file.write(bytes(2**20))
        run = subprocess.run(
            [sys.executable, "-c", CHECK, file.name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    loaded = run.stdout.splitlines()[-1].split()
    assert "swapctl.rules.ext4" in loaded
    assert [name for name in loaded if name.startswith(needless())] == []


def needless() -> tuple[str, ...]:
    ours = (f"{package}.{name}" for package, names in NOT_FOR_EXT4.items() for name in names)
    return (*ours, *NOR_OF_OTHERS)


def test_needless_modules_exist() -> None:
    ours = [name for name in needless() if name not in NOR_OF_OTHERS]
    assert [name for name in ours if not any(m.startswith(name) for m in modules())] == []


def test_status_loads_rules_only_when_there_is_an_area() -> None:
    script = "import sys, swapctl.commands.status; print('swapctl.rules' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"
