"""What all shapes share: reading from attributes, and NaN as null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def known(value: float | None) -> float | None:
    """The number, or None where nobody knows it (NaN) or where it never ends (infinite)."""
    return value if value is not None and math.isfinite(value) else None


Known = Annotated[float | None, BeforeValidator(known)]
"""A number that may be unknown: NaN in Python, null in JSON."""


class Shape(BaseModel):
    """Built from a dataclass by `model_validate`, or from keywords."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def plain(value: Any) -> Any:
    """Any value of `model` as JSON has it; NaN becomes None, tuples lists, enums their words."""
    if isinstance(value, float):
        return known(value)
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | bool):
        return value
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)
