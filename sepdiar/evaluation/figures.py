"""From counts to figures: ratios of sums, with an interval from drawing the recordings again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sepdiar.evaluation import bootstrap
from sepdiar.evaluation.page import head
from sepdiar.metrics.result import Counts

PROTOCOL = f"95 % interval: bootstrap over recordings, {bootstrap.DRAWS} draws, seed {bootstrap.SEED}; none for one recording"

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """A weighed sum of counts over another: a share, a number of decibels, of times or of cases an hour."""

    title: str
    top: Weights
    bottom: Weights
    unit: str = ""
    decibels: bool = False
    """Whether the ratio is one of energies."""
    better: str = field(default="more", kw_only=True)

    @property
    def counts(self) -> set[str]:
        """What it is made of."""
        return {*self.top, *self.bottom}

    def above(self, counts: Counts) -> float:
        """The weighed sum above the line."""
        return _sum(counts, self.top)

    def below(self, counts: Counts) -> float:
        """The weighed sum below the line."""
        return _sum(counts, self.bottom)


def share(title: str, top: str, bottom: str, better: str = "more") -> Figure:
    """One count of another, in percent."""
    return Figure(title, {top: 100.0}, {bottom: 1.0}, "%", better=better)


def mean(title: str, measure: str) -> Figure:
    """The mean over channels of what is in decibels."""
    return Figure(title, {f"{measure}_db": 1.0}, {f"{measure}_channels": 1.0}, "dB")


FIGURES = {
    "si_sdr_clean": mean("SI-SDR clean", "si_sdr_clean"),
    "si_sdr_overlap": mean("SI-SDR overlap", "si_sdr_overlap"),
    "mixture_overlap": Figure(
        "mixture overlap", {"si_sdr_overlap_db": 1.0, "improvement_overlap_db": -1.0}, {"si_sdr_overlap_channels": 1.0}, "dB"
    ),
    "improvement": mean("improvement", "improvement_overlap"),
    "leakage": Figure("leakage", {"leaked_energy": 1.0}, {"other_energy": 1.0}, "dB", decibels=True, better="less"),
    "der": Figure("DER", {"miss": 100.0, "false_alarm": 100.0, "confusion": 100.0}, {"total": 1.0}, "%", better="less"),
    "miss": share("missed", "miss", "total", "less"),
    "false_alarm": share("false alarm", "false_alarm", "total", "less"),
    "confusion": share("confusion", "confusion", "total", "less"),
    "counted": share("counted right", "counted", "recordings"),
    "onsets": share("onsets 50 ms", "onsets_50ms", "turns"),
    "wrong_speaker": share("wrong speaker", "wrong_speaker_turns", "heard_turns", "less"),
    "swaps": Figure("swaps an hour", {"swaps": 1.0}, {"hours": 1.0}, better="less"),
    "swapped": share("swapped", "swapped_seconds", "decided_seconds", "less"),
    "undecided": share("undecided", "undecided", "pieces", "less"),
    "clean_same": Figure("clean kept", {"clean_samples": 100.0, "clean_changed": -100.0}, {"clean_samples": 1.0}, "%"),
    "copied_changed": share("copied changed", "copied_changed", "copied_samples", "less"),
    "kept": share("written", "kept_seconds", "seconds"),
    "speed": Figure("times real time", {"seconds": 1.0}, {"processor_seconds": 1.0}),
    "speed_clock": Figure("times real time by the clock", {"seconds": 1.0}, {"stage_seconds": 1.0}),
}
"""Every figure by its key; the counts under them add over recordings."""


def heads(keys: Iterable[str]) -> list[str]:
    """What columns of figures are called, with their units."""
    return [head(FIGURES[key].title, FIGURES[key].unit) for key in keys]


@dataclass(frozen=True)
class Value:
    """A figure, and where 95 % of it lie when the recordings are drawn again; None where nothing was counted."""

    value: float | None
    low: float | None = None
    high: float | None = None


def figures(rows: Sequence[Counts]) -> dict[str, Value]:
    """All figures of some recordings, added up.

    >>> figures([{"miss": 1, "total": 10}, {"miss": 3, "total": 10}])["miss"]
    Value(value=20.0, low=10.0, high=30.0)
    """
    if not rows:
        return dict.fromkeys(FIGURES, Value(None))
    drawn = bootstrap.drawn(len(rows), bootstrap.DRAWS if len(rows) > 1 else 0)
    found = {}
    for key, figure in FIGURES.items():
        sums = np.array([[figure.above(row), figure.below(row)] for row in rows])
        value = round(float(ratios(figure, sums.sum(axis=0, keepdims=True))[0]), 4)
        limits = bootstrap.interval(ratios(figure, drawn @ sums))
        found[key] = Value(*(None if math.isnan(one) else one for one in (value, *limits)))
    return found


def rates(count: float, hours: float) -> tuple[float, float]:
    """Where 95 % of the rates an hour lie that could have given so many chance events (Poisson).

    >>> tuple(round(one, 2) for one in rates(0, 20))
    (0.0, 0.18)
    """
    from scipy.stats import chi2

    low = float(chi2.ppf(0.025, 2 * count)) / 2 / hours if count else 0.0
    return low, float(chi2.ppf(0.975, 2 * count + 2)) / 2 / hours


def _sum(counts: Counts, weights: Weights) -> float:
    return sum(weight * counts.get(key, 0.0) for key, weight in weights.items())


def ratios(figure: Figure, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The figure of each row of sums (above, below); NaN where there is nothing below."""
    above, below = sums.T
    made = np.full(len(sums), np.nan)
    np.divide(above, below, out=made, where=below > 0)
    return 10 * np.log10(np.maximum(made, 1e-10)) if figure.decibels else made
