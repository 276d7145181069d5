"""What may spread in a stack as it stands: one call for whoever shows it. Pure.

Flows in: stack, own health, predictions, what was learned of the edges, a seed. Flows out:
`CascadeRisk` or `WhatIf`. Called by the API.
"""

from __future__ import annotations

from everup.dependency_monitor.cascade import cascade_risk
from everup.dependency_monitor.fault_model import NOTHING_LEARNED, fault_model
from everup.dependency_monitor.graph import build_graph
from everup.dependency_monitor.learned import Tallies
from everup.dependency_monitor.reach import what_if
from everup.model.assessment import OwnHealth, Predictions
from everup.model.propagation import CascadeRisk, WhatIf
from everup.model.stack import Stack

SEED = 7
"""Any would do; always the same one keeps numbers from trembling from call to call."""


def outlook(
    stack: Stack, own: OwnHealth, predictions: Predictions, learned: Tallies = NOTHING_LEARNED
) -> CascadeRisk:
    """Risk of each service and of the stack, failure paths and single points of failure."""
    model = fault_model(build_graph(stack), own, predictions, learned)
    spare = {n for n, spec in stack.services.items() if spec.instances > 1 or spec.standby}
    return cascade_risk(model, SEED, spare=spare)


def if_it_fails(stack: Stack, service: str, learned: Tallies = NOTHING_LEARNED) -> WhatIf:
    """Who suffers if this service fails. Raises KeyError for one that the stack does not have."""
    model = fault_model(build_graph(stack), OwnHealth({}), learned=learned)
    return what_if(model, service, SEED)
