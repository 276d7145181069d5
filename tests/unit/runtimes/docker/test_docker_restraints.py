"""What a container says that came after its service was read holds back at once, and only that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from everup.model.decision import Check, Delayed, Expectation, Proposal, Refused, Step
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.restraint import Restraint
from everup.model.stack import Stack
from everup.runtimes.docker.containers import SERVICE, parse
from everup.runtimes.docker.restraints import Restraints
from everup.safety import freezes_in_force, judge, mode_in_force
from tests.unit import builders as b
from tests.unit.runtimes.docker.discovery.worlds import discover, document

DATA = {"Type": "volume", "Name": "data", "Destination": "/data", "RW": True}
RECREATE = ActionKind.RECREATE


def _stack(*documents: dict[str, Any]) -> Stack:
    return discover(list(documents), mode=Mode.AUTO)["shop"].stack


def _restraint(stack: Stack, *documents: dict[str, Any]) -> Restraint | None:
    containers = [parse(one) for one in documents]
    assert all(one.labels[SERVICE] == "web" for one in containers)
    return Restraints(stack).of(containers).get("web")


WEB = document("web")


def test_an_equal_one_says_nothing_new() -> None:
    stack = _stack(WEB)
    assert _restraint(stack, document("web", image="app:2", env={"A": "b"})) is None
    held = document("web", labels={"everup.freeze": "true"})
    assert _restraint(_stack(held), held) is None, "that was read, and the stack says it"
    found = replace(stack.services["web"], natures=())
    assert _restraint(replace(stack, services={"web": found}), held) is None, "it was not found"


def test_labels_hold_at_once_and_the_narrowest_wins() -> None:
    labels = {
        "everup.mode": "approve",
        "everup.mode.recreate": "observe",
        "everup.freeze": "moving",
    }
    found = _restraint(_stack(WEB), document("web", labels=labels), document("web", number=2))
    assert found is not None
    assert found.frozen_because == "label everup.freeze: moving"
    assert [found.most(kind) for kind in (RECREATE, ActionKind.SCALE_OUT)] == ["observe", "approve"]
    other = _restraint(
        _stack(WEB),
        document("web", labels={"everup.mode": "auto"}),
        document("web", number=2, labels={"everup.mode": "observe"}),
    )
    assert other is not None
    assert other.most(RECREATE) is Mode.OBSERVE
    left = _restraint(_stack(WEB), document("web", labels={"everup.enable": "false"}))
    assert left is not None
    assert left.frozen_because == "label everup.enable says to leave it alone"


def test_more_is_never_permitted() -> None:
    held = document("web", labels={"everup.mode": "observe"})
    stack = _stack(held)
    found = _restraint(stack, document("web", labels={"everup.mode": "auto"}))
    assert found is not None
    seen = b.seen(b.up("web"))
    seen = replace(seen, restraints={"web": found})
    assert mode_in_force(stack, seen, "web", RECREATE) is Mode.OBSERVE


def test_a_volume_more_holds_the_service_until_it_is_read() -> None:
    found = _restraint(_stack(WEB), document("web", mounts=(DATA,)))
    assert found is not None
    assert not found.frozen_because
    assert found.unread == "shop-web-1 is not what web was when it was read"


def _judged(restraint: Restraint, origin: Origin = Origin.RECOVERY) -> object:
    stack = b.stack(b.service("web"))
    seen = replace(b.seen(b.up("web")), restraints={"web": restraint})
    step = Step(ActionKind.GRACEFUL_RESTART, "web")
    proposal = Proposal(
        "p", origin, "web", Cause.HANG, (step,), "because", Expectation("well", 9.0)
    )
    context = b.context(stack, seen)
    assert len(freezes_in_force(stack, context.state, seen, seen.at_s)) == bool(
        restraint.frozen_because
    )
    return judge(proposal, context)


def test_the_gate_hears_it() -> None:
    frozen = _judged(Restraint(frozen_because="label everup.freeze"), Origin.PERSON)
    assert isinstance(frozen, Delayed)
    assert frozen.check is Check.FREEZE
    observed = _judged(Restraint(mode=Mode.OBSERVE))
    assert isinstance(observed, Refused)
    assert observed.check is Check.MODE
    unread = _judged(Restraint(unread="it is another one"))
    assert isinstance(unread, Delayed)
    assert unread.check is Check.SOMEONE_ELSES_CHANGE
    assert "it is another one; ends when" in unread.reason
    person = _judged(Restraint(unread="it is another one"), Origin.PERSON)
    assert getattr(person, "check", None) is not Check.SOMEONE_ELSES_CHANGE
