"""Mel-frequency cepstra of 25 ms windows every 10 ms: the shape of the spectrum, without the level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span

RATE, HOP, WINDOW, FFT = 16000, 160, 400, 512
BANDS, COEFFICIENTS = 30, 20
LOWEST, HIGHEST = 100.0, 7600.0  # Hz
QUIETEST = 1e-6  # of the mean power of a band: below that, a band that a narrow channel left empty says nothing
CHUNK = 4096  # frames made at once

Frames = NDArray[np.float32]


class Cepstra:
    """The cepstra of a recording (one channel, 16 kHz); frame n stands for the samples from 160 n to 160 (n + 1).

    What the whole of `runs` (first and last frame of stretches of speech) has in common, the channel, is taken out.
    """

    def __init__(self, audio: Audio, runs: Sequence[tuple[int, int]]) -> None:
        self._audio, self._bank = audio, _bank()
        self._floor = np.float32(0)
        powers = [self._powers(first, last) for first, last in runs]
        self._floor = np.float32(QUIETEST * np.mean([power.mean() for power in powers]) + 1e-20)
        self._mean = np.zeros(COEFFICIENTS, np.float32)
        self._mean = np.concatenate([_cosines(power, self._floor) for power in powers]).mean(0)

    def __call__(self, first: int, last: int) -> Frames:
        """Frames `first` to `last`, of shape (last - first, 20)."""
        made = [np.zeros((0, COEFFICIENTS), np.float32)]
        for start in range(first, last, CHUNK):
            made.append(_cosines(self._powers(start, min(start + CHUNK, last)), self._floor) - self._mean)
        return np.concatenate(made)

    def _powers(self, first: int, last: int) -> Frames:
        lead = (WINDOW - HOP) // 2 + 1
        start, end = first * HOP - lead, (last - 1) * HOP + HOP + lead - 1
        inside = Span(max(start, 0), min(end, self._audio.samples))
        signal = np.zeros(end - start, np.float32)
        signal[inside.start - start : inside.end - start] = self._audio.read(inside)[:, 0]
        windows = np.lib.stride_tricks.sliding_window_view(signal[1:] - 0.97 * signal[:-1], WINDOW)[::HOP]
        return np.square(np.abs(_spectra(windows * _HAMMING))) @ self._bank


_HAMMING = np.hamming(WINDOW).astype(np.float32)


def _spectra(windows: Frames) -> NDArray[np.complex64]:
    from scipy.fft import rfft

    return rfft(windows, FFT, axis=1)  # type: ignore[no-any-return]


def _cosines(powers: Frames, floor: np.float32) -> Frames:
    from scipy.fft import dct

    return dct(np.log(powers + floor), norm="ortho", axis=1)[:, 1 : COEFFICIENTS + 1]  # type: ignore[no-any-return]


def _bank() -> Frames:
    """Triangles, evenly spaced in mel, of shape (257, 30)."""
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1)[:, None] * RATE / FFT
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
