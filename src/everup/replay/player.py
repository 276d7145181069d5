"""The player: each row of a recording is a look through the real assess, decide and record.

Flows in: a recording and a configuration. Flows out: an Outcome. Each row is one look at its own
time; nothing is acted or verified, and what would be done is written down once for each kind in an
incident, as in the mode `observe`, so that history judges it. Where the recording says that Everup
began anew, so does the replayed loop, with the state that its journal folds into.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from everup.loop.accuracy_tally import AccuracyTally
from everup.loop.assess import assess
from everup.loop.control import Control
from everup.loop.decide import decide
from everup.loop.foretold import as_made
from everup.loop.look import Decision, Look
from everup.loop.record import record
from everup.model import entries as e
from everup.model.decision import Allowed, Delayed, Proposal
from everup.model.history import FloatArray
from everup.model.observation import Exit
from everup.model.prediction import MadePrediction
from everup.model.runtime import RuntimeManifest
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.replay.errors import BadRecording
from everup.replay.facts import Facts
from everup.replay.outcome import (
    SHOWN_MOST,
    Answer,
    Deed,
    Outcome,
    Recalled,
    ReplayedIncident,
)
from everup.replay.ports import NoHost, NoProber, NoRuntime, RowClock, RowIds, RowJournal
from everup.replay.recording import Recording
from everup.replay.seen import NOBODY, Eyes

T = TypeVar("T")
Progress = Callable[[float], None]
PROGRESS_EVERY_S = 1.0
YIELD_EVERY = 200
"""Rows after which other tasks of this process get a turn."""


async def play(
    recording: Recording,
    stack: Stack,
    settings: Settings,
    manifest: RuntimeManifest,
    *,
    name: str = "",
    progress: Progress = lambda _: None,
) -> Outcome:
    """Everything that would have been predicted and done. `progress` hears the share that is done.

    Raises:
        BadRecording: no service of it is one of the stack.
    """
    known = [one for one in recording.services if one in stack.services]
    if not known:
        fix = f"the stack has {', '.join(sorted(stack.services)[:12])}: map or rename them"
        names = ", ".join(recording.services[:12])
        raise BadRecording(
            recording.source, "services", names, "none of them is a service of the stack", fix
        )
    player = _Player(recording, stack, _at_pace_of(recording, settings), manifest)
    return await player.play(name, progress)


def _at_pace_of(recording: Recording, settings: Settings) -> Settings:
    """A recording with wider steps than a tick is looked at at its own pace."""
    if not recording.step_s > settings.tick_s:
        return settings
    return replace(settings, tick_s=recording.step_s)


class _Player:
    def __init__(
        self, recording: Recording, stack: Stack, settings: Settings, manifest: RuntimeManifest
    ) -> None:
        self._recording, self._stack, self._settings = recording, stack, settings
        self._runtime = NoRuntime(manifest)
        self._journal = RowJournal(self._hear)
        self._clock, self._ids = RowClock(), RowIds()
        self._eyes, self._facts = Eyes(stack), Facts(recording.facts)
        self._columns = [
            (name, index) for index, name in enumerate(recording.services) if name in stack.services
        ]
        self._latest: dict[str, FloatArray] = {}
        self._tally = AccuracyTally(recording.begin_s)
        self._made: dict[str, MadePrediction] = {}
        self._deeds: list[Deed] = []
        self._said: set[tuple[str, str, str]] = set()
        self._incidents: dict[str, ReplayedIncident] = {}
        self._left_out = self._rows = 0

    async def play(self, name: str, progress: Progress) -> Outcome:
        begun_s = said_s = time.monotonic()
        control = await self._begin()
        length_s = max(1e-9, self._recording.end_s - self._recording.begin_s)
        for times, values in self._recording.blocks():
            for at_s, row in zip(times.tolist(), values, strict=True):
                control = await self._row(control, at_s, row)
                self._rows += 1
                if self._rows % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                    if time.monotonic() - said_s >= PROGRESS_EVERY_S:
                        said_s = time.monotonic()
                        progress((at_s - self._recording.begin_s) / length_s)
        await control.shown.close()
        took_s = time.monotonic() - begun_s
        return self._outcome(name, control, took_s)

    async def _begin(self) -> Control:
        """The loop, as it would begin now."""
        control = Control(
            self._stack,
            self._settings,
            self._runtime,
            NoProber(),
            NoHost(),
            self._journal,
            self._clock,
            self._ids,
            holder="replay",
        )
        self._journal.is_fact = True
        await control.open(gives_back=False)
        self._journal.is_fact = False
        self._eyes.forget()
        return control

    async def _row(self, control: Control, at_s: float, row: FloatArray) -> Control:
        """What is known of the world by now, then the look of the row. A death that was mended
        before the next row had a look of its own, and has one here."""
        for entry in self._facts.until(at_s):
            if isinstance(entry, e.ControllerStarted):
                await control.shown.close()
                control = await self._begin()
                continue
            await self._fold(control, entry)
            if isinstance(entry, e.ExitSeen) and self._latest and entry.at_s < at_s:
                death = replace(entry.exit, instance=entry.instance)
                await self._look(control, entry.at_s, {entry.service: death})
        self._latest = {name: row[:, index] for name, index in self._columns}
        await self._look(control, at_s)
        return control

    async def _fold(self, control: Control, fact: e.Entry) -> None:
        if isinstance(fact, e.Intended):  # it belongs to the replay's own incident
            incident = control.state.by_root().get(fact.step.target)
            fact = replace(fact, incident_id=None if incident is None else incident.id)
        self._journal.is_fact = True
        try:
            await control.write([fact])
        finally:
            self._journal.is_fact = False

    async def _look(self, control: Control, at_s: float, died: Mapping[str, Exit] = NOBODY) -> None:
        self._clock.now_s = at_s
        fault = self._facts.fault
        seen = self._eyes.observation(at_s, self._latest, control.state, fault, died)
        since_s = at_s - self._settings.crash_loop_window_s
        services = dict(seen.services)
        for name, remembered in control.state.services.items():
            exits = tuple(x for x in remembered.exits if x.at_s >= since_s and not x.asked)
            if exits and name in services:
                services[name] = replace(services[name], exits=exits)
        look = Look(at_s, replace(seen, services=services))
        look = await decide(control, await assess(control, look))
        await self._would_do(control, look)
        control.look = await record(control, look)

    async def _would_do(self, control: Control, look: Look) -> None:
        entries: list[e.Entry] = []
        for decision in look.decisions:
            proposal, answer = decision.proposal, _answer(decision)
            if proposal is None or answer is None:
                continue
            incident_id = proposal.incident_id or ""
            key = (incident_id or proposal.key, proposal.service, proposal.kind)
            if key in self._said:
                continue
            self._said.add(key)
            self._note(look.at_s, proposal, answer)
            if incident_id:
                entries.append(_would(look.at_s, proposal, incident_id))
        if entries:
            await control.write(entries)

    def _note(self, at_s: float, proposal: Proposal, answer: Answer) -> None:
        if len(self._deeds) >= SHOWN_MOST:
            self._left_out += 1
            return
        self._deeds.append(
            Deed(
                *(at_s, proposal.service, proposal.kind, proposal.cause, answer),
                *(proposal.reason, proposal.incident_id or ""),
            )
        )

    def _hear(self, entry: e.Entry) -> None:
        """What the replayed loop wrote."""
        self._tally.tell(entry)
        match entry:
            case e.PredictionMade():
                self._keep(self._made, entry.prediction_id, as_made(entry))
            case e.PredictionSettled() if entry.prediction_id in self._made:
                made = self._made[entry.prediction_id]
                self._made[made.id] = replace(
                    made, ending=entry.ending, settled_at_s=entry.at_s, reason=entry.reason
                )
            case e.WouldHaveDone():
                key = (entry.incident_id, entry.service, entry.kind)
                if key not in self._said:  # the mode alone stood against it
                    self._said.add(key)
                    deed = Deed(
                        *(entry.at_s, entry.service, entry.kind, entry.cause, Answer.TOLD),
                        *(entry.reason, entry.incident_id),
                    )
                    self._deeds.append(deed)
            case e.IncidentOpened():
                one = ReplayedIncident(
                    *(entry.at_s, entry.service, entry.cause, entry.reason, entry.incident_id),
                    *(float("nan"), ""),
                )
                self._keep(self._incidents, one.id, one)
            case e.IncidentChanged(cause=cause) if entry.incident_id in self._incidents:
                known = self._incidents[entry.incident_id]
                self._incidents[known.id] = replace(known, cause=cause, reason=entry.reason)
            case e.IncidentResolved() | e.IncidentEscalated():
                if ended := self._incidents.get(entry.incident_id):
                    how = entry.reason if isinstance(entry, e.IncidentResolved) else "escalated"
                    self._incidents[ended.id] = replace(ended, ended_at_s=entry.at_s, ending=how)
            case _:
                pass

    def _keep(self, kept: dict[str, T], name: str, one: T) -> None:
        if len(kept) >= SHOWN_MOST:
            self._left_out += 1
        else:
            kept[name] = one

    def _outcome(self, name: str, control: Control, took_s: float) -> Outcome:
        recording = self._recording
        predictions = tuple(self._made.values())
        missing = sorted(set(recording.services) - set(self._stack.services))
        notes = list(recording.notes)
        if missing:
            notes.append(f"not in the stack, and left out: {', '.join(missing[:12])}")
        if recording.step_s > self._settings.tick_s * 0.999 > 30.0:
            notes.append(f"a row every {recording.step_s:g} s: looks are as far apart")
        return Outcome(
            name=name,
            source=recording.source,
            services=len(self._columns),
            begin_s=recording.begin_s,
            end_s=recording.end_s,
            rows=self._rows,
            took_s=took_s,
            predictions=predictions,
            deeds=tuple(self._deeds),
            incidents=tuple(self._incidents.values()),
            accuracy=self._tally.report(control.state, recording.end_s),
            recalled=_recalled(recording, predictions, self._settings),
            left_out=self._left_out,
            notes=tuple(notes),
        )


def _answer(decision: Decision) -> Answer | None:
    verdict = decision.verdict
    if isinstance(verdict, Allowed):
        return Answer.DONE
    if isinstance(verdict, Delayed) and verdict.needs_approval:
        return Answer.ASKED
    return None


def _would(at_s: float, proposal: Proposal, incident_id: str) -> e.WouldHaveDone:
    return e.WouldHaveDone(
        *(at_s, proposal.key, incident_id, proposal.service, proposal.cause),
        *(proposal.kind, proposal.reason),
    )


def _recalled(
    recording: Recording, now: tuple[MadePrediction, ...], settings: Settings
) -> Recalled | None:
    """Which of them the journal of that time holds too: same service and cause, at the same look or
    the one next to it."""
    then = [
        as_made(x)
        for x in recording.facts
        if isinstance(x, e.PredictionMade) and recording.begin_s <= x.at_s <= recording.end_s
    ]
    if not recording.facts:
        return None
    left = list(now)
    only_then = []
    for one in then:
        near = next((p for p in left if _is_same(one, p, settings.sample_interval_s)), None)
        if near is None:
            only_then.append(one)
        else:
            left.remove(near)
    return Recalled(len(then), len(then) - len(only_then), tuple(only_then), tuple(left))


def _is_same(one: MadePrediction, other: MadePrediction, within_s: float) -> bool:
    is_near = abs(one.made_at_s - other.made_at_s) <= within_s
    return (one.service, one.cause) == (other.service, other.cause) and is_near
