"""A recording: rows of samples in the order of time, and what is known of who did what meanwhile.

Built by `own`, `prometheus` and `tables`; read by `player`. Rows come one block at a time, so that
two weeks need no more memory than an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from everup.model.entries import Entry
from everup.model.history import FloatArray, TimeArray

Blocks = Iterator[tuple[TimeArray, FloatArray]]


@dataclass(slots=True)
class Recording:
    """`blocks()` begins anew each time: times, and values as `[row, signal, service]`.

    `facts`: journal entries of the recorded time, oldest first; none where there is no journal.
    `step_s`: between two rows, as a rule. `notes`: what was left out or filled in, for people.
    """

    source: str
    services: tuple[str, ...]
    begin_s: float
    end_s: float
    step_s: float
    blocks: Callable[[], Blocks]
    facts: Sequence[Entry] = ()
    stack_name: str = ""
    notes: list[str] = field(default_factory=list)
