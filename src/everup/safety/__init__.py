"""The gate: the one place that allows, delays or refuses an action, whoever proposed it. Pure.

`judge(proposal, context)` asks every check of `CHECKS` in its fixed order and returns the first
objection. Called by `loop.decide` and once more by `loop.act` before each step. Imports `model`.
"""

from everup.safety.context import Context
from everup.safety.freezes import freezes_in_force
from everup.safety.judge import CHECKS, judge
from everup.safety.modes import mode_in_force
from everup.safety.pace import backoff_s
from everup.safety.risk import expected_of, risk_of

__all__ = [
    "CHECKS",
    "Context",
    "backoff_s",
    "expected_of",
    "freezes_in_force",
    "judge",
    "mode_in_force",
    "risk_of",
]
