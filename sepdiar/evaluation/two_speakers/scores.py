"""How well two sources were told apart, as the field reports it: one mixture at a time, the better order, over the mixture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.errors import SepdiarError
from sepdiar.metrics import energies
from sepdiar.metrics.energies import LIMIT, TAPS

PROTOCOL = (
    "one mixture at a time, its outputs in the order of the best mean SI-SDR; mean of both sources, then of the mixtures",
    f"SI-SDR with means removed, SDR of BSS Eval with a filter of {TAPS} taps, each between -{LIMIT:g} and {LIMIT:g} dB",
    "improvement over the mixture as it is",
)


@dataclass(frozen=True)
class Score:
    """Of one mixture, in dB, means of its two sources: of the outputs, and of the mixture in their place."""

    name: str
    si_sdr: float
    si_sdr_mixture: float
    sdr: float
    sdr_mixture: float

    @property
    def si_sdr_improvement(self) -> float:
        return self.si_sdr - self.si_sdr_mixture

    @property
    def sdr_improvement(self) -> float:
        return self.sdr - self.sdr_mixture


def scored(name: str, sources: Samples, mixture: Samples, outputs: Samples) -> Score:
    """The score of two outputs against two sources: each (2, samples), the mixture (samples,). SD602: a silent source."""
    fits = _si_sdr(sources, outputs, name)
    order = max(permutations(range(len(sources))), key=lambda order: sum(fits[true, made] for true, made in enumerate(order)))
    return Score(
        name,
        float(np.mean([fits[true, made] for true, made in enumerate(order)])),
        float(_si_sdr(sources, mixture[None], name).mean()),
        _sdr(sources, outputs, order),
        _sdr(sources, mixture[None], (0,) * len(sources)),
    )


def _si_sdr(sources: Samples, outputs: Samples, name: str) -> NDArray[np.float64]:
    """Of each source with each output."""
    both = np.vstack([sources, outputs]).astype(np.float64)
    both -= both.mean(axis=1, keepdims=True)
    products = both @ both.T
    fits = np.zeros((len(sources), len(outputs)))
    for true in range(len(sources)):
        for made in range(len(outputs)):
            at = len(sources) + made
            fit = energies.si_sdr(products[true, true], products[at, at], products[true, at])
            if fit is None:
                raise SepdiarError("SD602", f"source {true + 1} is silent", where=name)
            fits[true, made] = fit
    return fits


def _sdr(sources: Samples, outputs: Samples, order: tuple[int, ...]) -> float:
    rate = 1  # nothing here depends on it
    made = energies.sdr(ArrayAudio(sources.T, rate), ArrayAudio(outputs.T, rate), order)
    return float(np.mean([value for value in made if value is not None]))
