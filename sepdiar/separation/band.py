"""A model that hears another rate than the recording's: down to it, back up, and the rest of the band shared out.

At the model's own rate its output is used as it is. At another, it is brought back to the recording's rate, and what is then
missing of the mixture (the band above the model's) is shared between the sources in each time and frequency as their
energies are there; above the model's band, as they are in its upper half. The sources always add up to the mixture.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal import istft, stft

from sepdiar.audio.source import Samples

FRAME = 0.032  # seconds of a spectrum
EDGE = 0.93  # of half the lower rate: up to here a resampler lets everything through
AS_IT_IS = 1e-6  # of the mixture's energy: less missing than that is nothing


def brought_to(samples: Samples, rate: int, wanted: int, count: int) -> Samples:
    """Samples along the last axis at another rate, `count` of them."""
    if rate != wanted:
        samples = soxr.resample(samples.T, rate, wanted, quality="HQ").T
    made = np.zeros((*samples.shape[:-1], count), np.float32)
    kept = min(count, samples.shape[-1])
    made[..., :kept] = samples[..., :kept]
    return made


def levelled(sources: Samples, heard: Samples) -> Samples:
    """The sources at the levels at which they add up best to what was heard; as they are where they do already."""
    exact, mixture = sources.astype(np.float64), heard.astype(np.float64)
    both = exact.sum(axis=0)
    energy, missing = mixture @ mixture, mixture - both
    if missing @ missing <= AS_IT_IS * energy or not both @ both:
        return sources
    products = exact @ exact.T
    common = (mixture @ both) / (both @ both)
    loading = 1e-3 * np.diag(products) + 1e-9 * products.trace()  # so that a silent source has a solution too
    gains = np.linalg.solve(products + np.diag(loading), exact @ mixture + loading * common)
    return (np.maximum(gains, 0.0)[:, None] * exact).astype(np.float32)


def full_band(sources: Samples, mixture: Samples, rate: int, band_rate: int) -> Samples:
    """What a model made of `mixture` at `band_rate`, as (sources, samples) at `rate` that add up to the mixture; two or more."""
    near = brought_to(sources, band_rate, rate, len(mixture))
    rest = mixture - near.sum(axis=0)
    if float(np.sum(rest.astype(np.float64) ** 2)) > AS_IT_IS * float(np.sum(mixture.astype(np.float64) ** 2)):
        near[:-1] += _shares(near, rest, rate, EDGE * min(rate, band_rate) / 2)
        near[-1] = mixture - near[:-1].sum(axis=0)
    return near


def _shares(sources: Samples, rest: Samples, rate: int, edge: float) -> NDArray[np.float32]:
    """What each source but the last gets of the rest."""
    size = 4 * next_fast_len(max(4, round(FRAME * rate / 4)), real=True)
    settings = {"fs": rate, "nperseg": size, "noverlap": size - size // 4}
    padded = np.pad(np.stack([*sources, rest]), ((0, 0), (0, max(0, size - len(rest)))))
    hertz, _, spectra = stft(padded, **settings)
    power = np.abs(spectra[:-1]) ** 2
    known = int(np.searchsorted(hertz, edge))
    level = power[:, known // 2 : known].sum(axis=1) + 1e-3 * power[:, :known].sum(axis=1)
    power[:, known:] = level[:, None]
    least = np.finfo(np.float32).tiny
    parts = (power[:-1] + least / len(power)) / (power.sum(axis=0) + least)
    _, shares = istft(spectra[-1] * parts, **settings)
    return shares[:, : len(rest)].astype(np.float32)  # type: ignore[no-any-return]
