"""What containers use, cheaply: one pass over files of the kernel, the engine's word only without.

Flows in: the containers that run, as the engine names them. Flows out: a `Usage` each. The
runtime's sampler calls `Accounting.read` in one worker thread; `everup doctor` asks `reach` what
can be seen from here. Read `accounting.py` for the pass, `hierarchy.py` for how a container's
control group is found, `process.py` for why no stranger's process is ever read.
"""

from everup.runtimes.docker.accounting.accounting import Accounting
from everup.runtimes.docker.accounting.reach import Reach
from everup.runtimes.docker.accounting.statistics import usage_of_stats
from everup.runtimes.docker.accounting.values import Roots, Target, Usage

__all__ = ["Accounting", "Reach", "Roots", "Target", "Usage", "usage_of_stats"]
