"""What overlapping windows say of each frame of a recording, by vote: how many speak, and who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.diarization.linking import Names

NOBODY = -2  # pyannote's word for it

Heard = NDArray[np.uint8]
"""Whether each local speaker of each window is heard, (windows, frames, local speakers)."""


@dataclass(frozen=True)
class Frames:
    """The frames of a recording: how long one is and the step to the next, in seconds, and with which one each window begins."""

    duration: float
    step: float
    starts: Sequence[int]
    count: int

    @classmethod
    def of(cls, one: Any, starts: Sequence[float], length: float) -> Frames:
        """By what a network says of one frame, and where windows of `length` begin, in seconds."""
        last = round((starts[-1] + length) / one.step)
        return cls(one.duration, one.step, [round(start / one.step) for start in starts], last + 1)

    def counted(self, heard: Heard) -> NDArray[np.int64]:
        """How many speak in each frame, as the windows say on average."""
        said, windows = np.zeros((2, self.count), np.float32)
        for start, rows in zip(self.starts, heard, strict=True):
            said[start : start + len(rows)] += rows.sum(1)
            windows[start : start + len(rows)] += 1
        return np.rint(said / np.maximum(windows, 1)).astype(np.int64)

    def speaking(self, heard: Heard, names: Names, count: NDArray[np.int64]) -> NDArray[np.float32]:
        """Who speaks in each frame, (frames, speakers): the `count` who are heard there in most windows."""
        votes = np.zeros((self.count, max(int(names.max()) + 1, int(count.max()))), np.float32)
        for start, rows, who in zip(self.starts, heard, names, strict=True):
            for name in set(who.tolist()) - {NOBODY}:
                votes[start : start + len(rows), name] += rows[:, who == name].max(1)
        order = np.argsort(-votes, axis=1, kind="stable")
        speaking = np.zeros_like(votes)
        for rank in range(int(count.max())):
            rows = np.flatnonzero(count > rank)
            speaking[rows, order[rows, rank]] = 1
        return speaking
