"""The OpenAPI document describes what really comes, tried with made-up requests."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from everup.api import create_api
from everup.api.limits import Limits
from tests.unit.api.fakes import FakeEngine

API = create_api(FakeEngine(), limits=Limits(target_bytes=1_000_000))
schema = schemathesis.openapi.from_asgi("/openapi.json", API, headers={"Host": "localhost"})


# Requests that break the schema have tests of their own. An override without a reason fits the
# schema and is refused all the same.
schema.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])


# /events has no end; test_api_events.py listens to it.
@schema.exclude(path="/events").parametrize()
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_are_as_described(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(
        headers={"Host": "localhost"}, excluded_checks=[positive_data_acceptance]
    )


def test_every_endpoint_is_there_and_no_other() -> None:
    paths = API.openapi()["paths"]
    assert set(paths) == {
        "/health",
        "/status",
        "/health-scores",
        "/dependencies",
        "/dependencies/what-if",
        "/dependencies/review",
        "/dependencies/breakers",
        "/dependencies/breakers/{service}/{target}",
        "/dependencies/breakers/{service}/{target}/ask",
        "/dependencies/breakers/{service}/{target}/outcomes",
        "/dependencies/breakers/{service}/{target}/close",
        "/incidents",
        "/incidents/{incident_id}",
        "/actions",
        "/actions/{action_id}",
        "/plan",
        "/predictions",
        "/anomalies",
        "/models",
        "/models/{craft}/train",
        "/models/{craft}/return",
        "/predictions/accuracy",
        "/predictions/thresholds",
        "/predictions/thresholds/return",
        "/predictions/{service}",
        "/report",
        "/services/{name}/actions",
        "/events",
        "/stack",
        "/approvals",
        "/approvals/{approval_id}",
        "/approvals/{approval_id}/approve",
        "/approvals/{approval_id}/reject",
        "/freeze",
        "/release",
        "/services/{name}/stop",
        "/services/{name}/start",
        "/recovery/manual/{service}",
        "/scaling",
        "/scaling/decisions",
        "/scaling/manual/{service}",
        "/rollback/manual/{service}",
        "/restores",
        "/restores/{restore_id}",
        "/restores/{restore_id}/undo",
        "/snapshots/{snapshot_id}/restore",
        "/snapshots",
        "/snapshots/verify",
        "/snapshots/{snapshot_id}",
        "/snapshots/{snapshot_id}/diff/{other}",
        "/metrics",
    }
