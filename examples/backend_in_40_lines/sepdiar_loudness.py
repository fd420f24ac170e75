"""Who speaks when, by loudness: right where one person is nearer to the microphone, and wrong everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sepdiar.audio.source import Audio, blocks
from sepdiar.conversation import Span, Turn, merged


class Loudness:
    """Two people, told apart by how loud they are: a toy that shows what a backend is."""

    rate = 8000
    uses = ()  # no models

    def __init__(self, floor_db: float = 35.0, pause_seconds: float = 0.3) -> None:
        self.floor_db, self.pause = floor_db, int(pause_seconds * self.rate)

    def diarize(self, audio: Audio, speakers: int | None = None) -> Sequence[Turn]:
        frame = self.rate // 50
        levels = np.concatenate([self._levels(samples, frame) for _, samples in blocks(audio, size=1024 * frame)])
        spoken = np.flatnonzero(levels > levels.max() - self.floor_db)
        if levels.max() < -90 or not len(spoken):
            return []
        ends = (int(at) * frame for at in spoken)
        said = merged((Span(at, min(at + frame, audio.samples)) for at in ends), gap=self.pause)
        loud = np.array([levels[span.start // frame : -(-span.end // frame)].max() for span in said])
        threshold = -np.inf if speakers == 1 else np.median(loud)
        return [Turn("near" if level >= threshold else "far", span) for span, level in zip(said, loud, strict=True)]

    def _levels(self, samples: np.ndarray, frame: int) -> np.ndarray:
        padded = np.pad(samples[:, 0], (0, -len(samples) % frame)).reshape(-1, frame)
        return 10 * np.log10(np.mean(padded**2, axis=1) + 1e-12)
