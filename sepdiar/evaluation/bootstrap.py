"""How sure a figure is: where it would lie had other recordings, speakers or windows been drawn from the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
SEED = 0


def drawn(cases: int, draws: int = DRAWS) -> NDArray[np.float64]:
    """How often each case counts when as many are drawn again, with replacement: shape (draws, cases), always the same.

    Sums over the cases of a draw are `drawn(n) @ values`.
    """
    chances = np.full(cases, 1 / cases)
    return np.random.default_rng(SEED).multinomial(cases, chances, size=draws).astype(np.float64)


def mean(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """The mean, where it lies for 95 % of draws of as many values, and how many there are.

    >>> mean([1.0, 1.0, 1.0])
    {'value': 1.0, 'interval': (1.0, 1.0), 'n': 3}
    """
    given = np.asarray(values, np.float64)
    means = drawn(len(given)) @ given / len(given)
    return {"value": round(float(given.mean()), digits), "interval": interval(means, digits), "n": len(given)}


def interval(figures: NDArray[np.float64], digits: int = 4) -> tuple[float, float]:
    """Where 95 % of a figure's draws lie; draws in which nothing was counted are NaN and left out, and NaN where all are.

    >>> interval(np.array([np.nan, *range(101)]))
    (2.5, 97.5)
    """
    real = figures[~np.isnan(figures)]
    low, high = np.percentile(real, [2.5, 97.5]) if len(real) else (np.nan, np.nan)
    return round(float(low), digits), round(float(high), digits)
