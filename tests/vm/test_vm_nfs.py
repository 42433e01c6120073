"""Swap over a real network: one guest serves, the other swaps to it and gets every byte back."""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.vm.conftest import NEEDS
from tests.vm.guest import Guest, precompile, wires
from tests.vm.kernels import fetch

pytestmark = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.kernel,
    pytest.mark.needs(*NEEDS, "tool rpc.nfsd", "tool mount.nfs", "tool rpcbind"),
]

SUITE = "trixie"
LIMIT = 15 * 60
PAGES = (64 << 20) // 4096


class Pair(NamedTuple):
    """What the two guests found."""

    server: dict[str, Any]
    client: dict[str, Any]


def swap_between(suite: str, folder: Path) -> Pair:
    """Both guests from start to end."""
    ends = wires()
    address = ends[0].address.partition("/")[0]
    precompile()
    guests = []
    folders = [folder / name for name in ("server", "client")]
    try:
        for one, wire, memory in zip(folders, ends, (1024, 768), strict=True):
            one.mkdir(parents=True)
            command = [sys.executable, "-m", f"tests.vm.guest_nfs_{one.name}", address]
            guests.append(Guest(fetch(suite), one, command, memory=memory, wire=wire))
        server, client = guests
        assert client.wait(LIMIT) == 0, client.tail()
        assert server.wait(LIMIT) == 0, server.tail()
    finally:
        for guest in guests:
            guest.close()
    found = [json.loads((one / "figures.json").read_text()) for one in folders]
    return Pair(*found)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return swap_between(SUITE, tmp_path_factory.mktemp("nfs"))


def test_prepare_makes_a_file_that_passes(pair: Pair) -> None:
    assert pair.client["prepare"]["code"] == 0
    assert pair.client["names"] == ["swapfile"]
    assert pair.client["check"] == {"code": 0, "verdict": "ready", "severe": [], "lacks": []}


def test_every_byte_comes_back(pair: Pair) -> None:
    seen = pair.client["traffic"]
    assert seen["wrong"] == []
    assert seen["away"] >= PAGES
    assert seen["used"] >= seen["away"] * 4096
    assert seen["pages_out"] >= seen["away"]
    assert seen["pages_in"] >= seen["away"]


def test_a_proof_says_why_it_is_none(pair: Pair) -> None:
    """The pages come back, but what the server does for them is not to be seen from here."""
    seen = pair.client["prove"]
    pages = (16 << 20) // 4096
    assert (seen["code"], seen["verdict"]) == (3, "inconclusive")
    assert seen["reasons"] == ["nfs4 on /mnt/hard: its server cannot be watched"]
    assert seen["pages"] == [[pages, pages, 0]] * 2


def test_on_status_and_off(pair: Pair) -> None:
    assert (pair.client["on"], pair.client["off"], pair.client["left"]) == (0, 0, [])
    assert pair.client["status"] == [["/mnt/hard/swapfile", "ready"]]


def test_the_same_export_mounted_soft(pair: Pair) -> None:
    assert pair.client["soft"]["code"] == 1
    assert pair.client["soft"]["severe"] == ["nfs-soft"]
    assert pair.client["prepare soft"] == {"code": 1, "rules": ["nfs-soft"]}


def test_the_same_export_mounted_by_its_server(pair: Pair) -> None:
    assert pair.server["check"] == 1
    assert pair.server["findings"]["network-server-here"] == "unsafe"
