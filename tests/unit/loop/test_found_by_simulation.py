"""What seeded days have found, each as the smallest case that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from everup.automated_recovery import proposal_for, propose
from everup.loop import incidents
from everup.loop.book import Book
from everup.loop.desk import Desk
from everup.loop.fold import fold_all
from everup.loop.remember import remember
from everup.model import entries as e
from everup.model.decision import Hold, HoldReason
from everup.model.errors import JournalUnavailable
from everup.model.kinds import Cause, InstanceState, ProbeVerdict, Purpose, is_known
from everup.model.observation import (
    Heard,
    HostObservation,
    Instance,
    MonitorObservation,
    Observation,
    ProbeResult,
)
from everup.model.request import Request, Verb
from everup.model.runtime import Listing
from everup.model.state import Memory, ServiceMemory, StackState
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack, up

ONE = stack(service("a"))
OPENED = e.IncidentOpened(NOW_S - 500, "inc-1", "a", Cause.HANG, "silent")
STOPPED = e.PurposeSet(NOW_S - 5, "a", Purpose.STOPPED, "somebody")


def desk_with_failures() -> Desk:
    desk = Desk(ONE, SETTINGS)
    instance = Instance("a", "a-0", "a!1", InstanceState.RUNNING, NOW_S - 900)
    desk.take_listing(Listing(NOW_S - 60, (instance,)))
    desk.canaries_at_s = NOW_S - 60
    for ago_s in (50, 40, 30):
        silence = ProbeResult(ProbeVerdict.FAIL, NOW_S - ago_s, detail="timed out after 2 s")
        desk.take_probe("a", "a-0", "a!1", silence)
    desk.take_listing(Listing(NOW_S - 1, (instance,)))
    return desk


def reading(desk: Desk, at_s: float) -> tuple[ProbeVerdict, int, bool]:
    observation = desk.observation(at_s)
    probe = observation.services["a"].instances[0].probe
    assert probe is not None
    return probe.verdict, probe.failures_in_a_row, observation.is_complete


def test_failures_seen_with_failing_senses_are_no_evidence_afterwards() -> None:
    desk = desk_with_failures()
    assert reading(desk, NOW_S - 28) == (ProbeVerdict.FAIL, 3, True)
    desk.see_again(NOW_S - 2)
    assert reading(desk, NOW_S) == (ProbeVerdict.UNKNOWN, 0, False)
    desk.take_probe("a", "a-0", "a!1", ProbeResult(ProbeVerdict.FAIL, NOW_S, detail="503"))
    assert reading(desk, NOW_S) == (ProbeVerdict.FAIL, 1, True)


def test_an_engine_that_answers_again_is_seen_again() -> None:
    desk = desk_with_failures()
    desk.take_listing(Listing(NOW_S - 2, (), "no answer"))
    desk.take_listing(Listing(NOW_S - 1, tuple(desk.running("a"))))
    assert reading(desk, NOW_S)[1] == 0


def test_silence_under_a_pressed_host_is_no_evidence_afterwards() -> None:
    desk = desk_with_failures()
    desk.take_host(HostObservation(pressure_ratio=0.95), NOW_S - 3)
    assert reading(desk, NOW_S - 28)[1] == 3
    desk.take_host(HostObservation(pressure_ratio=0.1), NOW_S - 2)
    assert reading(desk, NOW_S)[1] == 0


def test_a_pressed_host_proves_no_hang_unless_the_process_is_stuck() -> None:
    for letter, is_believed in (("S", False), ("T", True)):
        silent = failing("a", letter=letter, idle=True, heard=Heard.SILENCE)
        pressed = replace(seen(silent), host=HostObservation(pressure_ratio=0.95))
        assert assess(ONE, pressed).relations.findings["a"].is_confirmed is is_believed
        assert assess(ONE, seen(silent)).relations.findings["a"].is_confirmed


def test_what_does_not_run_is_not_unread() -> None:
    """Three dead services of seven were called blindness, for ever."""
    desk = desk_with_failures()
    gone = Instance("a", "a-0", "a!1", InstanceState.EXITED)
    desk.take_listing(Listing(NOW_S, (gone,)))
    assert desk.observation(NOW_S + 5).monitor.stale == ()


def test_after_failing_senses_everything_must_be_asked_once_more() -> None:
    blind = replace(seen(up("a")), monitor=MonitorObservation(faults=("dns",)))
    memory = remember(Memory(complete_since_s=NOW_S - 9), blind, assess(ONE, blind).own, SETTINGS)
    assert not is_known(memory.complete_since_s)
    memory = remember(memory, seen(up("a")), assess(ONE, seen(up("a"))).own, SETTINGS)
    assert memory.complete_since_s == NOW_S


def follow(observation: Observation, state: StackState, memory: Memory) -> list[e.Entry]:
    class Ids:
        def new(self, prefix: str) -> str:
            return f"{prefix}-new"

    found = assess(ONE, observation, state)
    return incidents.follow(ONE, found, state, memory, SETTINGS, NOW_S, Ids(), {"a": ()})


def test_an_incident_lives_as_long_as_its_cause_is_found() -> None:
    """A service without a probe scored well while the kernel called its process stopped."""
    stuck = failing("a", letter="T", idle=True, heard=Heard.SILENCE)
    memory = Memory({"a": ServiceMemory(healthy_since_s=NOW_S - 400)})
    assert follow(seen(stuck), fold_all(StackState(), [OPENED]), memory) == []


def test_a_fresh_incident_is_not_ended_by_health_from_before_it() -> None:
    fresh = replace(OPENED, at_s=NOW_S - 1)
    memory = Memory({"a": ServiceMemory(healthy_since_s=NOW_S - 400)})
    assert follow(seen(up("a")), fold_all(StackState(), [fresh]), memory) == []
    (entry,) = follow(seen(up("a")), fold_all(StackState(), [OPENED]), memory)
    assert isinstance(entry, e.IncidentResolved)


def test_what_should_be_stopped_is_neither_an_incident_nor_healed() -> None:
    state = fold_all(StackState(), [STOPPED])
    stuck = seen(failing("a", letter="T", idle=True))
    assert follow(stuck, state, Memory()) == []
    (answer,) = propose(ONE, stuck, assess(ONE, stuck, state), state, Memory(), SETTINGS)
    assert isinstance(answer, Hold)
    assert answer.reason is HoldReason.STOPPED_ON_PURPOSE


def test_a_person_may_have_a_stateful_service_killed_only_when_it_is_proven_hung() -> None:
    data = stack(service("a", is_stateful=True))
    for observed, may_kill in ((up("a"), False), (failing("a", letter="T", idle=True), True)):
        proposal = proposal_for(
            Request(Verb.HEAL, by="somebody", service="a"),
            data,
            assess(data, seen(observed)),
            SETTINGS,
            is_running=True,
            incident_id=None,
        )
        assert proposal.steps[0].parameters["may_kill"] is may_kill


class SlowJournal:
    """Takes a moment for each write, and fails the first ones."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[str] = []

    async def append(self, entries: Sequence[e.Entry], fence: int, *, batch_id: str = "") -> None:
        await asyncio.sleep(0.001)
        if self.failures:
            self.failures -= 1
            raise JournalUnavailable("full")
        self.written.append(batch_id)


def test_a_look_and_a_person_may_write_at_the_same_moment() -> None:
    class Ids:
        count = 0

        def new(self, prefix: str) -> str:
            self.count += 1
            return f"{prefix}-{self.count}"

    async def story() -> list[str]:
        journal = SlowJournal(failures=2)
        book = Book(journal, SETTINGS, Ids())  # type: ignore[arg-type]
        await asyncio.gather(*(book.write([STOPPED]) for _ in range(5)))
        await book.flush()
        return journal.written

    assert asyncio.run(story()) == [f"bat-{n}" for n in range(1, 6)]
