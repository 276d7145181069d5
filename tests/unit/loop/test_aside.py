"""Whom an action keeps aside, and that nothing of it stands in the way of healing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from everup.loop.aside import KeepAside
from everup.loop.perform import perform
from everup.loop.ports import Clock, Runtime
from everup.model.decision import Expectation, ParameterValue, Step
from everup.model.entries import Finished, Intended
from everup.model.errors import NotKept
from everup.model.evidence import KEPT, Sighting
from everup.model.kinds import ActionKind, Cause, Condition, Origin
from everup.model.runtime import Capability, RuntimeManifest
from tests.unit.builders import NOW_S, SETTINGS, service

ABLE = RuntimeManifest("able", frozenset(Capability))
SPEC = service("api", quarantine_s=600.0)
HUNG: dict[str, ParameterValue] = {"grace_s": 0.0, "may_kill": True}
ONE = {"api-0": "11.1@a|running"}
TWO = {"api-0": "11.1@a|running", "api-1": "12.1@a|exited"}


def intent(
    kind: ActionKind = ActionKind.CONTAINER_RESTART,
    parameters: dict[str, ParameterValue] | None = None,
    instances: dict[str, str] | None = None,
    condition: Condition = Condition.UNHEALTHY,
) -> Intended:
    before = Sighting(NOW_S, 0.1, condition, ONE if instances is None else instances)
    step = Step(kind, "api", {} if parameters is None else parameters)
    where = (NOW_S, "act-1", None, "key", Origin.RECOVERY, Cause.HANG, step, "hung", before)
    return Intended(*where, Expectation("api", 60.0))


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        (intent(), "api-0"),
        (intent(ActionKind.RECREATE), "api-0"),
        (intent(ActionKind.GRACEFUL_RESTART, HUNG), "api-0"),
        (intent(ActionKind.GRACEFUL_RESTART, {"grace_s": 10.0, "may_kill": True}), ""),
        (intent(ActionKind.STOP), ""),
        (intent(parameters={"may_kill": False}), ""),
        (intent(condition=Condition.HEALTHY), ""),
        (intent(condition=Condition.UNKNOWN), ""),
        (intent(instances=TWO), ""),
        (intent(instances=TWO, parameters={"instance": "api-0"}), "api-0"),
        (intent(instances=TWO, parameters={"instance": "api-1"}), ""),
        (intent(instances={}), ""),
    ],
)
def test_one_running_sick_instance_is_kept_by_what_would_end_it(made: Intended, kept: str) -> None:
    assert KeepAside(ABLE).instance(SPEC, made) == kept


def test_not_every_service_and_runtime_keeps_one() -> None:
    able, made = KeepAside(ABLE), intent()
    assert able.instance(service("api"), made) == ""
    assert able.instance(replace(SPEC, is_stateful=True), made) == ""
    assert able.instance(replace(SPEC, is_one_shot=True), made) == ""
    assert KeepAside(RuntimeManifest("other", frozenset())).instance(SPEC, made) == ""


class Hands:
    """Remembers what was asked of it. `refusal`: it keeps nobody."""

    def __init__(self, refusal: str = "") -> None:
        self.did: list[str] = []
        self.refusal = refusal

    async def quarantine(self, service: str, instance: str, **how: object) -> Sequence[str]:
        self.did.append(f"quarantine {instance} {how['keep_s']:g} {how['is_fresh']}")
        if self.refusal:
            raise NotKept(self.refusal)
        return ["api-0 as it was is kept aside"]

    async def restart(self, service: str, instance: str | None, **_: object) -> Sequence[str]:
        self.did.append("restart")
        return []

    async def release(self, service: str | None) -> Sequence[str]:
        self.did.append(f"release {service}")
        return ["api: process 11 is ended"]

    async def evidence(self, *_: object) -> Sequence[str]:
        return []

    async def logs(self, *_: object, **__: object) -> Sequence[str]:
        return []

    def now(self) -> float:
        return NOW_S


def done(hands: Hands, aside: KeepAside, made: Intended) -> Finished:
    return asyncio.run(
        perform(cast(Runtime, hands), cast(Clock, hands), SETTINGS, SPEC, made, (), aside)
    )


def test_what_is_kept_is_told_with_the_action() -> None:
    hands = Hands()
    finished = done(hands, KeepAside(ABLE), intent(ActionKind.RECREATE))
    assert hands.did == ["quarantine api-0 600 True"]
    assert (finished.outcome, finished.during) == (
        "done",
        (f"{KEPT}api-0 as it was is kept aside",),
    )


def test_a_refusal_changed_nothing_and_is_not_asked_for_again() -> None:
    hands, aside = Hands("no memory"), KeepAside(ABLE)
    first = done(hands, aside, intent())
    assert (first.outcome, first.error, first.has_happened) == ("failed", "no memory", False)
    aside.not_proven("api", "act-1")
    again = done(hands, aside, intent())
    assert (again.outcome, again.during) == ("done", (f"{KEPT}not kept aside: no memory",))
    assert hands.did == ["quarantine api-0 600 False", "restart"]
    another = intent(instances={"api-0": "99.1@a|running"})
    assert aside.instance(SPEC, another) == "api-0", "another life is another question"


def test_what_did_not_help_is_given_back_before_anything_else() -> None:
    hands, aside = Hands(), KeepAside(ABLE)
    done(hands, aside, intent())
    aside.not_proven("api", "act-0")
    aside.not_proven("web", "act-1")
    aside.not_proven("api", "act-1")
    after = done(hands, aside, intent(instances={"api-0": "13.1@a|running"}))
    assert hands.did == ["quarantine api-0 600 False", "release api", "restart"]
    assert after.during == (f"{KEPT}api: process 11 is ended",)
    done(hands, aside, intent(instances={"api-0": "14.1@a|running"}))
    assert hands.did[-1] == "quarantine api-0 600 False"
