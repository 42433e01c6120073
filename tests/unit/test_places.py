"""A place is judged by its mount and what lies below before anything is written."""

import pytest

from swapctl.facts import Snapshot, Unknown, need
from swapctl.place import Place, Room
from swapctl.rules import in_the_way, judge
from swapctl.rules.entering import reached
from swapctl.rules.places import FILE_RULES, MENDED_BY_WRITING, judge_place
from swapctl.storage_facts import Layer
from tests.unit.snapshots import EXAMPLES
from tests.unit.snapshots_network import NFS
from tests.unit.snapshots_place import MIB, place
from tests.unit.snapshots_storage import EXT4, PLAIN, mapper

# What only a file can show.
OF_FILES = ("nfs-holes", "nfs-root-squash", "nfs-foreign-writers", "file-mode", "file-owner")
STOPPING = [
    rule.id
    for rule in FILE_RULES
    if rule.severity in ("refused", "unsafe") and rule.id not in (*OF_FILES, *MENDED_BY_WRITING)
]


def on_server(s: Snapshot) -> Place:
    mount = need(s.mount)
    assert mount is not None
    return place()._replace(
        host=s.host, caller=s.caller, mount=mount, device=None, network=s.network, storage=s.storage
    )


def found(one: Place, *allowed: str) -> list[str]:
    outcome = judge_place(one, allowed)
    assert outcome.undecided == ()
    return [f.rule_id for f in outcome.findings]


def test_a_good_mount() -> None:
    assert found(on_server(NFS)) == []


@pytest.mark.parametrize("rule_id", STOPPING)
def test_a_mount_that_would_make_it_unsafe(rule_id: str) -> None:
    """With the same findings as check has on the file; allowed by name like there. So it is with
    the layers below, but for those that writing mends."""
    seen = EXAMPLES[rule_id][0]
    assert found(on_server(seen)) == [f.rule_id for f in in_the_way(judge(seen).outcome, ())]
    refused = rule_id == "nfs-unsupported"
    assert (rule_id in found(on_server(seen), rule_id)) == refused


@pytest.mark.parametrize("rule_id", sorted(MENDED_BY_WRITING))
def test_what_writing_mends_does_not_stop(rule_id: str) -> None:
    seen = EXAMPLES[rule_id][0]
    assert [f.rule_id for f in in_the_way(judge(seen).outcome, ())] == [rule_id]
    assert found(on_server(seen)) == []


def test_zeros_room_below_and_discards_can_be_allowed() -> None:
    zeros = place()._replace(method="write-zeroes")
    assert found(zeros) == ["place-zeros-dropped"]
    assert found(zeros, "place-zeros-dropped") == []
    small = place()._replace(rooms=(Room("/images", 64 * MIB, MIB),))
    assert found(small) == ["place-no-room-below"]
    assert found(small, "place-no-room-below") == []
    once = place()._replace(discard="once")
    assert found(once) == ["discard-unmaps"]
    assert found(once, "discard-unmaps") == []
    assert found(once._replace(storage=PLAIN.storage)) == []


def test_a_discard_goes_as_far_as_all_layers_pass_it_on() -> None:
    """Past a device that does not, or a filesystem, nothing below it is reached."""
    passing = need(EXT4.storage)
    assert passing is not None
    loop, filesystem, disk = passing
    (thin, _) = need(mapper("thin").storage) or ()
    attributes = loop.attributes
    assert attributes is not None
    deaf = loop._replace(attributes=attributes._replace(discard_max_bytes=0))
    able = thin._replace(attributes=attributes)

    def names(*layers: Layer) -> list[tuple[int, str]]:
        tree = tuple(one._replace(depth=n) for n, one in enumerate(layers))
        return [(one.depth, one.kind) for one in reached(tree)]

    assert names(loop, filesystem, loop, disk) == [(0, "loop")]
    assert names(deaf, filesystem, loop) == []
    assert names(able, loop, filesystem) == [(0, "dm-thin"), (1, "loop")]
    both = (able, deaf._replace(depth=1), loop._replace(depth=1))
    assert [one.depth for one in reached(both)] == [0, 1]
    for order in (both, (both[0], both[2], both[1])):
        assert {one.kind for one in reached(order)} == {"dm-thin", "loop"}


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
