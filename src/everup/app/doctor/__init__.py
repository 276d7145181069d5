"""Can Everup work with the containers of this host? Looks, judges, and changes nothing.

Flows in: an environment, and where Everup would keep its state and listen. Flows out: findings,
each with a state, one sentence and its fix. `examine` asks the engine, `here` looks at this
machine, the other files judge: values in, findings out. Called by `everup doctor`.
"""

from everup.app.doctor.examine import Examined, Place, examine
from everup.app.doctor.findings import Finding, State

__all__ = ["Examined", "Finding", "Place", "State", "examine"]
