"""A line through features that is learned as it goes, and how wide its errors are. Pure numpy.

Least squares with exponential forgetting and a ridge, as normal equations that are solved from
time to time (recursive least squares; Haykin, *Adaptive Filter Theory*, ch. 9). A row whose error
is many times what is usual counts less (Huber, *Robust Estimation of a Location Parameter*, 1964).
"""

from __future__ import annotations

import math

import numpy as np

from everup.auto_scaler.demand.past import Floats

HALF_LIFE_STEPS = 5760.0
"""After a day of steps of 15 s a row counts half."""
RIDGE, RIDGE_LEAST = 1e-3, 0.05
ODD = 3.0
"""An error of more than so many usual ones counts as one of so many."""
SOLVED_EACH = 60
FIRST_AFTER = 120
ERROR_LEAST = 0.01
WIDTH_LEAST, WIDTH_MOST = 0.01, math.e
REACH = 2.0


class Line:
    """`say` gives the difference to the level and the width of its error; `learn` one outcome."""

    def __init__(self, x_size: int, v_size: int, half_life: float = HALF_LIFE_STEPS) -> None:
        self._keeps = 0.5 ** (1.0 / half_life)
        self._xx, self._xt = np.zeros((x_size, x_size)), np.zeros(x_size)
        self._vv, self._vs = np.zeros((v_size, v_size)), np.zeros(v_size)
        self._slope, self._width = np.zeros(x_size), np.zeros(v_size)
        self._width[0] = math.log(0.3)
        self._rows = 0

    def say(self, x: Floats, v: Floats) -> tuple[float, float]:
        """(difference of logarithms, width of its error)."""
        rise = min(REACH, max(-REACH, float(x @ self._slope)))
        width = math.exp(min(1.0, max(-5.0, float(v @ self._width))))
        return rise, min(WIDTH_MOST, max(WIDTH_LEAST, width))

    def learn(self, x: Floats, v: Floats, rise: float, error: float, width: float) -> None:
        """`rise`: what came of a moment. `error`, `width`: how wrong what was said of it then was,
        and how wrong it was expected to be."""
        odd = abs(error) / width
        weight = 1.0 if odd <= ODD else ODD / odd
        self._xx *= self._keeps
        self._xx += np.multiply.outer(weight * x, x)
        self._xt *= self._keeps
        self._xt += weight * rise * x
        self._vv *= self._keeps
        self._vv += np.multiply.outer(v, v)
        self._vs *= self._keeps
        self._vs += math.log(abs(error) + ERROR_LEAST) * v
        self._rows += 1
        if self._rows > FIRST_AFTER and self._rows % SOLVED_EACH == 0:
            self._slope = _solved(self._xx, self._xt)
            self._width = _solved(self._vv, self._vs)


def _solved(squares: Floats, products: Floats) -> Floats:
    ridge = RIDGE * np.diag(squares) + RIDGE_LEAST
    found = np.linalg.solve(squares + np.diag(ridge), products)
    return np.asarray(found, dtype=np.float64)
