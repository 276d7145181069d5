"""The herald: after every look, hand what is owed to the notifiers, and write down what arrived.

Flows in: the state that the journal folds into, our own faults, and deliveries from the lanes.
Flows out: `Notified` entries. It sends nothing itself and waits for nobody. A message is sent, then
written down: a crash in between sends it again with the same key (at least once, never silently
lost). Our own faults, which the journal cannot take, are told at most once per life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.lane import Delivery, Lane
from everup.loop.owed import OwnFault, owed, owed_of_us
from everup.loop.ports import Clock, Log, Notifier
from everup.model.entries import Entry, Notified
from everup.model.kinds import is_known

if TYPE_CHECKING:
    from everup.loop.control import Control

FAULTS_MOST = 16
TOLD_MOST = 1000
DELIVERIES_MOST = 1000


def _nobody(reason: str) -> None:
    """Before the first look there is nobody to wake."""


class Herald:
    """All lanes of one stack."""

    def __init__(self, notifiers: Sequence[Notifier], clock: Clock, log: Log) -> None:
        self.lanes = tuple(Lane(notifier, clock, self._ended) for notifier in notifiers)
        self._log = log
        self._deliveries: list[Delivery] = []
        self._told: dict[str, None] = {}  # `notifier:key`, by this process
        self._faults: dict[str, OwnFault] = {}
        self._wake: Callable[[str], None] = _nobody

    async def after_look(self, control: Control) -> None:
        """Write down what arrived, then offer what is owed."""
        if not self.lanes:
            return
        self._wake = control.wake
        await self._write_down(control)
        now_s, stack = control.clock.now(), control.stack.name
        self._note_faults(control, now_s)
        for lane in self.lanes:
            name, on = lane.notifier.name, lane.notifier.on
            found = owed(stack, control.state, control.settings, now_s, name, on)
            if "frozen" in on:
                found += owed_of_us(stack, self._faults.values(), now_s, self._told, name)
            for message in found:
                if f"{name}:{message.key}" not in self._told:
                    lane.offer(message)

    def counts(self) -> dict[tuple[str, str], int]:
        """(notifier, sent | failed | shed) → how often since the start."""
        found = {}
        for lane in self.lanes:
            name = lane.notifier.name
            found[name, "sent"] = lane.sent
            found[name, "failed"] = lane.failed
            found[name, "shed"] = lane.shed
        return found

    async def close(self) -> None:
        """Stop all lanes."""
        for lane in self.lanes:
            await lane.close()

    def _ended(self, delivery: Delivery) -> None:
        if not delivery.has_arrived:
            self._log.warning("message_refused", notifier=delivery.notifier, error=delivery.error)
        self._told[f"{delivery.notifier}:{delivery.message.key}"] = None
        while len(self._told) > TOLD_MOST:
            self._told.pop(next(iter(self._told)))
        if len(self._deliveries) < DELIVERIES_MOST:
            self._deliveries.append(delivery)
        self._wake("a message was delivered")

    async def _write_down(self, control: Control) -> None:
        deliveries, self._deliveries = self._deliveries, []
        entries: list[Entry] = []
        for delivery in deliveries:
            message = delivery.message
            thread = message.thread.removeprefix(f"{message.stack}/")
            if thread not in control.state.threads:
                continue
            entries.append(
                Notified(
                    at_s=control.clock.now(),
                    key=message.key,
                    thread=thread,
                    notifier=delivery.notifier,
                    occasion=message.occasion,
                    incident_id=thread if message.service else None,
                    service=message.service,
                    has_arrived=delivery.has_arrived,
                    error=delivery.error[:500],
                )
            )
        if entries:
            await control.write(entries)

    def _note_faults(self, control: Control, now_s: float) -> None:
        """Which of our own faults last, began, or are over."""
        seen = {"journal": control.journal_fault, "leadership": control.lost_leadership}
        waits_s = {"journal": control.settings.journal_fault_notify_s, "leadership": 0.0}
        for kind, text in seen.items():
            known = next(
                (
                    fault
                    for fault in self._faults.values()
                    if fault.id.startswith(kind) and not is_known(fault.over_at_s)
                ),
                None,
            )
            if text and known is None:
                fault_id = f"{kind}-{control.fence}-{now_s:.3f}"
                self._faults[fault_id] = OwnFault(fault_id, text, now_s, waits_s[kind])
            elif known is not None and not text:
                self._faults[known.id] = replace(known, over_at_s=now_s)
        while len(self._faults) > FAULTS_MOST:
            self._faults.pop(next(iter(self._faults)))
