"""What a microphone, a room, a line and a mixing desk do to speech, drawn at random; everything is at 16 kHz."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import prev_fast_len
from scipy.ndimage import maximum_filter1d
from scipy.signal import fftconvolve

from sepdiar.audio.source import Samples
from sepdiar.training.corpus import RATE


def gain(level: float) -> np.float32:
    """Decibels as a factor of amplitude."""
    return np.float32(10 ** (level / 20))


def speed(samples: Samples, factor: float) -> Samples:
    """Faster and higher (`factor` > 1) or slower and lower, as a tape would be: it makes another voice.

    A few samples at the end are left out, so that the lengths suit the Fourier transform.
    """
    taken = prev_fast_len(len(samples), real=True)
    count = prev_fast_len(max(2, int(taken / factor)), real=True)
    spectrum = np.fft.rfft(samples[:taken])[: count // 2 + 1]
    return np.fft.irfft(spectrum, count).astype(np.float32) * np.float32(count / taken)


def low_pass(samples: Samples, edge: float) -> Samples:
    """Nothing above `edge` Hz, falling over the 300 Hz below it; along the last axis."""
    count = samples.shape[-1]
    hertz = np.fft.rfftfreq(count, 1 / RATE).astype(np.float32)
    keep = np.clip((edge - hertz) / 300, 0, 1).astype(np.float32)
    return np.fft.irfft(np.fft.rfft(samples) * keep, count).astype(np.float32)


def in_band(hertz: Samples, low: float, high: float) -> NDArray[np.floating[Any]]:
    """The gain at each frequency of a line that lets `low` to `high` Hz through, and falls off beside them."""
    return np.clip((hertz - low) / 120 + 1, 0, 1) * np.clip((high - hertz) / 200 + 1, 0, 1)


def telephone(samples: Samples, rng: Generator) -> Samples:
    """Speech at the other end of a call: a narrow band of its own slope; at times in the 256 steps of a digital line, at times
    with all that is soft cut away."""
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE).astype(np.float32)
    low, high = rng.uniform(50, 350), rng.uniform(3000, 3950)
    keep = in_band(hertz, low, high)
    slope = gain(1.0) ** (rng.uniform(-3, 4) * np.log2(np.maximum(hertz, 100) / 1000))
    heard = np.fft.irfft(np.fft.rfft(samples) * keep * slope, len(samples)).astype(np.float32)
    loudest = float(np.abs(heard).max()) + 1e-9
    if rng.random() < 0.5:
        pressed = np.log1p(255 * np.abs(heard) / loudest) / np.log(256)
        heard = np.sign(heard) * np.expm1(np.rint(pressed * 127) / 127 * np.log(256)) / 255 * loudest
    if rng.random() < 0.5:
        held = maximum_filter1d(np.abs(heard), RATE // 5)
        heard = heard * (held > loudest * gain(-rng.uniform(25, 45)))
    return heard.astype(np.float32)


def even(noise: Samples) -> Samples:
    """The same with power 1."""
    return noise / np.float32(np.sqrt(np.mean(noise**2)) + 1e-9)


def coloured(count: int, slope: float, rng: Generator) -> Samples:
    """Noise of power 1 that falls by `slope` dB an octave."""
    hertz = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 30.0).astype(np.float32)
    shape = (hertz / 1000) ** np.float32(-slope / 6.02)
    return even(np.fft.irfft(np.fft.rfft(rng.standard_normal(count, np.float32)) * shape, count).astype(np.float32))


def hilly(samples: Samples, rng: Generator, height: float) -> Samples:
    """Through a filter of hills and valleys, each up to `height` dB, as a microphone or a box has them."""
    octaves = np.log2(np.fft.rfftfreq(len(samples), 1 / RATE) + 50)
    hills = 10 ** (np.interp(octaves, np.linspace(5.6, 13, 9), rng.uniform(-height, height, 9)) / 20)
    return np.fft.irfft(np.fft.rfft(samples) * hills, len(samples)).astype(np.float32)


def response(rng: Generator) -> Samples:
    """A room as it is heard at one place: the direct sound, a few early reflections, and a tail that decays in 0.15 to 0.7 s."""
    decay = rng.uniform(0.15, 0.7)
    count = int(decay * RATE)
    fall = np.exp(-6.9 * np.arange(count) / count).astype(np.float32)
    tail = low_pass(rng.standard_normal(count, np.float32), rng.uniform(3000, 8000)) * fall
    tail[: int(rng.uniform(0.004, 0.02) * RATE)] = 0
    for at in rng.integers(16, 800, 6):
        tail[at] += rng.uniform(-1, 1) * 4 * fall[at]
    tail *= gain(-rng.uniform(0, 12)) / np.float32(np.sqrt(np.sum(tail**2)) + 1e-9)
    tail[0] = 1
    return tail


def heard_in(samples: Samples, place: Samples) -> Samples:
    """Speech as it arrives, as long as it was."""
    return fftconvolve(samples, place)[: len(samples)].astype(np.float32)  # type: ignore[no-any-return]
