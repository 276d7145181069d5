"""A runtime without processes: services of a virtual world, on whatever clock the loop has.

For simulation and for contract tests; a world is built by its user, never from an `everup.yaml`.
"""

from everup.runtimes.simulated.operations import Operations
from everup.runtimes.simulated.prober import SimulatedHost, SimulatedProber
from everup.runtimes.simulated.runtime import MANIFEST, SimulatedRuntime
from everup.runtimes.simulated.world import World

__all__ = [
    "MANIFEST",
    "Operations",
    "SimulatedHost",
    "SimulatedProber",
    "SimulatedRuntime",
    "World",
]
