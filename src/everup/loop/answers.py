"""The last answers of every probe, as lines for the evidence of an action. Bounded, in memory only.

Written by the samplers, read when something is about to be ended: what was answered in the last
minute is then what a person wants to know first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from everup.model.observation import Instance, ProbeResult

ANSWERS_MOST = 8
INSTANCES_MOST = 10_000


class AnswerLog:
    """The latest answers by service and instance."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], deque[ProbeResult]] = OrderedDict()

    def note(self, instance: Instance, result: ProbeResult) -> None:
        """One more answer."""
        key = (instance.service, instance.name)
        if key not in self._kept:
            self._kept[key] = deque(maxlen=ANSWERS_MOST)
            if len(self._kept) > INSTANCES_MOST:
                self._kept.popitem(last=False)
        self._kept[key].append(result)

    def lines(self, service: str, now_s: float, instance: str | None = None) -> Sequence[str]:
        """Oldest first, with how long ago each was."""
        return [
            f"{name}: {now_s - result.at_s:.1f} s ago: {result.verdict} {result.detail}".rstrip()
            for (of, name), results in self._kept.items()
            if of == service and instance in (None, name)
            for result in results
        ]
