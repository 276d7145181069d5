"""In which way a service grows: more instances of it, or larger ones."""

from __future__ import annotations

from enum import StrEnum


class Axis(StrEnum):
    """What may be changed to meet demand."""

    COUNT = "count"  # more or fewer instances
    SIZE = "size"  # what each may use
    BOTH = "both"
    NONE = "none"
