"""An inferred probe counts once it has passed for what runs now, and what it covers is said."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from everup.loop.coverage import OUT_OF_REACH, coverage
from everup.loop.proven import Proven
from everup.model.kinds import Cause, Condition
from everup.model.observation import InstanceObservation, Observation, ServiceObservation
from everup.model.stack import ProbeOrigin, ProbeSpec
from everup.model.state import InFlight, ServiceState, StackState
from tests.unit import builders as b

GUESS = ProbeSpec(http="http://{near}:80/", origin=ProbeOrigin.INFERRED)
STACK = b.stack(b.service("api", probe=GUESS))
NOTHING = StackState()


def _seen(one: InstanceObservation, make: str = "c1") -> Observation:
    one = replace(one, instance=replace(one.instance, make=make, near="172.18.0.2"))
    return Observation(b.NOW_S, {"api": ServiceObservation("api", (one,))})


def _never(one: InstanceObservation) -> InstanceObservation:
    assert one.probe is not None
    return replace(one, probe=replace(one.probe, has_ever_passed=False))


FAILS = _never(b.failing("api"))


def _counts(seen: Observation) -> bool:
    (one,) = seen.services["api"].instances
    assert one.goes_unasked is (one.probe is None)
    return not one.goes_unasked


def test_what_never_passed_proves_nothing() -> None:
    assert not _counts(Proven(STACK).only(_seen(FAILS), NOTHING))


def test_what_passed_counts_in_later_lives_of_the_same_container() -> None:
    proven = Proven(STACK)
    assert _counts(proven.only(_seen(b.up("api")), NOTHING))
    assert _counts(proven.only(_seen(FAILS), NOTHING))
    assert not _counts(proven.only(_seen(FAILS, "c2"), NOTHING)), "somebody made it anew"
    assert not _counts(proven.only(_seen(FAILS), NOTHING)), "and that was forgotten"


def test_what_we_make_anew_must_pass_too() -> None:
    proven = Proven(STACK)
    proven.only(_seen(b.up("api")), NOTHING)
    ours = replace(NOTHING, in_flight={"api": cast(InFlight, None)})
    assert _counts(proven.only(_seen(FAILS, "c2"), ours))
    assert _counts(proven.only(_seen(FAILS, "c2"), NOTHING))


def test_a_restart_of_ours_forgets_nothing_of_the_present_life() -> None:
    instance = FAILS.instance
    known = ServiceState(lives={instance.name: instance.identity})
    state = replace(NOTHING, services={"api": known})
    assert _counts(Proven(STACK).only(_seen(FAILS), state))


def test_an_owners_probe_always_counts() -> None:
    stack = b.stack(b.service("api"))
    assert _counts(Proven(stack).only(_seen(FAILS), NOTHING))


LABELLED = b.stack(b.service("api", probe=ProbeSpec(tcp="{host}:9")))


def _far(one: InstanceObservation, make: str = "c1") -> Observation:
    seen = _seen(one, make)
    (one,) = seen.services["api"].instances
    one = replace(one, instance=replace(one.instance, near=None))
    return replace(seen, services={"api": ServiceObservation("api", (one,))})


def test_an_owners_probe_of_an_address_that_is_not_certain_must_pass_first() -> None:
    """It may lead nowhere, or to somebody else."""
    proven = Proven(LABELLED)
    seen = proven.only(_far(FAILS), NOTHING)
    assert not _counts(seen)
    assert b.assess(LABELLED, seen).relations.findings == {}
    assert coverage(LABELLED, seen).only_seen == {"api": OUT_OF_REACH}
    assert _counts(proven.only(_seen(FAILS), NOTHING)), "it is certain here"


def test_once_it_passed_there_is_a_way_to_it() -> None:
    proven = Proven(LABELLED)
    assert _counts(proven.only(_far(b.up("api")), NOTHING))
    assert _counts(proven.only(_far(FAILS), NOTHING))
    assert _counts(proven.only(_far(FAILS, "c2"), NOTHING)), "whoever made it anew"
    assert coverage(LABELLED, _far(FAILS)).judged == {"api": "probe"}


@pytest.mark.parametrize(("for_s", "is_confirmed"), [(20.0, False), (70.0, True)])
def test_its_word_alone_is_believed_late(for_s: float, is_confirmed: bool) -> None:
    """Where an owner's probe would be believed after 8 s."""
    one = b.failing("api", for_s=for_s, times=9)
    seen = Observation(b.NOW_S, {"api": ServiceObservation("api", (one,))})
    found = b.assess(STACK, seen).relations.findings["api"]
    assert found.is_confirmed is is_confirmed


def test_the_kernels_word_with_it_is_believed_at_once() -> None:
    one = b.failing("api", for_s=20.0, letter="T")
    seen = Observation(b.NOW_S, {"api": ServiceObservation("api", (one,))})
    found = b.assess(STACK, seen).relations.findings["api"]
    assert (found.cause, found.is_confirmed) == (Cause.HANG, True)


def test_who_goes_unasked_is_well_as_long_as_it_runs() -> None:
    seen = Proven(STACK).only(_seen(FAILS), NOTHING)
    assessment = b.assess(STACK, seen)
    assert assessment.own.services["api"].condition is Condition.HEALTHY
    assert assessment.relations.findings == {}


def test_coverage_says_who_cannot_be_asked_and_why() -> None:
    stack = replace(
        b.stack(
            b.service("api", probe=GUESS),
            b.service("db", probe=ProbeSpec(is_owners=True)),
            b.service("vpn", probe=ProbeSpec(is_owners=True, origin=ProbeOrigin.NETWORK)),
            b.service("job", probe=None, is_one_shot=True),
        ),
        runtime="docker",
    )
    before = coverage(stack, None)
    assert before.judged == {"db": "healthcheck"}
    assert before.text.startswith("1 of 3 services can be judged (1 by healthcheck); only seen to")
    assert before.text.endswith("api, vpn. everup suggest writes the missing healthchecks")
    assert before.only_seen["api"] == "it seems to speak http, and has not answered so far"
    after = coverage(stack, _seen(b.up("api")))
    assert after.judged == {"api": "what it speaks", "db": "healthcheck"}
