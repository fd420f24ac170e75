"""A recording in overlapping windows: who is heard in each, and what the windows say together.

In each window a segmenter hears a few local speakers, in any order. What it hears is kept as one byte a frame and local
speaker, 7 MB an hour; only the samples of a few windows are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span

FULL = 255  # of the bytes in which probabilities are kept
EDGE = 0.1  # weight of a window's first and last frame, against 1 in its middle
BATCH = 8  # windows given to the network together

Activity = NDArray[np.float32]  # probability that each local speaker is heard, shape (..., frames, speakers)
Flags = NDArray[np.bool_]
Segmenter = Callable[[Sequence[Span], Samples], Activity]  # places and samples of windows, (windows, samples)


@dataclass(frozen=True)
class Plan:
    """Windows of `length` frames of `hop` samples, one every `step` frames; the last one ends with the recording."""

    hop: int
    length: int
    step: int

    def frames(self, samples: int) -> int:
        """How many frames a recording has, the last one perhaps in part."""
        return -(-samples // self.hop)

    def starts(self, samples: int) -> list[int]:
        """The first frame of each window: it depends on the length of the recording alone.

        >>> Plan(hop=10, length=5, step=2).starts(92)
        [0, 2, 4, 5]
        """
        last = max(self.frames(samples) - self.length, 0)
        return [*range(0, last, self.step), last]


@dataclass(frozen=True)
class Windows:
    """What was heard: `heard` of shape (windows, frames, local speakers) in bytes, and the first frame of each window."""

    plan: Plan
    samples: int
    starts: NDArray[np.intp]
    heard: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.starts)

    def span(self, window: int) -> Span:
        """Where a window lies; the last frames of a very short recording lie behind its end."""
        start = int(self.starts[window]) * self.plan.hop
        return Span(start, start + self.plan.length * self.plan.hop)

    def active(self, window: int) -> Flags:
        """In which frames each local speaker is rather heard than not."""
        active: Flags = self.heard[window] > FULL // 2
        return active

    def alone(self, window: int) -> Flags:
        """In which frames a local speaker is heard, and no other is."""
        active = self.active(window)
        alone: Flags = active & (active.sum(1) == 1)[:, None]
        return alone

    def common(self, one: int, other: int) -> Activity:
        """In how many frames a local speaker of `one` and a local speaker of `other`, a later window, are both heard."""
        left, right = self._shared(one, other)
        return left.T @ right

    def agreement(self, one: int, other: int) -> Activity:
        """The same as a share of the frames in which either is heard."""
        left, right = self._shared(one, other)
        both = left.T @ right
        share: Activity = both / np.maximum(left.sum(0)[:, None] + right.sum(0) - both, 1)
        return share

    def _shared(self, one: int, other: int) -> tuple[Activity, Activity]:
        shift = int(self.starts[other] - self.starts[one])
        left, right = self.active(one)[shift:], self.active(other)[: max(self.plan.length - shift, 0)]
        return left.astype(np.float32), right.astype(np.float32)


def listen(audio: Audio, plan: Plan, segmenter: Segmenter) -> Windows:
    """What the segmenter hears in every window of `audio` (one channel)."""
    starts, size = plan.starts(audio.samples), plan.length * plan.hop
    places = [Span(start * plan.hop, start * plan.hop + size) for start in starts]
    made: list[NDArray[np.uint8]] = []
    for some, samples in batches(partial(padded, audio), places, BATCH):
        made += list(np.rint(segmenter(some, np.stack(samples)) * FULL).astype(np.uint8))
    return Windows(plan, audio.samples, np.array(starts), np.stack(made))


def padded(audio: Audio, place: Span) -> Samples:
    """The samples of one channel there, silence behind its end."""
    samples = np.zeros(len(place), np.float32)
    if inside := place & Span(0, audio.samples):
        samples[: len(inside)] = audio.read(inside)[:, 0]
    return samples


def together(windows: Windows, names: NDArray[np.signedinteger[Any]], count: int) -> Activity:
    """The probability of each of `count` speakers in each frame of the recording, shape (frames, count).

    `names` says who each local speaker is, -1 for nobody: of shape (windows, local speakers), or (windows, frames, local
    speakers). Where windows overlap, each counts the more, the nearer to its middle the frame is.
    """
    frames = windows.plan.frames(windows.samples)
    summed = np.zeros((max(frames, windows.plan.length), count), np.float32)
    weights = np.zeros((len(summed), 1), np.float32)
    middle = weight(windows.plan.length)
    for heard, start, own in zip(windows.heard, windows.starts.tolist(), names, strict=True):
        part = slice(start, start + windows.plan.length)
        weights[part] += middle
        for speaker in np.unique(own[own >= 0]).tolist():
            loudest = np.where(own == speaker, heard, 0).max(1, keepdims=True)
            summed[part, speaker : speaker + 1] += middle * loudest / np.float32(FULL)
    summed /= weights
    return summed[:frames]


def weight(length: int) -> Activity:
    """What each frame of a window counts, (frames, 1): the more, the nearer to its middle."""
    ramp = np.sin(np.pi * (np.arange(length) + 0.5) / length)
    made: Activity = np.maximum(ramp**2, EDGE).astype(np.float32)[:, None]
    return made
