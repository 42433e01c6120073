"""`enable` and `disable` below a root: the trees, what systemd makes of them, what is of others."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from swapctl.gather.enabled import enabled
from swapctl.systemd.escape import unit_name
from swapctl.systemd.others import Other, foreign_units, fstab_lines
from tests.golden.trees import CASES, expected, file_of, swapctl, tree
from tests.unit.test_service import SERVICE

HOW = "If the change is meant: python -m tests.golden.trees, and read the difference."
PATH = "/var/swap/my-swap file"
NAME = r"var-swap-my\x2dswap\x20file"
UNITS = "etc/systemd/system"
UNIT = f"{UNITS}/{NAME}.swap"
DROP_IN = f"etc/swapctl.conf.d/50-{NAME}.conf"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with what an image has."""
    root = tmp_path / "root"
    for directory in (f"{UNITS}/swap.target.wants", "run", "usr/lib/systemd/system"):
        (root / directory).mkdir(parents=True)
    (root / UNITS / "swap.target.wants" / "other.swap").symlink_to("../other.swap")
    (root / "etc" / "fstab").write_text("/dev/vda1 / ext4 defaults 0 1\n")
    return root


def enable(root: Path, *options: str, path: str = PATH, code: int = 0) -> str:
    done = swapctl("enable", path, "--root", root, *options)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def disable(root: Path, *options: str, code: int = 0) -> str:
    done = swapctl("disable", PATH, "--root", root, *options)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


@pytest.mark.parametrize("case", CASES)
def test_trees(case: str) -> None:
    assert expected(case) == file_of(case).read_text(encoding="utf-8"), HOW


@pytest.mark.needs("tool systemd-analyze")
@pytest.mark.parametrize("case", CASES)
def test_systemd_reads_the_unit(case: str, root: Path) -> None:
    """That What= and the name belong together is a part of this."""
    path, *options = CASES[case]
    enable(root, *options, path=path)
    shutil.copy(SERVICE, root / UNITS)
    unit = root / UNITS / unit_name(path, "swap")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", f"--root={root}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.needs("tool systemctl")
@pytest.mark.parametrize("case", ["plain", "required"])
def test_links_are_those_of_systemctl(case: str, root: Path) -> None:
    path, *options = CASES[case]
    enable(root, *options, path=path)
    before = tree(root)
    name = unit_name(path, "swap")
    systemctl = ("systemctl", f"--root={root}")
    asked = subprocess.run([*systemctl, "is-enabled", name], capture_output=True, check=False)
    assert asked.stdout == b"enabled\n"
    subprocess.run([*systemctl, "disable", name], capture_output=True, check=True)
    assert tree(root) != before
    subprocess.run([*systemctl, "enable", name], capture_output=True, check=True)
    assert tree(root) == before


def test_undone_to_the_letter(root: Path) -> None:
    before = tree(root)
    dry = enable(root, "--size", "8G", "--dry-run")
    assert tree(root) == before
    assert dry.replace("would write", "wrote").replace("would link", "linked") == enable(
        root, "--size", "8G"
    )
    enabled = tree(root)
    assert "nothing to do" in enable(root)
    assert "nothing to do" in enable(root, "--size", "8G")
    assert disable(root, "-n").count("would remove") == 3
    assert tree(root) == enabled
    done = json.loads(disable(root, "--json"))
    assert (done["changed"], len(done["changes"]), done["notes"]) == (True, 3, [])
    assert tree(root) == before
    assert "nothing to do" in disable(root)


def test_what_is_not_given_stays(root: Path) -> None:
    enable(root, "--size", "8G", "--label", "a")
    assert enable(root, "--priority", "7").splitlines() == [
        f"wrote /{DROP_IN}",
        f"wrote /{UNIT}",
    ]
    assert (root / DROP_IN).read_text().splitlines()[1:] == [
        f"[{PATH}]",
        "size = 8G",
        "label = a",
        "priority = 7",
    ]
    assert "\nPriority=7\n" in (root / UNIT).read_text()


def test_required_and_back(root: Path) -> None:
    enable(root, "--size", "8G")
    first = tree(root)
    enable(root, "--fail")
    assert (root / UNITS / "swap.target.requires").is_dir()
    assert "DefaultDependencies" not in (root / UNIT).read_text()
    enable(root, "--nofail")
    assert tree(root).replace("nofail = yes\n", "") == first


def test_settings_of_the_vendor(root: Path) -> None:
    """They need no drop-in; what sorts behind ours has the last word, in the unit too."""
    (root / "usr/lib/swapctl.conf").write_text(f"[{PATH}]\nsize = 1G\npriority = 3\n")
    enable(root)
    assert not (root / DROP_IN).exists()
    assert "\nPriority=3\n" in (root / UNIT).read_text()
    enable(root, "--priority", "4")
    assert "\nPriority=4\n" in (root / UNIT).read_text()
    (root / "etc/swapctl.conf.d/90-local.conf").write_text(f"[{PATH}]\npriority = 5\ncolour = x\n")
    done = swapctl("enable", PATH, "--root", root)
    assert "90-local.conf: line 3: unknown key colour, ignored" in done.stderr
    assert "\nPriority=5\n" in (root / UNIT).read_text()
    disable(root)
    assert sorted(os.listdir(root / "etc/swapctl.conf.d")) == ["90-local.conf"]


FOREIGN = {
    "a line of fstab": (
        "etc/fstab",
        "# x\n/var/swap/my-swap\\040file none swap sw 0 0\n",
        "/etc/fstab, line 2",
    ),
    "a line of cloud-init": (
        "etc/fstab",
        "/var/swap/my-swap\\040file none swap sw,comment=cloudconfig 0 0\n",
        "/etc/fstab, line 1 (cloud-init)",
    ),
    "the administrator's unit": (UNIT, f"[Swap]\nWhat={PATH}\n", f"/{UNIT}"),
    "the distribution's unit": (
        f"usr/lib/systemd/system/{NAME}.swap",
        "[Swap]\n",
        f"/usr/lib/systemd/system/{NAME}.swap",
    ),
    "a generated unit": (
        f"run/systemd/generator/{NAME}.swap",
        "# Automatically generated by rpi-swap-generator\n[Swap]\n",
        f"/run/systemd/generator/{NAME}.swap (rpi-swap-generator)",
    ),
    "what gpt-auto generated": (
        f"run/systemd/generator.late/{NAME}.swap",
        "# Automatically generated by systemd-gpt-auto-generator\n\n[Swap]\n",
        f"/run/systemd/generator.late/{NAME}.swap (systemd-gpt-auto-generator)",
    ),
    "settings of snapd": (
        "etc/default/swapfile",
        f"FILE={PATH}\nSIZE=512\n",
        "/etc/default/swapfile (snapd)",
    ),
    "a mask": (UNIT, None, f"/{UNIT} (masked: it leads to /dev/null)"),
    "a drop-in": (DROP_IN, "[/x]\n", f"/{DROP_IN}"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_of_others_is_named_and_stays(case: str, root: Path) -> None:
    name, text, said = FOREIGN[case]
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        path.symlink_to("/dev/null")
    else:
        path.write_text(text)
    before = tree(root)
    error = enable(root, "--size", "1G", code=1)
    assert said in [line.strip() for line in error.splitlines()]
    assert said in [line.strip() for line in disable(root, code=1).splitlines()]
    assert tree(root) == before


@pytest.mark.parametrize("name", ["etc/fstab", "etc/default/swapfile"])
def test_what_cannot_be_read_is_named(name: str, root: Path) -> None:
    (root / name).unlink(missing_ok=True)
    (root / name).mkdir(parents=True)
    before = tree(root)
    assert "no file" in enable(root, "--size", "1G", code=4)
    assert tree(root) == before


def test_a_link_of_others(root: Path) -> None:
    link = root / UNITS / "swap.target.wants" / f"{NAME}.swap"
    link.symlink_to("/usr/lib/x.swap")
    assert str(link.relative_to(root)) in enable(root, "--size", "1G", code=1)
    assert link.is_symlink()


def test_what_others_added_later_stays(root: Path) -> None:
    before = tree(root)
    enable(root, "--size", "1G")
    line = "/var/swap/my-swap\\040file none swap sw 0 0\n"
    with (root / "etc/fstab").open("a") as file:
        file.write(line)
    assert "still set up by others: /etc/fstab, line 2" in disable(root)
    assert tree(root) == before.replace("defaults 0 1\n", f"defaults 0 1\n{line}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--size is missing"),
        (("--size", "8Q"), "--size: '8Q' is not a size"),
        (("--size", "1G", "--label", "x" * 17), "--label: "),
        (("--size", "1G", "--label", "a\nb"), "--label: "),
        (("--size", "1G", "--max-share", "0%"), "--max-share: "),
        (("--size", "1G", "--fs", "a b"), "--fs: "),
    ],
)
def test_bad_options(options: tuple[str, ...], said: str, root: Path) -> None:
    before = tree(root)
    assert said in enable(root, *options, code=2)
    assert tree(root) == before


@pytest.mark.parametrize(
    "path",
    [
        "swapfile",
        "/",
        "/a/../b",
        "/a//b",
        "/a/",
        "/a\nb",
        "/a ",
        "/a\\",
        "/a\udcff",
        "/" + "a" * 240,
    ],
)
def test_paths_that_no_unit_can_hold(path: str, root: Path) -> None:
    before = tree(root)
    enable(root, "--size", "1G", path=path, code=2)
    assert tree(root) == before


def test_nothing_outside_of_the_root(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "etc/swapctl.conf.d").symlink_to(outside)
    assert "leads out of" in enable(root, "--size", "1G", code=4)
    assert list(outside.iterdir()) == []


def test_files_that_others_can_write_are_not_believed(root: Path) -> None:
    (root / "etc/swapctl.conf").write_text(f"[{PATH}]\nsize = 1G\n")
    (root / "etc/swapctl.conf").chmod(0o666)
    before = tree(root)
    assert "others can write" in enable(root, code=1)
    assert tree(root) == before


def test_lines_of_fstab() -> None:
    text = "\n".join(
        (
            "#/s none swap sw 0 0",
            "/s none ext4 sw 0 0",
            "/s none",
            "  /s\tnone  swap",
            "/s2 none swap sw",
            "/s swap swap comment=cloudconfig,x 0 0",
            "/s\\303\\244 none swap",
        )
    )
    assert list(fstab_lines(text, "/s")) == [
        Other("/etc/fstab, line 4", ""),
        Other("/etc/fstab, line 6", "cloud-init"),
    ]
    assert list(fstab_lines(text, "/s\u00e4")) == [Other("/etc/fstab, line 7", "")]


def test_makers_of_units() -> None:
    texts = {"/a": "# Automatically generated by zram-generator\n", "/b": "[Unit]\n", "/c": None}
    assert [one.owner for one in foreign_units(texts)] == [
        "zram-generator",
        "",
        "masked: it leads to /dev/null",
    ]


def test_what_is_enabled(root: Path) -> None:
    """Both kinds, and nothing of others; one that lost its unit is none."""
    assert enabled(str(root)) == ()
    percent = "/var/swap/100%"
    enable(root, "--size", "1M")
    enable(root, "--size", "1M", "--fail", path=percent)
    (root / UNITS / "other.swap").write_text("[Swap]\nWhat=/other\n")
    assert enabled(str(root)) == tuple(sorted((PATH, percent)))
    disable(root)
    assert enabled(str(root)) == (percent,)
    (root / UNITS / unit_name(percent, "swap")).unlink()
    assert enabled(str(root)) == ()
