"""The running kernel's functions by name, and what filesystems' probes make of them."""

from pathlib import Path

import pytest

from swapctl.filesystems import ROWS
from swapctl.linux import symbols
from tests.conftest import kernel_lacks

LISTED = b"""ffffffff81000000 T _text
ffffffff81656b40 t swap_write_unplug
0000000000000000 t __pfx_cifs_swap_rw\t[cifs]
ffffffffc0a1efe0 t cifs_swap_activate\t[cifs]
ffffffffc0a1efe0 t exfat_aop_bmap.cold\t[exfat]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/kallsyms").write_bytes(LISTED)
    return tmp_path


def test_whole_names_of_kernel_and_modules(root: Path) -> None:
    asked = {"swap_write_unplug", "cifs_swap_activate", "cifs_swap_rw", "exfat_aop_bmap", "_tex"}
    assert symbols.present(asked, str(root)) == {"swap_write_unplug", "cifs_swap_activate"}


def test_a_kernel_that_lists_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        symbols.present({"swap_write_unplug"}, str(tmp_path))


@pytest.mark.parametrize("into", [1, 2, 19, 20, 37, 38, 39])
def test_a_name_across_two_pieces(tmp_path: Path, into: int) -> None:
    """Reads end anywhere in a line; `into` bytes of it are in the first."""
    line = b"ffffffffc0a1efe0 t cifs_swap_activate\t[cifs]\n"
    fill = b"ffffffff81000000 T x\n"
    length = symbols.CHUNK - into
    padding = (b"#" * (length % len(fill) - 1) + b"\n" if length % len(fill) else b"") + fill * (
        length // len(fill)
    )
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/kallsyms").write_bytes(padding + line)
    assert len(padding) == length
    assert symbols.present({"cifs_swap_activate", "x"}, str(tmp_path)) == {
        "cifs_swap_activate",
        "x",
    }


def test_the_running_kernel() -> None:
    if not Path("/proc/kallsyms").exists():
        kernel_lacks("CONFIG_KALLSYMS")
    assert symbols.present({"vfs_read", "swapctl_has_no_such_function"}) == {"vfs_read"}


def test_no_probe_is_hidden_by_one_before_it() -> None:
    """The first that fits counts, so a later one has to name something that the earlier do not."""
    for row in ROWS:
        for index, probe in enumerate(row.probes):
            earlier = row.probes[:index]
            assert not any(set(e.symbols) <= set(probe.symbols) for e in earlier), row.name
