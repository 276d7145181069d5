"""Accounting: predictions made and settled, failures met, forecasts judged, in each look.

Flows in: the look's assessment and what it found out about incidents. Flows out: entries, before
those of the incidents. Called by `decide`. The rules are `foretold`'s, `failures`' and
`forecasts`', of what is learned from them `tuning`'s; this carries one's results to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from everup.loop.failures import NO_FAILURE, Seen, met
from everup.loop.forecasts import Forecasts
from everup.loop.foretold import follow_predictions
from everup.loop.look import Look
from everup.loop.tuning import alarms_of, due
from everup.model import entries as e
from everup.model.settings import Settings
from everup.model.stack import Stack

if TYPE_CHECKING:
    from everup.loop.control import Control


class Accounting:
    """Of one stack."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._forecasts = Forecasts(stack, settings)
        self._breaks = 0

    def follow(self, control: Control, look: Look, changes: Sequence[e.Entry]) -> list[e.Entry]:
        """Entries of this look; `changes` are those of its incidents."""
        assessment, observation, state = look.assessment, look.observation, control.state
        if control.ring.breaks != self._breaks:
            self._breaks = control.ring.breaks
            self._forecasts.forget()
        findings = assessment.relations.findings
        seen = Seen(control.stack, observation, findings, control.ring, state, control.settings)
        failures = met(seen, changes, self._forecasts.before(look.at_s))
        entries = follow_predictions(
            assessment, observation, state, control.settings, control.ids, failures
        )
        settled = [x for x in entries if isinstance(x, e.PredictionSettled)]
        self._forecasts.settle(observation, state, failures, settled)
        ill = [name for name, finding in findings.items() if finding.cause not in NO_FAILURE]
        self._forecasts.keep(observation, assessment.predictions, ill, state)
        entries += [e.FailureMet(look.at_s, f.service, f) for f in failures]
        entries += self._forecasts.flush(look.at_s)
        return entries + due(
            state,
            control.tuning.as_set,
            look.at_s,
            lambda: alarms_of(state, control.settings, look.at_s),
        )
