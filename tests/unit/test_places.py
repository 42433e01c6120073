"""A place is judged by its mount before anything is written."""

import pytest

from swapctl.facts import Snapshot, Unknown, need
from swapctl.place import Place
from swapctl.rules import in_the_way, judge
from swapctl.rules.places import FILE_RULES, judge_place
from tests.unit.snapshots_network import EXAMPLES, NFS
from tests.unit.snapshots_place import place

# What only a file can show.
OF_FILES = ("nfs-holes", "nfs-root-squash", "nfs-foreign-writers", "file-mode", "file-owner")
STOPPING = [
    rule.id
    for rule in FILE_RULES
    if rule.severity in ("refused", "unsafe") and rule.id not in OF_FILES
]


def on_server(s: Snapshot) -> Place:
    mount = need(s.mount)
    assert mount is not None
    return place()._replace(
        host=s.host, caller=s.caller, mount=mount, device=None, network=s.network
    )


def found(one: Place, *allowed: str) -> list[str]:
    outcome = judge_place(one, allowed)
    assert outcome.undecided == ()
    return [f.rule_id for f in outcome.findings]


def test_a_good_mount() -> None:
    assert found(on_server(NFS)) == []


@pytest.mark.parametrize("rule_id", STOPPING)
def test_a_mount_that_would_make_it_unsafe(rule_id: str) -> None:
    """With the same findings as check has on the file; allowed by name like there."""
    seen = EXAMPLES[rule_id][0]
    assert found(on_server(seen)) == [f.rule_id for f in in_the_way(judge(seen).outcome, ())]
    refused = rule_id == "nfs-unsupported"
    assert (rule_id in found(on_server(seen), rule_id)) == refused


@pytest.mark.parametrize("rule_id", ["network-lease", "nfs-connections"])
def test_warnings_and_notes_do_not_stop(rule_id: str) -> None:
    assert found(on_server(EXAMPLES[rule_id][0])) == []


def test_what_is_not_known_of_the_way_is_left_to_the_verdict() -> None:
    assert found(on_server(NFS)._replace(network=Unknown("network", "no netlink"))) == []


def test_the_rules_of_places_come_first() -> None:
    taken = on_server(EXAMPLES["nfs-soft"][0])._replace(existing="regular")
    assert found(taken) == ["place-exists"]


MASKS = {
    "uid=0,gid=0,fmask=0177,dmask=0077": [],
    "fmask=0133,dmask=0022": ["file-mode"],
    "fmask=0022,dmask=0022": ["file-mode"],
    "uid=1000,gid=1000,fmask=0177": ["file-owner"],
    "rw": ["file-mode"],
}


@pytest.mark.parametrize("fstype", ["vfat", "exfat"])
@pytest.mark.parametrize("options", MASKS)
def test_a_mount_that_gives_files_their_mode(fstype: str, options: str) -> None:
    before = need(place().mount)
    mount = before._replace(fstype=fstype, super_options=tuple(options.split(",")))
    one = place()._replace(mount=mount)
    assert found(one) == MASKS[options]
    assert found(one, "file-mode", "file-owner") == []
    for finding in judge_place(one, ()).findings:
        assert "fmask=0177" in finding.violation.fix.commands[-1]


def test_where_modes_are_kept_the_mask_does_not_count() -> None:
    mount = need(place().mount)._replace(super_options=("rw", "fmask=0022"))
    assert found(place()._replace(mount=mount)) == []
