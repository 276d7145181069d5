"""Why not: the answer for every kind of action, who gives it, and the way to change it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from everup.automated_recovery import propose
from everup.loop import perform
from everup.loop.look import Decision
from everup.loop.why_not import NEEDS, Question, SizeWish, answers, but_for_the_mode
from everup.model.decision import Allowed, Check, Hold, Proposal, Refused, Step
from everup.model.disk import Disk
from everup.model.explanation import KindAnswer, KindState, Way
from everup.model.kinds import OF_TRAFFIC, ActionKind, Mode
from everup.model.observation import Observation
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.stack import HookSpec, Stack
from everup.model.state import Freeze, StackState
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, context, dead, failing, seen, service, stack, up

EVERYTHING = RuntimeManifest("made_up", frozenset(Capability))
LITTLE = RuntimeManifest(
    "made_up",
    frozenset({Capability.RESTART, Capability.START, Capability.STOP, Capability.RUN_HOOK}),
    why_not={Capability.RECREATE: "a process has nothing to be made anew from"},
)


def ask(
    what: Stack,
    observation: Observation,
    state: StackState | None = None,
    manifest: RuntimeManifest = LITTLE,
    name: str = "a",
    **changes: object,
) -> dict[ActionKind, KindAnswer]:
    around = context(what, observation, state, **changes)
    decided = propose(what, observation, around.assessment, around.state, around.memory, SETTINGS)
    answer = next((d for d in decided if d.service == name), None)
    decision = None
    if isinstance(answer, Proposal):
        decision = Decision(name, proposal=answer, verdict=judge(answer, around))
    elif isinstance(answer, Hold):
        decision = Decision(name, hold=answer)
    found = answers(Question(what.services[name], around, decision, manifest))
    assert [a.kind for a in found] == list(ActionKind)
    return {a.kind: a for a in found}


def ways(answer: KindAnswer) -> list[Way]:
    return [remedy.way for remedy in answer.remedies]


START = ActionKind.CONTAINER_RESTART
OBSERVED = stack(service("a"), mode=Mode.OBSERVE)


def test_nothing_is_wrong_so_only_a_person_may() -> None:
    found = ask(stack(service("a")), seen(up("a")))
    answer = found[ActionKind.GRACEFUL_RESTART]
    assert answer.own.state is KindState.NOT_ON_LADDER
    assert "nothing is wrong" in answer.own.reason
    assert answer.person.state is KindState.ALLOWED
    assert ways(answer) == [Way.ASK]


def test_what_the_gate_allows_and_what_the_ladder_lacks() -> None:
    found = ask(stack(service("a")), seen(dead("a")))
    assert (found[START].own.state, found[START].rungs) == (KindState.ALLOWED, (1, 2, 3))
    graceful = found[ActionKind.GRACEFUL_RESTART].own
    assert graceful.state is KindState.NOT_ON_LADDER
    assert graceful.reason.startswith("the ladder of crash is container_restart")


def test_the_mode_refuses_and_names_both_ways_out() -> None:
    answer = ask(OBSERVED, seen(dead("a")))[START]
    assert (answer.own.state, answer.own.check) == (KindState.REFUSED, Check.MODE)
    assert ways(answer) == [Way.SET_MODE, Way.ASK]


@pytest.mark.parametrize(("scope", "lifts"), [("", ""), ("a", "a")])
def test_a_freeze_is_lifted_or_overridden(scope: str, lifts: str) -> None:
    state = StackState(freezes={scope: Freeze(scope, "backup", "ann", NOW_S, NOW_S + 60)})
    answer = ask(stack(service("a")), seen(dead("a")), state)[START]
    assert (answer.own.state, answer.own.until_s) == (KindState.DELAYED, NOW_S + 60)
    assert answer.person.check == Check.FREEZE
    unfreeze, override = answer.remedies
    assert (unfreeze.way, unfreeze.service) == (Way.UNFREEZE, lifts)
    assert (override.way, override.check) == (Way.OVERRIDE, Check.FREEZE)


def test_a_hold_is_told_with_its_end() -> None:
    what = stack(service("a", is_stateful=True))
    found = ask(what, seen(failing("a", for_s=20)))
    answer = found[ActionKind.GRACEFUL_RESTART]
    assert (answer.own.state, answer.own.check) == (KindState.HELD, "stateful_wait")
    assert answer.own.until_s == NOW_S + 40
    assert ways(answer) == [Way.WAIT, Way.ASK]
    assert found[START].own.state is KindState.NOT_ON_LADDER


def test_what_cannot_be_done_says_what_is_lacking() -> None:
    found = ask(stack(service("a")), seen(dead("a")))
    states = {kind: found[kind].own.state for kind in ActionKind}
    assert states[ActionKind.RECREATE] is KindState.CANNOT
    assert "nothing to be made anew" in found[ActionKind.RECREATE].own.reason
    assert "cannot restore" in found[ActionKind.EMERGENCY_ROLLBACK].own.reason
    clear = found[ActionKind.CACHE_CLEAR]
    assert (clear.own.state, ways(clear)) == (KindState.CANNOT, [Way.DECLARE_HOOK])
    hooked = stack(service("a", hooks={"cache_clear": HookSpec(command=("x",))}))
    assert ask(hooked, seen(up("a")))[ActionKind.CACHE_CLEAR].person.state is KindState.ALLOWED


def test_a_full_disk_asks_for_the_hook_that_frees_space() -> None:
    full = Disk("/data", "v", "0:52", 8e6, 0.0, 9.0, NOW_S)
    one = failing("a")
    one = replace(one, instance=replace(one.instance, disk=full), full_since_s=NOW_S - 20)
    bare = ask(stack(service("a", is_stateful=True)), seen(one))
    clear = bare[ActionKind.CACHE_CLEAR]
    assert (clear.own.state, clear.remedies[0].hook) == (KindState.CANNOT, "free_space")
    restart = bare[ActionKind.GRACEFUL_RESTART].own
    assert restart.state is KindState.NOT_ON_LADDER
    assert restart.reason == "the ladder of disk_full is cache_clear"
    hooks = {"free_space": HookSpec(command=("x",))}
    hooked = ask(stack(service("a", is_stateful=True, hooks=hooks)), seen(one))
    assert hooked[ActionKind.CACHE_CLEAR].own.state is KindState.ALLOWED
    assert hooked[ActionKind.CACHE_CLEAR].person.state is KindState.ALLOWED


def test_a_victim_is_held_back_by_its_root() -> None:
    what = stack(service("a", "b"), service("b"))
    answer = ask(what, seen(failing("a"), dead("b")))[ActionKind.GRACEFUL_RESTART]
    assert (answer.own.state, answer.own.check) == (KindState.HELD, "victim")
    assert answer.person.check == Check.DEPENDENCY_ORDER
    assert ways(answer) == [Way.WAIT]


def test_but_for_the_mode() -> None:
    around = context(OBSERVED, seen(dead("a")))
    (proposal,) = propose(
        OBSERVED, around.observation, around.assessment, around.state, around.memory, SETTINGS
    )
    assert isinstance(proposal, Proposal)
    decision = Decision("a", proposal=proposal, verdict=judge(proposal, around))
    assert isinstance(but_for_the_mode(decision, around), Allowed)
    allowed = replace(decision, verdict=Allowed())
    assert but_for_the_mode(allowed, around) is None


@pytest.mark.parametrize("kind", ActionKind)
def test_what_is_called_not_built_is_what_perform_has_no_hands_for(kind: ActionKind) -> None:
    if kind is ActionKind.EMERGENCY_ROLLBACK:  # done with what was kept: see test_going_back
        assert kind in NEEDS
        return
    if kind in OF_TRAFFIC:  # done to calls: see test_mitigations
        assert kind not in NEEDS
        return
    spec = service("a", hooks={"cache_clear": HookSpec(command=("x",))})
    parameters: dict[str, str | int | float | bool] = {"instances": 2, "standby": "b"}
    call = perform._call(AsyncMock(), spec, Step(kind, "a", parameters), 1.0)
    asyncio.run(call)
    assert kind in NEEDS


@pytest.mark.parametrize(
    ("answer", "state", "check"),
    [
        ("inc-1 is open on it", KindState.HELD, "waits"),
        (Refused(Check.MODE, "everup only watches"), KindState.REFUSED, "mode"),
        (Allowed("every check passed"), KindState.ALLOWED, ""),
    ],
)
def test_another_size_that_would_be_right_is_told_beside_any_ladder(
    answer: Refused | Allowed | str, state: KindState, check: str
) -> None:
    what = stack(service("a"))
    wish = SizeWish(ActionKind.SCALE_OUT, answer, "1 to 2 instances: 60/s now")
    around = context(what, seen(up("a")))
    found = answers(Question(what.services["a"], around, None, EVERYTHING, wish))
    (out,) = [one for one in found if one.is_wished]
    assert out.kind is ActionKind.SCALE_OUT
    assert (out.own.state, out.own.check) == (state, check)
    assert out.own.reason.startswith("1 to 2 instances: 60/s now; ")
    assert not out.rungs
