"""Snapshots as JSON and back, without loss: what `facts` prints, `check --facts` reads."""

import json
import os
import types
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from swapctl import __version__
from swapctl.errors import ExitCode, SwapctlError
from swapctl.facts import ExtentMap, File, Snapshot, Spans, Unknown

FORMAT = 1
_TAG = "unknown"
_NUMBERS = range(-(2**63), 2**64)
_LEAST_PAGE = 4096
R = TypeVar("R")


class _Mismatch(Exception):
    """The JSON does not have the shape of the record."""


def _encode(value: Any) -> Any:
    if isinstance(value, Unknown):
        return {_TAG: value._asdict()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _encode(field) for name, field in value._asdict().items()}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def dump(snapshot: Snapshot) -> str:
    """The snapshot as indented JSON."""
    return json.dumps(
        {"facts": FORMAT, "swapctl": __version__, "snapshot": _encode(snapshot)}, indent=2
    )


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The types of a record's fields; evaluating the annotations takes long."""
    return get_type_hints(kind)


def _decode_record(kind: Any, value: Any, where: str) -> Any:
    """A field that an older version did not record is Unknown, where it can be."""
    if not isinstance(value, dict):
        raise _Mismatch(f"{where} is not an object")
    fields = _fields(kind)
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise _Mismatch(f"{where} has an unknown field {unknown[0][:40]!r}")
    found = {}
    for name, hint in fields.items():
        if name in value:
            found[name] = _decode(hint, value[name], f"{where}.{name}")
        elif Unknown in get_args(hint):
            found[name] = Unknown(name.replace("_", " "), "not recorded")
        else:
            raise _Mismatch(f"{where} lacks {name!r}")
    return kind(**found)


def _decode_tuple(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, list):
        raise _Mismatch(f"{where} is not a list")
    (item, _) = get_args(kind)
    return tuple(_decode(item, v, f"{where}[{i}]") for i, v in enumerate(value))


def _decode_union(kind: Any, value: Any, where: str) -> Any:
    options = get_args(kind)
    if value is None and types.NoneType in options:
        return None
    if isinstance(value, dict) and set(value) == {_TAG} and Unknown in options:
        return _decode_record(Unknown, value[_TAG], where)
    known = [o for o in options if o not in (types.NoneType, Unknown)]
    if len(known) != 1:
        raise _Mismatch(f"{where} is ambiguous")
    return _decode(known[0], value, where)


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, value, where)
    if origin is tuple:
        return _decode_tuple(kind, value, where)
    if hasattr(kind, "_fields"):
        return _decode_record(kind, value, where)
    if type(value) is not kind:
        raise _Mismatch(f"{where} is not of type {kind.__name__}")
    if kind is int and value not in _NUMBERS:
        raise _Mismatch(f"{where} is a number that no kernel has")
    if kind is str:
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            raise _Mismatch(f"{where} stands for no bytes") from None
    return value


def _check(s: Snapshot) -> None:
    """What holds for everything that was read from a machine; the rules rely on it."""
    page = s.host.page_size
    if page < _LEAST_PAGE or page & (page - 1):
        raise _Mismatch("snapshot.host.page_size is no size of a page")
    if isinstance(s.file, File) and s.ancestors == ():
        raise _Mismatch("snapshot.ancestors lacks the root directory")
    if isinstance(s.extents, ExtentMap):
        for name, spans in s.extents._asdict().items():
            if isinstance(spans, Spans) and bool(spans.first) != (spans.pieces > 0):
                raise _Mismatch(f"snapshot.extents.{name} does not agree with itself")


def load(text: str, name: str) -> Snapshot:
    """The snapshot of a recorded JSON text; `name` is its file, for errors (usage, exit 2)."""

    def refuse(why: str) -> SwapctlError:
        return SwapctlError(
            f"not recorded facts: {why}",
            hint="Record them with: swapctl facts PATH > FILE",
            code=ExitCode.USAGE,
            path=name,
        )

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(f"no JSON ({error})") from None
    if not isinstance(value, dict) or "snapshot" not in value:
        raise refuse("no snapshot in it")
    version = value.get("facts")
    if type(version) is not int or version != FORMAT:
        raise refuse(f"not of format {FORMAT}, which is what this version reads")
    try:
        snapshot: Snapshot = _decode(Snapshot, value["snapshot"], "snapshot")
        _check(snapshot)
    except _Mismatch as mismatch:
        raise refuse(str(mismatch)) from None
    return snapshot
