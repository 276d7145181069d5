"""Parameters that several routes share, declared once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from everup.api.engine import ControlView
from everup.api.problems import ApiProblem, FieldProblem, shorten
from everup.config.errors import did_you_mean
from everup.model.decision import Check

PAGE_MOST = 1000
NAME_LENGTH_MOST = 128
REASON_LENGTH_MOST = 500
WAIT_MOST_S = 300.0
PERIOD_MOST_S = 30 * 86_400.0

ServiceInPath = Annotated[
    str, Path(max_length=NAME_LENGTH_MOST, description="a service of the stack")
]
ServiceInQuery = Annotated[
    str | None,
    Query(min_length=1, max_length=NAME_LENGTH_MOST, description="a service of the stack"),
]
NeededService = Annotated[
    str,
    Query(min_length=1, max_length=NAME_LENGTH_MOST, description="a service of the stack"),
]
InstanceInQuery = Annotated[
    str, Query(max_length=NAME_LENGTH_MOST, description="the one instance that is meant")
]
IdInPath = Annotated[str, Path(max_length=NAME_LENGTH_MOST)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST, description="entries of one page")]
Before = Annotated[
    str | None,
    Query(min_length=1, max_length=NAME_LENGTH_MOST, description="`next_before` of the last page"),
]
Last = Annotated[
    float,
    Query(gt=0, le=PERIOD_MOST_S, allow_inf_nan=False, description="seconds back from now"),
]
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=WAIT_MOST_S,
        allow_inf_nan=False,
        description="seconds to wait for the outcome; 0 answers at once with 202",
    ),
]
By = Annotated[
    str,
    Query(min_length=1, max_length=64, description="who asks; kept in the journal, not verified"),
]
Reason = Annotated[
    str, Query(max_length=REASON_LENGTH_MOST, description="why; kept in the journal")
]
Override = Annotated[
    list[Check],
    Query(max_length=len(Check), description="a check of the gate to pass over; needs a reason"),
]


def overrides(
    override: Override = [],  # noqa: B006  FastAPI copies defaults
    reason: Reason = "",
) -> dict[str, str]:
    """Check → typed reason.

    Raises:
        ApiProblem: 422 when a check is to be passed over without saying why.
    """
    if override and not reason.strip():
        fix = "add &reason=… in your own words"
        error = FieldProblem(
            field="reason", value=reason, message="an override needs a reason", fix=fix
        )
        raise ApiProblem(422, "invalid-request", error.message, fix=fix, errors=[error])
    return {check.value: reason.strip() for check in override}


Overrides = Annotated[dict[str, str], Depends(overrides)]


def require_service(control: ControlView, name: str) -> None:
    """404 for a name that the stack does not have.

    Raises:
        ApiProblem: with the nearest known name.
    """
    if name in control.stack.services:
        return
    raise ApiProblem(
        404,
        "unknown-service",
        f"the stack {control.stack.name} has no service {shorten(name)!r}",
        fix=did_you_mean(name, control.stack.services),
    )
