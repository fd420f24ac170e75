"""A blind separator that knows the truth: nearly perfect sources, in an order drawn anew for each window."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from sepdiar.audio.source import Audio, Samples, View
from sepdiar.conversation import Span
from sepdiar.separation.band import brought_to

REMEMBERED = 4096  # reads: two of the largest batches and more


@dataclass(frozen=True)
class Watched(View):
    """Audio that remembers of what was read last where it was, by what it is at another rate."""

    wanted: int
    spans: dict[bytes, Span] = field(default_factory=dict)

    def read(self, span: Span) -> Samples:
        frames = self.whole.read(span)
        count = round(len(span) * self.wanted / self.rate)
        known = _told_by(brought_to(frames[:, 0], self.rate, self.wanted, count))
        self.spans.pop(known, None)  # so that it is the latest
        self.spans[known] = span
        while len(self.spans) > REMEMBERED:
            del self.spans[next(iter(self.spans))]
        return frames


class Oracle:
    """Of what was read from `audio`, the channels of `truth`, each with a little of the other and of noise.

    `leak` is the share of a voice in the wrong source, and `noise` is a share of the mixture's level that one source has more and
    the other less, so that the sources add up to the mixture. `shuffled` is whether the order is drawn, and `restless` the
    share of windows in the middle of which the two change places.
    """

    def __init__(
        self,
        audio: Audio,
        truth: Audio,
        *,
        rate: int = 16_000,
        window: float = 8.0,
        leak: float = 0.03,
        noise: float = 0.03,
        shuffled: bool = True,
        restless: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.audio, self._truth, self.rate, self.window = Watched(audio, rate), truth, rate, window
        self._leak, self._noise, self._seed = leak, noise, seed
        self._shuffled, self._restless = shuffled, restless

    def split(self, mixtures: Samples) -> Samples:
        """Sources that add up to the mixtures."""
        return np.stack([self._sources(self.audio.spans[_told_by(mixture)], mixture) for mixture in mixtures])

    def _sources(self, span: Span, mixture: Samples) -> Samples:
        rng = np.random.default_rng([self._seed, span.start])
        first = brought_to(self._truth.read(span)[:, 0], self._truth.rate, self.rate, len(mixture))
        first = first + np.float32(self._leak) * (mixture - 2 * first)
        level = self._noise * float(np.sqrt(np.mean(mixture**2)))
        first = first + (level * rng.standard_normal(len(mixture))).astype(np.float32)
        pair = np.stack([first, mixture - first])
        if rng.random() < self._restless:
            at = int(rng.uniform(0.25, 0.75) * len(mixture))
            pair[:, at:] = pair[::-1, at:].copy()
        return pair[rng.permutation(2)] if self._shuffled else pair


def _told_by(mixture: Samples) -> bytes:
    """What it is known by, whether or not it was made longer with silence."""
    return hashlib.blake2b(mixture.tobytes().rstrip(b"\0")).digest()
