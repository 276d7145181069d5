"""Mitigations as they are told: by `GET /dependencies` all of them, by an incident its own."""

from __future__ import annotations

from everup.api.engine import ControlView
from everup.api.shapes.mitigations import MitigatedShape, MitigationShape, MitigationsShape
from everup.model.mitigation import Mitigated, Mitigation


def mitigations_shape(control: ControlView) -> MitigationsShape:
    """Of the latest look."""
    latest, settings = control.mitigations.latest, control.settings
    return MitigationsShape(
        risk=latest.risk,
        error=latest.error,
        sources=list(latest.sources),
        exposed=list(latest.exposed),
        options=[option_shape(control, option) for option in latest.options],
        in_force=[mitigated_shape(held) for held in control.state.mitigated.values()],
        left_out=latest.left_out,
        risk_above=settings.mitigation_risk_above,
        gain_least=settings.mitigation_gain_least,
    )


def option_shape(control: ControlView, option: Mitigation) -> MitigationShape:
    """With where it stands."""
    standing = control.mitigations.standing.get(option.name, "")
    return MitigationShape.model_validate(option).model_copy(update={"standing": standing})


def mitigated_shape(held: Mitigated) -> MitigatedShape:
    """One that is in force."""
    return MitigatedShape(
        action_id=held.action_id,
        kind=held.kind,
        service=held.service,
        because=held.because,
        needs=held.needs,
        instance=held.step.instance,
        since_s=held.since_s,
        incident_id=held.incident_id,
        has_passed=held.has_passed,
    )
