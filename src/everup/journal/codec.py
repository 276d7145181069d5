"""Frozen dataclasses to canonical JSON and back, by their type hints.

Flows in: a dataclass of `everup.model`. Flows out: ASCII JSON without spaces, fields sorted by
name, so that equal values are equal bytes and can be hashed. Called for every entry written or
read, so encoders and decoders are closures built once per type.

Unknown is null where a field is a plain float, and comes back as `UNKNOWN`; infinities are the
strings "inf" and "-inf". A field that this version does not know is ignored, one that is missing
takes its default, so that a journal survives both an upgrade and the way back. Values of closed
vocabularies that this version does not know are refused: guessing at them could do harm.
"""

from __future__ import annotations

import dataclasses
import json
import operator
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from everup.model.kinds import UNKNOWN

Coder = Callable[[Any], Any]
T = TypeVar("T")

_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_PRIMITIVES = frozenset({bool, int, float, str})


class CodecError(ValueError):
    """A text that is no such value, or a value that its own type hints do not allow."""


class Codec(Generic[T]):
    """Both directions for one dataclass. `keeps_order`: mappings stay in the order they came in,
    for values whose iteration order matters more than equal bytes."""

    def __init__(self, cls: type[T], *, keeps_order: bool = False) -> None:
        self._encode, self._decode = _coders(cls, keeps_order)
        self._name = cls.__name__

    def dumps(self, value: T) -> str:
        """The JSON text.

        Raises:
            CodecError: a field holds what its type hint forbids.
        """
        try:
            return _dump(self._encode(value))
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise CodecError(f"cannot write this {self._name}: {error}") from error

    def loads(self, text: str) -> T:
        """The value.

        Raises:
            CodecError: not JSON, a required field is missing, or a value is not in its vocabulary.
        """
        try:
            return self._decode(json.loads(text))  # type: ignore[no-any-return]
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise CodecError(f"cannot read this {self._name}: {error!r}") from error


def shape_of(cls: type) -> str:
    """All fields below a dataclass with their types, as text: it changes when the type does."""
    lines: dict[str, None] = {}
    _describe(cls, lines)
    return "\n".join(lines)


def _describe(hint: Any, lines: dict[str, None]) -> None:
    for inner in get_args(hint):
        _describe(inner, lines)
    if not dataclasses.is_dataclass(hint) or not isinstance(hint, type):
        return
    hints = get_type_hints(hint)
    line = f"{hint.__name__}({', '.join(f'{n}: {t}' for n, t in sorted(hints.items()))})"
    if line not in lines:
        lines[line] = None
        for inner in hints.values():
            _describe(inner, lines)


def _coders(hint: Any, keeps_order: bool) -> tuple[Coder, Coder]:
    origin, args = get_origin(hint), get_args(hint)
    if hint in _LEAVES:
        return _LEAVES[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, keeps_order)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        encode, decode = _coders(args[0], keeps_order)
        return lambda v: [encode(x) for x in v], lambda v: tuple([decode(x) for x in v])
    if origin is Mapping or origin is dict:
        return _mapping(hint, args, keeps_order)
    if origin in (Union, types.UnionType):
        return _union(hint, args, keeps_order)
    raise TypeError(f"the journal has no way to write a {hint}")


def _write_float(value: Any) -> float | str | None:
    number = float(value)
    if number - number == 0.0:
        return number
    return None if number != number else str(number)


def _write_float_beside_none(value: Any) -> float | str:
    number = _write_float(value)
    return "nan" if number is None else number


def _read_float(value: Any) -> float:
    if value is None:
        return UNKNOWN
    number = float(value)
    return number if number == number else UNKNOWN


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value if value.__class__ is str else str(value)


def _truth(value: Any) -> bool:
    return bool(value)


_LEAVES: dict[Any, tuple[Coder, Coder]] = {
    str: (_text, _text),
    float: (_write_float, _read_float),
    int: (operator.index, operator.index),
    bool: (_truth, _truth),
}


def _enum(cls: type[Enum]) -> tuple[Coder, Coder]:
    members = {member.value: member for member in cls}

    def read(value: Any) -> Enum:
        found = members.get(value)
        if found is None:
            raise ValueError(f"{value!r} is no {cls.__name__} that this version knows")
        return found

    return lambda v: read(v).value, read


def _mapping(hint: Any, args: tuple[Any, ...], keeps_order: bool) -> tuple[Coder, Coder]:
    if args[0] is not str:
        raise TypeError(f"keys are texts in the journal, not in {hint}")
    encode, decode = _coders(args[1], keeps_order)

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        keys = value if keeps_order else sorted(value)
        return {_text(key): encode(value[key]) for key in keys}

    return write, lambda v: {key: decode(inner) for key, inner in v.items()}


def _union(hint: Any, args: tuple[Any, ...], keeps_order: bool) -> tuple[Coder, Coder]:
    inner = [a for a in args if a is not type(None)]
    encode: Coder
    decode: Coder
    if set(inner) <= _PRIMITIVES and len(inner) > 1:
        encode, decode = _write_primitive, _read_primitive
    elif len(inner) == 1:
        encode, decode = _coders(inner[0], keeps_order)
        if inner[0] is float:  # null is taken: it says None
            encode = _write_float_beside_none
    else:
        raise TypeError(f"the journal cannot tell the members of {hint} apart")
    if len(inner) == len(args):
        return encode, decode
    return (
        lambda v: None if v is None else encode(v),
        lambda v: None if v is None else decode(v),
    )


def _write_primitive(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    number = float(value)
    return number if number - number == 0.0 else {"float": str(number)}


def _read_primitive(value: Any) -> Any:
    if isinstance(value, dict):
        return _read_float(value["float"])
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{value!r} is neither text nor number")
    return value


def _dataclass(cls: type, keeps_order: bool) -> tuple[Coder, Coder]:
    hints = get_type_hints(cls)
    names = sorted(f.name for f in dataclasses.fields(cls))
    coders = [(name, *_coders(hints[name], keeps_order)) for name in names]
    writers = [(name, operator.attrgetter(name), encode) for name, encode, _ in coders]
    readers = [(name, decode) for name, _, decode in coders]

    def write(value: Any) -> dict[str, Any]:
        if value.__class__ is not cls:
            raise TypeError(f"{value!r} is no {cls.__name__}")
        return {name: encode(get(value)) for name, get, encode in writers}

    def read(value: Any) -> Any:
        return cls(**{name: decode(value[name]) for name, decode in readers if name in value})

    return write, read
