"""What can be gone back to, when, and what differs: chooses and compares. Pure.

Called by `loop`. Imports `model` only. Whether it may be done is the gate's business, and how it is
done the runtime's.
"""

from everup.rollback_manager.between import Held, changes
from everup.rollback_manager.choose import NoWayBack, way_back
from everup.rollback_manager.compare import differences
from everup.rollback_manager.keep import worth_keeping
from everup.rollback_manager.propose import proposal_for, propose
from everup.rollback_manager.retain import is_due, is_safe, points_to_drop, still_held, to_drop

__all__ = [
    "Held",
    "NoWayBack",
    "changes",
    "differences",
    "is_due",
    "is_safe",
    "points_to_drop",
    "proposal_for",
    "propose",
    "still_held",
    "to_drop",
    "way_back",
    "worth_keeping",
]
