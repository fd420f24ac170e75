"""Inner products of recordings too long to hold: they add over stretches, and SI-SDR, SDR and leakage follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import correlate

from sepdiar.audio.source import Audio, blocks
from sepdiar.conversation import Span

LIMIT = 100.0  # dB, either way: what a perfect or a silent channel gets
LOADING = 1e-12  # of a reference's energy, so that one without high frequencies has a solution
TAPS = 512  # of the filter that SDR allows between a reference and its estimate

Matrix = NDArray[np.float64]


def products(audios: Sequence[Audio], stretches: Iterable[tuple[Span, frozenset[int]]]) -> dict[frozenset[int], Matrix]:
    """For each set of active speakers the inner products of all channels with each other, over its stretches.

    The channels of `audios` are counted through: two of two channels give matrices of 4 x 4.
    """
    sums: dict[frozenset[int], Matrix] = {}
    for stretch, who in stretches:
        for part, first in blocks(audios[0], stretch):
            frames = np.hstack([first, *(audio.read(part) for audio in audios[1:])]).astype(np.float64)
            sums[who] = sums.get(who, 0.0) + frames.T @ frames
    return sums


def decibels(signal: float, noise: float) -> float:
    """The ratio of two energies in dB, from -100 to 100."""
    if noise <= 0 or signal <= 0:
        return LIMIT if noise <= 0 < signal else -LIMIT
    return min(LIMIT, max(-LIMIT, 10 * math.log10(signal / noise)))


def si_sdr(reference: float, estimate: float, both: float) -> float | None:
    """SI-SDR in dB from the energies of a reference and an estimate and their inner product; None for a silent reference.

    The target is the reference at the scale that fits best: with energies 1 and 2 and inner product 1 it has energy 1, and
    so has what is left.

    >>> si_sdr(1.0, 2.0, 1.0)
    0.0
    """
    if reference <= 0:
        return None
    target = both * both / reference
    return decibels(target, estimate - target)


def sdr(reference: Audio, estimate: Audio, order: Sequence[int]) -> list[float | None]:
    """SDR of BSS Eval in dB, of each channel c of the reference with channel `order[c]` of the estimate.

    The target is what a filter of 512 taps makes of the reference. That needs inner products at 512 lags, which add.
    """
    count = reference.channels
    auto, cross, energy = np.zeros((count, TAPS)), np.zeros((count, TAPS)), np.zeros(count)
    past = np.zeros((TAPS - 1, count))
    for part, frames in blocks(reference):
        true = np.vstack([past, frames])
        made = estimate.read(part).astype(np.float64)
        for channel, chosen in enumerate(order):
            auto[channel] += correlate(true[:, channel], frames[:, channel].astype(np.float64), "valid", "fft")[::-1]
            cross[channel] += correlate(true[:, channel], made[:, chosen], "valid", "fft")[::-1]
            energy[channel] += made[:, chosen] @ made[:, chosen]
        past = true[len(frames) :]
    return [_filtered(*one) for one in zip(auto, cross, energy.tolist(), strict=True)]


def _filtered(auto: Matrix, cross: Matrix, energy: float) -> float | None:
    if auto[0] <= 0:
        return None
    lags = auto / auto[0]
    lags[0] += LOADING
    taps = solve_toeplitz(lags, cross / auto[0])
    target = float(cross @ taps)
    return decibels(target, energy - target)
