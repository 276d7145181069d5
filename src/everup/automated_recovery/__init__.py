"""What would help: `propose(...)` walks each cause's ladder from its gentlest rung. Pure.

Called by `loop.decide`. Imports `model` only. Whether it may be done is the gate's business.
"""

from everup.automated_recovery.propose import propose
from everup.automated_recovery.requests import proposal_for

__all__ = ["proposal_for", "propose"]
