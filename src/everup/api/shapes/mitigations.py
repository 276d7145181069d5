"""What would keep a failure from spreading, and what of it is in force."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.kinds import ActionKind
from everup.model.mitigation import MitigationKind


class MitigationShape(Shape):
    """One option. `risk_before`, `risk_after`: mean probability to be hurt, of all that the sick
    ones can reach, without it and with it; `gain`: the difference. `missing`: what it lacks to be
    done. `must_ask`: why a person is asked whatever the mode. `standing`: why it is not done, or
    that it is."""

    kind: MitigationKind
    service: str
    because: str
    needs: str
    instance: str
    text: str
    why: str
    risk_before: Known
    risk_after: Known
    gain: Known
    missing: list[str]
    must_ask: str
    wait_s: Known
    is_in_force: bool
    standing: str = ""


class MitigatedShape(Shape):
    """One that was carried out and not taken back yet. `has_passed`: it was verified."""

    action_id: str
    kind: ActionKind
    service: str
    because: str
    needs: str
    instance: str
    since_s: Known
    incident_id: str | None
    has_passed: bool


class MitigationsShape(Shape):
    """`risk`: mean probability of `exposed` to be hurt by `sources` as things stand; `error`: one
    standard error of it, 0 where it is exact. `options`: most gain first. `left_out`: how many were
    not looked at. `risk_above`, `gain_least`: from where one is proposed."""

    risk: Known
    error: Known
    sources: list[str]
    exposed: list[str]
    options: list[MitigationShape]
    in_force: list[MitigatedShape]
    left_out: int
    risk_above: Known
    gain_least: Known
