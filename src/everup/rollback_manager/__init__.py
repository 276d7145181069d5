"""What can be gone back to, when, and what differs: chooses and compares. Pure.

Called by `loop`. Imports `model` only. Whether it may be done is the gate's business, and how it is
done the runtime's.
"""

from everup.rollback_manager.choose import NoWayBack, way_back
from everup.rollback_manager.compare import differences
from everup.rollback_manager.keep import worth_keeping
from everup.rollback_manager.propose import proposal_for, propose

__all__ = ["NoWayBack", "differences", "proposal_for", "propose", "way_back", "worth_keeping"]
