"""A state with one part of it changed: what every fold is made of. Pure; called by them alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from everup.model.incident import Incident
from everup.model.state import StackState


def with_service(state: StackState, name: str, **changes: Any) -> StackState:
    """The state with these fields of the service changed."""
    service = replace(state.service(name), **changes)
    return replace(state, services={**state.services, name: service})


def with_incident(state: StackState, incident: Incident) -> StackState:
    """The state with this incident as it is now."""
    return replace(state, incidents={**state.incidents, incident.id: incident})


def without(mapping: Any, key: object) -> Any:
    """The mapping without this key."""
    return {k: v for k, v in mapping.items() if k != key}
