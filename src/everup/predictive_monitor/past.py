"""The recent past, as far as this room reads it: what `loop.history_ring` is seen as from here."""

from __future__ import annotations

from typing import Protocol

from everup.model.history import FloatArray, Signal, TimeArray


class Past(Protocol):
    """The ring of the recent past, as far as it is read here."""

    @property
    def services(self) -> tuple[str, ...]:
        """In the order of the matrix."""
        ...

    def matrix(self, signal: Signal) -> tuple[TimeArray, FloatArray]:
        """Times, and values as `[time, service]`."""
        ...

    def series(
        self, service: str, signal: Signal, *, since_s: float = ...
    ) -> tuple[TimeArray, FloatArray]:
        """Times and values of one service."""
        ...
