"""What can be gone back to, when, and what differs: chooses and compares. Pure.

Called by `loop`. Imports `model` only. Whether it may be done is the gate's business, and how it is
done the runtime's.
"""

from everup.rollback_manager.advance import Go, Next, Over, Turn, Wait, next_step, progress
from everup.rollback_manager.between import Held, changes
from everup.rollback_manager.choose import NoWayBack, number_of, title_of, way_back
from everup.rollback_manager.compare import differences
from everup.rollback_manager.keep import worth_keeping
from everup.rollback_manager.order import in_order
from everup.rollback_manager.propose import proposal_for, propose
from everup.rollback_manager.restoring import plan_restore, resolved, target_of
from everup.rollback_manager.retain import (
    held_by_a_restore,
    is_due,
    is_safe,
    points_to_drop,
    still_held,
    to_drop,
)
from everup.rollback_manager.steps import proposal_of

__all__ = [
    "Go",
    "Held",
    "Next",
    "NoWayBack",
    "Over",
    "Turn",
    "Wait",
    "changes",
    "differences",
    "held_by_a_restore",
    "in_order",
    "is_due",
    "is_safe",
    "next_step",
    "number_of",
    "plan_restore",
    "points_to_drop",
    "progress",
    "proposal_for",
    "proposal_of",
    "propose",
    "resolved",
    "still_held",
    "target_of",
    "title_of",
    "to_drop",
    "way_back",
    "worth_keeping",
]
