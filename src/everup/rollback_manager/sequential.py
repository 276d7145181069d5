"""Statistics that may be looked at again and again while the data come in. Pure numpy.

`boundary(share, alpha)`: how many standard errors a mean must lie out to count, at any time. It is
the normal mixture of Robbins (Ann. Math. Stat. 41, 1970; as in Howard, Ramdas, McAuliffe, Sekhon,
Time-uniform, nonparametric, nonasymptotic confidence sequences, Ann. Stat. 49, 2021, eq. 14): a
walk with independent steps of variance 1 ever crosses sqrt(2 (t + r) ln(1 + sqrt(1 + t/r) / 2a))
with probability at most a.

`too_many(errors, asked, usual, alpha)`: is a share above the usual one? A mixture over all higher
shares of the likelihood ratio of Bernoulli trials: an e-process, which by Ville's inequality ever
reaches 1/alpha with probability at most alpha.
"""

from __future__ import annotations

import math

import numpy as np

GRID = 256
SHARE_MOST = 1.0 - 1e-9


def boundary(share: float, alpha: float) -> float:
    """`share`: time so far, over the time for which the mixture is tuned. In standard errors."""
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha must be in (0, 0.5), got {alpha!r}")
    if not share > 0.0:
        return math.inf
    spread = 1.0 / (-2.0 * math.log(2.0 * alpha))  # of the mixture, for which it is least there
    crossed = math.log1p(math.sqrt(1.0 + share / spread) / (2.0 * alpha))
    return math.sqrt(2.0 * (share + spread) / share * crossed)


def evidence(errors: float, asked: float, usual: float) -> float:
    """The e-value, in natural logarithms, against a share of at most `usual`."""
    if not 0.0 <= errors <= asked or not asked > 0.0:
        return 0.0
    usual = min(max(usual, 1e-9), SHARE_MOST)
    share = usual + (SHARE_MOST - usual) * (np.arange(GRID) + 0.5) / GRID
    gain = errors * (np.log(share) - math.log(usual))
    gain += (asked - errors) * (np.log1p(-share) - math.log1p(-usual))
    most = float(gain.max())
    return most + math.log(float(np.mean(np.exp(gain - most))))


def too_many(errors: float, asked: float, usual: float, alpha: float) -> bool:
    """Is the share of errors above `usual`, however often this is asked?"""
    return evidence(errors, asked, usual) >= -math.log(alpha)


def share_most(errors: float, asked: float, z: float) -> float:
    """Wilson's upper bound of a share, `z` standard errors out; 1 where nothing was asked."""
    if not asked > 0.0:
        return 1.0
    share, more = errors / asked, z * z / asked
    width = z * math.sqrt(share * (1.0 - share) / asked + more / (4.0 * asked))
    return min(1.0, (share + more / 2.0 + width) / (1.0 + more))
