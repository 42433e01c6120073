"""NFS in one machine: a real server and a real client of every version, and swapon(2) as oracle.

To be run as root in a machine of its own, since it starts the kernel's NFS server and exports
directories: `python -m pytest tests/vm/guest_nfs.py`. It needs nfs-kernel-server, nfs-common and
rpcbind. Areas are activated and given back at once; nothing is swapped out to a server that is this
machine.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from swapctl.facts import Snapshot, need
from swapctl.gather import snapshot
from swapctl.network_facts import NetworkFacts, NfsMount
from swapctl.record import dump, load
from swapctl.rules import judge
from tests.kernel.conditions import PAGE, PAGES, header
from tests.kernel.oracle import Agreed
from tests.vm.nfs_server import ADDRESS, VERSIONS, Client, run

Make = Callable[[Path], Path]

each_version = pytest.mark.parametrize("version", VERSIONS)


def written(path: Path, pages: int = PAGES) -> Path:
    """A full swapfile."""
    path.write_bytes(header(pages) + os.urandom((pages - 1) * PAGE))
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path


def sparse(path: Path) -> Path:
    path.write_bytes(header(PAGES))
    os.truncate(path, PAGES * PAGE)
    return path


def punched(path: Path) -> Path:
    run("fallocate", "-p", "-o", str(8 * PAGE), "-l", str(PAGE), str(written(path)))
    return path


def preallocated(path: Path) -> Path:
    run("fallocate", "-l", str(PAGES * PAGE), str(path))
    with path.open("r+b") as file:
        file.write(header(PAGES))
    return path


def short_header(path: Path) -> Path:
    path.write_bytes(header(PAGES // 2) + os.urandom((PAGES - 1) * PAGE))
    return path


def long_header(path: Path) -> Path:
    path.write_bytes(header(PAGES + 1) + os.urandom((PAGES - 1) * PAGE))
    return path


def odd_size(path: Path) -> Path:
    with written(path).open("ab") as file:
        file.write(b"x" * 100)
    return path


def headerless(path: Path) -> Path:
    path.write_bytes(os.urandom(PAGES * PAGE))
    return path


def one_page(path: Path) -> Path:
    path.write_bytes(header(1))
    return path


MAKERS = (written, sparse, short_header, long_header, odd_size, headerless, one_page)


@each_version
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_the_kernel_answers_as_predicted(
    client: Client, version: str, make: Make, agreed: Agreed
) -> None:
    path = make(client.mount(version, "open") / f"{version}-{make.__name__}")
    agreed(f"nfs{version}", make.__name__.replace("_", "-"), path)


@pytest.mark.parametrize("make", [punched, preallocated], ids=lambda make: make.__name__)
def test_version_4_2_with_fallocate(client: Client, make: Make, agreed: Agreed) -> None:
    path = make(client.mount("4.2", "open") / make.__name__)
    agreed("nfs4.2", make.__name__, path)


@each_version
def test_a_read_only_export(client: Client, exports: Path, version: str, agreed: Agreed) -> None:
    written(exports / "readonly" / "file")
    row = agreed(f"nfs{version}", "export-read-only", client.mount(version, "readonly") / "file")
    # NFSv3 asks for access first, and the answer does not say why there is none.
    assert row.actual.errno == ("EACCES" if version == "3" else "EROFS")


@each_version
def test_a_read_only_mount(client: Client, exports: Path, version: str, agreed: Agreed) -> None:
    written(exports / "open" / f"ro-{version}")
    path = client.mount(version, "open", "ro") / f"ro-{version}"
    row = agreed(f"nfs{version}", "mount-read-only", path)
    assert row.actual.errno == "EROFS"


@each_version
def test_a_squashed_root(client: Client, exports: Path, version: str, agreed: Agreed) -> None:
    """Root cannot open its own file, and can open one of the user that it is mapped to."""
    mine = written(exports / "squashed" / f"root-{version}")
    theirs = written(exports / "squashed" / f"nobody-{version}")
    os.chown(theirs, 65534, 65534)
    point = client.mount(version, "squashed")
    agreed(f"nfs{version}", "squashed-root", point / mine.name)
    agreed(f"nfs{version}", "squashed-to-the-owner", point / theirs.name)
    found = judge(snapshot(str(point / mine.name))).outcome.findings
    assert "nfs-root-squash" in {f.rule_id for f in found}


def network(s: Snapshot) -> NetworkFacts:
    found = need(s.network)
    assert found is not None
    return found


def terms(s: Snapshot) -> NfsMount:
    found = need(network(s).nfs)
    assert found is not None
    return found


@each_version
def test_what_the_mount_is_like(client: Client, version: str) -> None:
    path = written(client.mount(version, "open", "nconnect=2") / f"facts-{version}")
    seen = snapshot(str(path))
    assert load(dump(seen), "facts") == seen
    mount = terms(seen)
    assert (mount.version, mount.recovery, mount.softreval) == (version, "hard", False)
    assert (mount.proto, mount.security, mount.transport_security) == ("tcp", "sys", "none")
    assert (mount.connections, mount.transports) == (2, ("tcp", "tcp"))
    assert (mount.layout, mount.localio, mount.swap_supported) == (None, False, True)
    assert mount.first_hole is None
    assert network(seen).server == ADDRESS
    assert network(seen).addresses == (ADDRESS,)
    (way,) = need(network(seen).paths)
    assert (way.route, [link.name for link in way.links]) == ("local", ["lo"])
    outcome = judge(seen).outcome
    found = {f.rule_id for f in outcome.findings}
    assert {"network-server-here", "nfs-connections"} <= found
    assert "nfs-soft" not in found
    assert [u for u in outcome.undecided if u.rule_id.startswith(("nfs", "network"))] == []


@each_version
@pytest.mark.parametrize("option", ["soft", "softerr", "softreval"])
def test_a_mount_that_gives_up(client: Client, version: str, option: str) -> None:
    path = written(client.mount(version, "open", option) / f"{option}-{version}")
    found = {f.rule_id for f in judge(snapshot(str(path))).outcome.findings}
    assert "nfs-soft" in found


def test_a_hole_that_the_server_reports(client: Client, agreed: Agreed) -> None:
    """SEEK_HOLE proves a hole; blocks behind the end hide it from the kernel's count."""
    path = punched(client.mount("4.2", "open", "noac") / "hidden")
    on_server = client.root / "open" / "hidden"
    run("fallocate", "-n", "-o", str(PAGES * PAGE), "-l", str(4 * PAGE), str(on_server))
    seen = snapshot(str(path))
    assert terms(seen).first_hole == 8 * PAGE
    found = {f.rule_id for f in judge(seen).outcome.findings}
    assert "nfs-hole-on-server" in found
    row = agreed("nfs4.2", "hole-hidden-by-blocks-beyond-the-end", path)
    assert row.actual.accepts


def test_the_mount_of_another_namespace(client: Client) -> None:
    """Seen from another network namespace the way is not known, and that is said."""
    path = written(client.mount("4.2", "open") / "foreign")
    script = "import sys; from swapctl.gather import snapshot; from swapctl.record import dump;"
    script += "print(dump(snapshot(sys.argv[1])))"
    text = run("unshare", "-n", sys.executable, "-c", script, str(path))
    outcome = judge(load(text, "facts")).outcome
    lacking = {u.rule_id for u in outcome.undecided}
    assert {"network-no-route", "network-tun"} <= lacking
    found = {f.rule_id for f in outcome.findings}
    assert {"network-server-here", "network-container"} & found == {"network-container"}
