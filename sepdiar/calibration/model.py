"""From features to an error with an interval: ridge regression of the error's logarithm, and how far it was off on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.9
FLOOR = 0.01  # added to an error before its logarithm is taken
RIDGE = 3.0  # recordings' worth of doubt about each weight

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Guess:
    """An error as a fraction, and between what it lies nine times of ten."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Model:
    """Weights of standardised features; `below` and `above` are the quantiles of how far the logarithm was off."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]
    offset: float
    below: float
    above: float
    most: float = 1.0
    """No error is said to be above it: words that nobody said can make more errors than there are words."""

    def guess(self, features: Mapping[str, float]) -> Guess | None:
        """The error of a recording; None where a feature is missing."""
        if any(name not in features for name in self.names):
            return None
        row = (np.array([features[name] for name in self.names]) - self.means) / self.spreads
        at = float(np.clip(row, -3, 3) @ np.array(self.weights)) + self.offset
        return Guess(*(float(np.clip(np.exp(at + off) - FLOOR, 0, self.most)) for off in (0.0, self.below, self.above)))

    def facts(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Model:
        """What `facts` gave."""
        known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
        return cls(**known)


def fit(rows: Sequence[Mapping[str, float]], errors: Sequence[float], most: float = 1.0) -> Model:
    """The model of some recordings. How far off it is, is measured on each recording by a model of all the others."""
    names = tuple(sorted(set.intersection(*(set(row) for row in rows))))
    table = np.array([[row[name] for name in names] for row in rows])
    spreads = table.std(axis=0)
    kept = spreads > 1e-9
    names, table, spreads = tuple(np.array(names)[kept].tolist()), table[:, kept], spreads[kept]
    means = table.mean(axis=0)
    standard = np.clip((table - means) / spreads, -3, 3)
    wanted = np.log(np.array(errors) + FLOOR)
    offset = float(wanted.mean())
    inverse = np.linalg.inv(standard.T @ standard + RIDGE * np.eye(len(names)))
    weights = inverse @ standard.T @ (wanted - offset)
    leverage = np.einsum("ij,jk,ik->i", standard, inverse, standard) + 1 / len(rows)
    off = (wanted - standard @ weights - offset) / (1 - np.minimum(leverage, 0.9))  # each as if it had been left out
    below, above = _edges(off)
    return Model(names, _floats(means), _floats(spreads), _floats(weights), offset, below, above, most)


def _floats(values: Values) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _edges(off: Values) -> tuple[float, float]:
    """Conformal: the quantiles between which a further recording lies with the chance `COVERAGE`, whatever the distribution."""
    rest, count = (1 - COVERAGE) / 2, len(off)
    ordered = np.sort(off)
    low = int(np.floor(rest * (count + 1))) - 1
    high = int(np.ceil((1 - rest) * (count + 1))) - 1
    return float(ordered[max(low, 0)]), float(ordered[min(high, count - 1)])
