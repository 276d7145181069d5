"""Entries ↔ canonical JSON: sorted keys, no spaces, NaN as null; read back by the type hints.

An unknown field of a newer version is ignored, a missing one takes its default, so that old
journals are still read. Read by `ledger` and `projections`; knows nothing of tables.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Mapping as MappingABC
from enum import Enum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from everup.model.entries import ENTRY_TYPES, Entry
from everup.model.errors import GiveUp

Decoder = Callable[[Any], Any]


def dumps(value: object) -> str:
    """Any value of the model as canonical JSON."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _field_names(type(value))}
    if isinstance(value, MappingABC):
        return {str(_plain(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [_plain(v) for v in value]
    raise TypeError(f"the journal cannot keep a {type(value).__name__}")


@cache
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls))


def encode(entry: Entry) -> tuple[str, str]:
    """(kind, payload)."""
    return type(entry).__name__, dumps(entry)


def decode(kind: str, payload: str) -> Entry:
    """The entry again.

    Raises:
        GiveUp: a kind that this version does not know.
    """
    cls = ENTRY_TYPES.get(kind)
    if cls is None:
        raise GiveUp(
            f"journal entry of unknown kind {kind!r}: written by a newer Everup, update it"
        )
    return cast(Entry, loads(cls, payload))


def loads(cls: type, payload: str) -> Any:
    """A value of this dataclass from its JSON."""
    return _decoder(cls)(json.loads(payload))


@cache
def _decoder(hint: Any) -> Decoder:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_decoder(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is float:
        return lambda v: float("nan") if v is None else float(v)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = _decoder(args[0])
        return lambda v: tuple(item(x) for x in v)
    if origin is MappingABC:
        key, item = _decoder(args[0]), _decoder(args[1])
        return lambda v: {key(k): item(x) for k, x in v.items()}
    if origin in (Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        if len(inner) == 1 and len(args) == 2:
            one = _decoder(inner[0])
            return lambda v: None if v is None else one(v)
    return lambda v: v


def _dataclass_decoder(cls: type) -> Decoder:
    hints = get_type_hints(cls)
    decoders: dict[str, Decoder] = {}

    def decode_one(value: Mapping[str, Any]) -> Any:
        if not decoders:
            decoders.update({name: _decoder(hints[name]) for name in _field_names(cls)})
        return cls(**{n: decoders[n](v) for n, v in value.items() if n in decoders})

    return decode_one
