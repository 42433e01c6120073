"""Where a control group that zswap leaves alone is made."""

import os
from pathlib import Path

import pytest

from swapctl.linux import cgroup

MOUNT = "30 24 0:26 / /groups rw shared:4 - cgroup2 cgroup2 rw\n"
OLD = "31 24 0:27 / /groups rw shared:4 - cgroup cgroup rw,memory\n"


def machine(root: Path, own: str, controllers: dict[str, str], mount: str = MOUNT) -> str:
    """A machine with these groups, and the controllers that each gives to its children."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"4:memory:/old\n0::{own}\n")
    (root / "proc/self/mountinfo").write_text(mount)
    for name, text in controllers.items():
        group = root / "groups" / name
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.subtree_control").write_text(f"{text}\n")
    return str(root)


@pytest.mark.parametrize(
    ("own", "controllers", "place"),
    [
        ("/a/b", {".": "memory", "a": "cpu memory", "a/b": ""}, "/groups/a"),
        ("/a/b", {".": "cpu memory", "a": "cpu", "a/b": "cpu"}, "/groups"),
        ("/a/b", {".": "memory", "a": "memory", "a/b": "memory"}, "/groups/a/b"),
        ("/", {".": "memory"}, "/groups"),
        ("/../elsewhere/x", {".": "memory"}, "/groups"),
    ],
)
def test_beside_the_own_one(
    tmp_path: Path, own: str, controllers: dict[str, str], place: str
) -> None:
    """The kernel would fill the new directory; here it stays empty, and is removed."""
    root = machine(tmp_path, own, controllers)
    with pytest.raises(FileNotFoundError) as raised:
        cgroup.make_without_zswap(root)
    directory = f"{root}{place}/swapctl-{os.getpid()}"
    assert raised.value.filename == f"{directory}/memory.zswap.max"
    assert not os.path.exists(directory)


@pytest.mark.parametrize(
    ("controllers", "mount"),
    [({".": "cpu", "a": "cpu"}, MOUNT), ({".": "memory"}, OLD), ({".": "memory"}, "")],
)
def test_nowhere(tmp_path: Path, controllers: dict[str, str], mount: str) -> None:
    root = machine(tmp_path, "/a", controllers, mount)
    with pytest.raises(FileNotFoundError, match="control group"):
        cgroup.make_without_zswap(root)
