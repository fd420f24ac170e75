"""What is learnt on some recordings, tested on others: how often the interval holds, and how well the prediction ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sepdiar.calibration.model import Model, fit
from sepdiar.calibration.targets import TARGETS
from sepdiar.evaluation import bootstrap

Rows = Sequence[Mapping[str, Any]]
Errors = NDArray[np.float64]  # true, predicted, low, high: a row each


def learnt(rows: Rows, target: str) -> Model:
    """The model of what is predicted for a target, of the recordings that have it and all that it is told by."""
    known = TARGETS[target]
    done = [row for row in rows if target in row and known.features <= {*row["features"]}]
    return fit([known.of(row["features"]) for row in done], [row[target] for row in done], known.most)


def on_others(ways: Iterable[tuple[Rows, Rows]], target: str) -> dict[str, Any]:
    """What is learnt of the first of each two sides, on the second; the predictions of all together."""
    found = []
    for known, other in ways:
        model = learnt(known, target)
        for row in other:
            if target in row and (guess := model.guess(row["features"])):
                found.append((row[target], guess.value, guess.low, guess.high))
    errors = np.array(found).T
    count = errors.shape[1]
    draws = [errors[:, np.repeat(np.arange(count), times.astype(int))] for times in bootstrap.drawn(count)]
    figures = {}
    for name, measure in MEASURES.items():
        low, high = bootstrap.interval(np.array([measure(one) for one in draws]))
        figures[name] = {"value": round(measure(errors), 4), "low": low, "high": high}
    points = np.round(errors.T, 4).tolist()
    return {"recordings": count, "mean": round(float(errors[0].mean()), 4), **figures, "points": points}


def _covered(errors: Errors) -> float:
    return float(((errors[0] >= errors[2]) & (errors[0] <= errors[3])).mean())


def _rank(errors: Errors) -> float:
    return float(spearmanr(errors[0], errors[1]).statistic)


def _off(errors: Errors) -> float:
    return float(np.median(np.abs(errors[0] - errors[1])))


def _width(errors: Errors) -> float:
    return float(np.median(errors[3] - errors[2]))


MEASURES: Mapping[str, Callable[[Errors], float]] = {"covered": _covered, "rank": _rank, "off": _off, "width": _width}
