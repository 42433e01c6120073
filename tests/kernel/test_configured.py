"""`prepare --configured`: what the service does before activation, without capabilities."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from swapctl.linux import btrfs, libc
from tests.kernel.loopfs import MIB, Mounted
from tests.kernel.support import (
    Done,
    cleared,
    document,
    findings,
    prepared,
    rows,
    state,
    swapctl,
    verdict,
    volume,
)

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.needs("CAP_SYS_ADMIN", "loop devices", "tool unshare", "tool setpriv"),
]
# The configuration is put over /run in a mount namespace of its own; the service has no capability.
ASIDE = ("unshare", "-m", "sh", "-ec", 'mount --bind "$1" /run; shift; exec "$@"', "sh")
BARE = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")


@pytest.fixture(scope="module", params=rows("ext4", "xfs", "btrfs"))
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    with volume(request.param, tmp_path_factory.mktemp("configured")) as found:
        yield found


@pytest.fixture
def home(mounted: Mounted) -> Iterator[Path]:
    with cleared(mounted.path / "home") as directory:
        yield directory


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "run" / "swapctl.conf.d").mkdir(parents=True)
    return tmp_path / "run" / "swapctl.conf.d" / "50-test.conf"


def configured(conf: Path, path: Path, *options: str) -> Done:
    before = (*ASIDE, conf.parents[1], *BARE)
    return swapctl("prepare", "--configured", *options, "--", path, before=before)


def active(path: Path) -> None:
    """The kernel takes it, at once and as it is."""
    libc.swapon(os.fsencode(path), 0)
    libc.swapoff(os.fsencode(path))


def test_made_taken_and_made_again(home: Path, conf: Path) -> None:
    path = home / "my-swap dir" / "swap"
    conf.write_text(f"[{path}]\nsize = 16M\nlabel = mine\n")
    dry = configured(conf, path, "-n")
    assert (dry.returncode, list(home.iterdir())) == (0, [])
    assert "16.0 MiB" in dry.stdout
    done = configured(conf, path)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert (path.stat().st_size, path.stat().st_mode & 0o7777) == (16 * MIB, 0o600)
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    assert verdict(path) == "ready"
    active(path)
    before = state(home)
    again = configured(conf, path)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing to do" in again.stdout
    assert ("(undecided)" in again.stdout) == ("    lacks " in again.stdout)
    assert state(home) == before
    path.unlink()
    assert configured(conf, path, "-q").stdout == ""
    assert verdict(path) == "ready"


def test_a_good_file_is_taken_though_the_configuration_differs(home: Path, conf: Path) -> None:
    path = prepared(home / "swap", "16M", "--label", "old")
    before = state(home)
    conf.write_text(f"[{path}]\nsize = 32M\nlabel = new\n")
    done = configured(conf, path)
    assert done.returncode == 0
    assert "it has 16.0 MiB, not 32.0 MiB" in done.stderr
    assert "its label is 'old', not 'new'" in done.stderr
    conf.write_text(f"[{path}]\nsize = 200%RAM\n")
    done = configured(conf, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert state(home) == before


def test_a_file_with_holes_is_refused_and_stays(home: Path, conf: Path) -> None:
    path = home / "swap"
    path.touch(0o600)
    os.truncate(path, 16 * MIB)
    conf.write_text(f"[{path}]\nsize = 16M\n")
    before = state(home)
    done = configured(conf, path, "--json")
    assert done.returncode == 1, done
    (target,) = document(done)["targets"]
    assert target["verdict"] == "refused"
    assert "caller-capability" not in [found["rule"] for found in target["findings"]]
    assert state(home) == before


def test_the_share_of_the_filesystem(mounted: Mounted, home: Path, conf: Path) -> None:
    path = home / "swap"
    conf.write_text(f"[{path}]\nsize = 64G\nmax-share = 5%\n")
    assert configured(conf, path).returncode == 0
    whole = os.statvfs(home)
    most = whole.f_blocks * whole.f_frsize // 20
    assert most - 4096 <= path.stat().st_size <= most


def test_places_that_do_not_fit(mounted: Mounted, home: Path, conf: Path) -> None:
    path = home / "swap"
    conf.write_text(f"[{path}]\nsize = 64G\n")
    assert list(findings(configured(conf, path, "--json"))) == ["place-no-space"]
    conf.write_text(f"[{path}]\nsize = 1M\nfs = vfat\n")
    assert list(findings(configured(conf, path, "--json"))) == ["place-filesystem-differs"]
    prepared(path, "1M")
    refused = findings(configured(conf, path, "--json"))
    assert list(refused) == ["place-exists", "place-filesystem-differs"]


def test_what_others_can_write_is_not_believed(home: Path, conf: Path) -> None:
    path = home / "swap"
    conf.write_text(f"[{path}]\nsize = 1M\n")
    conf.chmod(0o666)
    done = configured(conf, path)
    assert (done.returncode, list(home.iterdir())) == (1, [])
    assert "others can write the configuration: /run/swapctl.conf.d/50-test.conf" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no section for it"),
        ("[{path}]\nlabel = x\n", "no size in that"),
        ("[{path}]\nsize = much\n", "/run/swapctl.conf.d/50-test.conf: line 2: size: 'much'"),
    ],
)
def test_nothing_to_go_by(home: Path, conf: Path, text: str, said: str) -> None:
    path = home / "swap"
    conf.write_text(text.format(path=path))
    done = configured(conf, path)
    assert (done.returncode, list(home.iterdir())) == (2, [])
    assert said in done.stderr


@pytest.mark.parametrize("mounted", rows("btrfs"), indirect=True)
def test_profiles_without_privileges(mounted: Mounted) -> None:
    fd = os.open(mounted.path, os.O_RDONLY)
    try:
        kinds = {
            btrfs.profile_name(chunk.type_flags)
            for chunk in btrfs.chunks(fd)
            if chunk.type_flags & btrfs.BTRFS_BLOCK_GROUP_DATA
        }
        assert btrfs.allocated_profiles(btrfs.fs_info(fd).fsid) == tuple(sorted(kinds))
    finally:
        os.close(fd)
