"""Recorded facts: nothing is lost on the way, anything else than facts is a usage error."""

import json
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import File, Snapshot, Span, Spans, Unknown
from swapctl.record import dump, load
from swapctl.render.json import dump as to_json
from swapctl.render.json import report_document
from swapctl.render.nagios import report_line
from swapctl.render.text import report_text
from swapctl.rules import judge
from tests.golden.regenerate import HERE, MACHINES
from tests.unit.snapshots import EXAMPLES, EXT4, alter

# What the rules look for, so that random snapshots get past their first conditions.
WORDS: dict[str, tuple[str, ...]] = {
    "kind": ("regular", "block", "directory", "fifo", "character"),
    "fstype": ("ext4", "xfs", "btrfs", "tmpfs", "ramfs", "f2fs", "fuse.sshfs", "squashfs"),
    "signature": ("SWAPSPACE2", "S1SUSPEND", "SWAP-SPACE"),
    "byte_order": ("little", "big"),
    "errno": ("EBUSY", "EROFS", "EPERM", "ETXTBSY", "EIO"),
    "lookup": ("ENOENT", "EACCES"),
    "zoned": ("none", "host-managed"),
    "exclusive_operation": ("none", "balance"),
    "kernel": ("6.18.44", "5.8.0-63-generic", "4.9", "\u0663.\u0661", "x.y", "9" * 5000),
    "attributes": ("immutable", "encrypted", "dax"),
    "flags": ("nocow", "compress", "encrypt", "journal-data"),
    "xflags": ("realtime",),
    "inode_flags": ("nodatacow", "nodatasum"),
    "options": ("ro", "rw", "nodev"),
    "super_options": ("ro", "data=journal"),
    "acl": ("user:1000:rw-", "user:1:---"),
}
ANY_PATH = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=8).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
NUMBERS = st.one_of(
    st.integers(0, 9),
    st.sampled_from((4095, 4096, 16384, 2**26, 2**31, 2**32 - 1, 0o600, 0o777)),
    st.integers(-(2**63), 2**64 - 1),
)
PAGE_SIZES = st.sampled_from((4096, 16384, 65536))


def spans(first: list[Span], total: int) -> Spans:
    """Pieces, if any, begin with the first."""
    return Spans(len(first) * (1 + total % 2), total, tuple(first))


def values(kind: Any, name: str) -> st.SearchStrategy[Any]:
    """Any value of a type; `name` is the field that it is for."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return st.one_of([values(option, name) for option in get_args(kind)])
    if origin is tuple:
        least = 1 if name == "ancestors" else 0
        item = values(get_args(kind)[0], name)
        return st.lists(item, min_size=least, max_size=3).map(tuple)
    if kind is Spans:
        return st.builds(spans, st.lists(records(Span), max_size=3), NUMBERS)
    if hasattr(kind, "_fields"):
        return records(kind)
    if kind is str:
        return st.sampled_from(WORDS[name]) | ANY_PATH if name in WORDS else ANY_PATH
    if kind is int:
        return PAGE_SIZES if name == "page_size" else NUMBERS
    return {bool: st.booleans(), types.NoneType: st.none()}[kind]


def records(kind: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{n: values(hint, n) for n, hint in get_type_hints(kind).items()})


SNAPSHOTS: st.SearchStrategy[Snapshot] = records(Snapshot)
wild = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def survives(snapshot: Snapshot) -> None:
    """It comes back as it was, is judged the same, and gets a report in every format.

    repr tells a record from another with equal fields; == of tuples does not.
    """
    again = load(dump(snapshot), "facts")
    assert repr(again) == repr(snapshot)
    report = judge(snapshot)
    assert repr(judge(again)) == repr(report)
    assert report.verdict in {"refused", "unsafe", "undecided", "usable", "ready"}
    assert (report.verdict == "refused") == (report.swapon.accepts is False)
    assert report_text(report, verbose=True)
    assert json.loads(to_json(report_document([report])))["targets"][0]["verdict"]
    line, code = report_line([report])
    assert "\n" not in line
    assert 0 <= code <= 3


@wild
@given(SNAPSHOTS)
def test_any_snapshot(snapshot: Snapshot) -> None:
    survives(snapshot)


@wild
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_a_real_snapshot_with_one_record_replaced(rule_id: str, data: st.DataObject) -> None:
    hints = get_type_hints(Snapshot)
    name = data.draw(st.sampled_from(sorted(hints)))
    changed = {name: data.draw(values(hints[name], name))}
    snapshot = alter(EXAMPLES[rule_id][0], **changed)
    if isinstance(snapshot.file, File) and not snapshot.ancestors:
        snapshot = snapshot._replace(ancestors=EXT4.ancestors)
    survives(snapshot)


def refusal(text: str) -> SwapctlError:
    """What load says; any other exception, or none, fails the test."""
    with pytest.raises(SwapctlError) as caught:
        load(text, "facts.json")
    assert caught.value.code is ExitCode.USAGE
    assert caught.value.path == "facts.json"
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    return caught.value


def recorded(machine: str) -> str:
    return (HERE / machine / "facts.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("machine", MACHINES)
def test_truncated_facts(machine: str) -> None:
    text = recorded(machine).rstrip()
    for end in range(0, len(text), max(1, len(text) // 50)):
        refusal(text[:end])


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *places(value[key])]
    return found


WRONG: tuple[Any, ...] = (1.5, float("nan"), {}, {"unknown": 1}, {"unknown": {"what": "x"}}, [[]])


@pytest.mark.parametrize("machine", ["ext4-ready", "btrfs-raid1", "not-root"])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_wrong_value_anywhere_is_refused(machine: str, wrong: Any) -> None:
    document = json.loads(recorded(machine))
    for container, key in places(document["snapshot"]):
        before, container[key] = container[key], wrong
        refusal(json.dumps(document))
        container[key] = before
    load(json.dumps(document), "facts.json")


@pytest.mark.parametrize("machine", ["ext4-ready", "btrfs-raid1"])
def test_a_missing_field_is_unknown_or_refused(machine: str) -> None:
    """Recordings of older versions stay readable; what they lack is never taken for fine."""
    document = json.loads(recorded(machine))
    whole = load(recorded(machine), machine)
    for container, key in places(document["snapshot"]):
        if isinstance(container, dict) and isinstance(key, str):
            before = container.pop(key)
            try:
                partial = load(json.dumps(document), machine)
            except SwapctlError as error:
                assert error.code is ExitCode.USAGE
            else:
                assert partial != whole
                assert "not recorded" in dump(partial)
            container[key] = before


@pytest.mark.parametrize("machine", MACHINES)
def test_an_additional_field_is_refused(machine: str) -> None:
    document = json.loads(recorded(machine))
    for container, _ in places(document["snapshot"]):
        if isinstance(container, dict):
            container["odd\ud800\n"] = 1
            refusal(json.dumps(document))
            del container["odd\ud800\n"]


@pytest.mark.parametrize("size", [0, -1, -4096, 1, 4095, 4097, 12288, 2**64])
def test_what_is_no_page_size_is_refused(size: int) -> None:
    document = json.loads(recorded("ext4-ready"))
    document["snapshot"]["host"]["page_size"] = size
    refusal(json.dumps(document))


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_numbers_that_no_kernel_has_are_refused(number: int) -> None:
    document = json.loads(recorded("ext4-ready"))
    for container, key in places(document["snapshot"]):
        if type(container[key]) is int:
            before, container[key] = container[key], number
            refusal(json.dumps(document))
            container[key] = before


def test_text_that_stands_for_no_bytes_is_refused() -> None:
    r"""\udc80 to \udcff are undecodable bytes of a path; other lone surrogates are nothing."""
    document = json.loads(recorded("ext4-ready"))
    for container, key in places(document["snapshot"]):
        if type(container[key]) is str:
            before = container[key]
            container[key] = "\ud800"
            refusal(json.dumps(document))
            container[key] = "\udcff"
            judge(load(json.dumps(document), "facts.json"))
            container[key] = before


NO_FACTS = (
    "",
    " ",
    "\0",
    "\ufeff{}",
    "null",
    "true",
    "[]",
    "{}",
    "NaN",
    '"snapshot"',
    '{"snapshot": null}',
    '{"facts": 2, "snapshot": {}}',
    '{"facts": 1, "snapshot": []}',
    '{"facts": NaN, "snapshot": {}}',
    '{"facts": "1\\n2", "snapshot": {}}',
    '{"facts": 1, "snapshot": {"\\ud800": 1}}',
    "[" * 100_000,
    '{"facts": ' + "9" * 5000 + ', "snapshot": {}}',
    '{"facts": "' + "x" * 5000 + '", "snapshot": {}}',
    '{"facts": 1, "snapshot": {"' + "x" * 5000 + '": 1}}',
    "%PDF-1.4",
    "\ud800",
)


@pytest.mark.parametrize("text", NO_FACTS, ids=lambda text: ascii(text[:30]))
def test_what_is_no_recording(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("depth", [*range(900, 1000, 7), 10_000])
@pytest.mark.parametrize("field", ["facts", "snapshot"])
def test_deep_nesting(field: str, depth: int) -> None:
    other = '"snapshot": {}' if field == "facts" else '"facts": 1'
    refusal(f'{{"{field}": {"[" * depth}{"]" * depth}, {other}}}')


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_refused(text: str) -> None:
    refusal(text)


@given(st.data())
def test_facts_with_a_bite_taken_out(data: st.DataObject) -> None:
    """Still facts, if the bite was in a text or a number; else refused."""
    text = recorded(data.draw(st.sampled_from(MACHINES)))
    start = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.text(max_size=3))
    bitten = text[:start] + new + text[start + data.draw(st.integers(0, 40)) :]
    try:
        judge(load(bitten, "facts.json"))
    except SwapctlError as error:
        assert error.code is ExitCode.USAGE


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_examples_come_back_as_they_were(rule_id: str) -> None:
    for snapshot in EXAMPLES[rule_id]:
        assert repr(load(dump(snapshot), "facts")) == repr(snapshot)


def test_an_unknown_fact_is_told_from_a_record_with_equal_fields() -> None:
    snapshot = EXAMPLES["file-type"][0]._replace(opening=Unknown("a", "b"))
    assert isinstance(load(dump(snapshot), "facts").opening, Unknown)
