"""What can be gone back to, when, and what differs: chooses and compares. Pure.

Called by `loop`. Imports `model` only. Whether it may be done is the gate's business, and how it is
done the runtime's.
"""

from everup.rollback_manager.advance import Go, Next, Over, Turn, Wait, next_step, progress
from everup.rollback_manager.choose import NoWayBack, way_back
from everup.rollback_manager.compare import differences
from everup.rollback_manager.keep import worth_keeping
from everup.rollback_manager.order import in_order
from everup.rollback_manager.propose import proposal_for, propose
from everup.rollback_manager.restoring import plan_restore, resolved, target_of
from everup.rollback_manager.steps import proposal_of

__all__ = [
    "Go",
    "Next",
    "NoWayBack",
    "Over",
    "Turn",
    "Wait",
    "differences",
    "in_order",
    "next_step",
    "plan_restore",
    "progress",
    "proposal_for",
    "proposal_of",
    "propose",
    "resolved",
    "target_of",
    "way_back",
    "worth_keeping",
]
