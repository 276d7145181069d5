"""What must hold in every run, judged by the world's truth and the journal's contents alone.

Each module judges one part of the promises: `intents` 1, 2 and 10; `pace` 3; `patients` 4, 5 and
the safety rules; `rollbacks` 8 and what may be gone back from; `scaling` what no number of
instances may become; `eyes` 6 and 9; `endings` 11 and that all that can be healed is. None calls
the gate or any other part that decides.
"""

from everup.simulation.invariants.court import Court, Violation

__all__ = ["Court", "Violation"]
