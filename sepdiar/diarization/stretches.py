"""Stretches of a recording in which one person speaks alone, and their voices as CAM++ hears them.

A voice is heard twice: in its stretch alone, and in the 10 s around it, of which the frames of the stretch are pooled. There what
the line and the room do to everybody is taken out alike, which helps short stretches most; both together are better than either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span
from sepdiar.diarization.by_voice import cuts, middles
from sepdiar.diarization.linking import Names, Vectors, unit
from sepdiar.diarization.windows import Windows, padded

if TYPE_CHECKING:
    from sepdiar.networks.campplus import Voices

RATE = 16_000
LEAST, MOST = 0.3, 1.5  # seconds of a stretch: with less it is not heard, and with more it is cut
AROUND, MARGIN = 10 * RATE, RATE  # samples that are heard together, and more on either side
TOGETHER = 8  # such pieces, of which all stretches are heard at once
FRAME, FEWEST = 320, 8  # samples of a frame of CAM++, and frames that are pooled at least
EVEN = 6  # frames: stretches are heard in multiples of so many, so that many are of one length


@dataclass(frozen=True)
class Stretches:
    """First frame and the one behind the last, in the recording, in order; which run of one local speaker each is cut from; and
    its voice."""

    starts: Names
    ends: Names
    groups: Names
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def middles(self) -> Names:
        """The frame in the middle of each."""
        middles: Names = (self.starts + self.ends) // 2
        return middles

    def some(self, chosen: NDArray[np.intp]) -> Stretches:
        """These of them."""
        return Stretches(self.starts[chosen], self.ends[chosen], self.groups[chosen], self.vectors[chosen])


def stretches_of(audio: Audio, windows: Windows, voices: Voices) -> Stretches:
    """All of a recording, each moment as the window hears it whose middle is nearest, of windows half a window apart."""
    places = sorted(_places(windows))
    starts, ends, groups = np.array(places, np.intp).reshape(-1, 3).T
    hop, vectors = windows.plan.hop, [np.zeros((0, voices.dim), np.float32)]
    for some in _pieces((starts + ends) // 2 * hop // AROUND):
        vectors.append(_voices(audio, [Span(starts[one] * hop, ends[one] * hop) for one in some], hop, voices))
    return Stretches(starts, ends, groups, np.concatenate(vectors))


def _places(windows: Windows) -> Iterator[tuple[int, int, int]]:
    group = 0
    for window, first, last in middles(windows):
        start, alone = int(windows.starts[window]), windows.alone(window)
        alone[: max(0, first - start)], alone[max(0, last - start) :] = False, False
        for row in alone.T:
            before = -1
            for begin, end in cuts(row, windows.plan.hop, LEAST, MOST):
                group += begin != before
                yield start + begin, start + end, group
                before = end


def _pieces(piece: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The stretches of `TOGETHER` pieces after the other, as many as there are."""
    for together in np.unique(piece // TOGETHER).tolist():
        yield np.flatnonzero(piece // TOGETHER == together)


def _voices(audio: Audio, spans: Sequence[Span], hop: int, voices: Voices) -> Vectors:
    """The voice of each of some stretches that follow each other."""
    alone = voices([_heard(audio, span, hop) for span in spans])
    around, at = np.zeros_like(alone), -1
    for number, span in enumerate(spans):
        piece = (span.start + span.end) // 2 // AROUND
        if piece != at:
            first, last = max(0, piece * AROUND - MARGIN), min((piece + 1) * AROUND + MARGIN, audio.samples)
            frames, at = voices.frames(padded(audio, Span(first, max(last, first + MARGIN)))), piece
        begin = min(max(0, round((span.start - first) / FRAME)), frames.shape[2] - FEWEST)
        end = max(begin + FEWEST, round((span.end - first) / FRAME))
        around[number] = voices.vector(frames[:, :, begin:end])
    return unit(alone + around)


def _heard(audio: Audio, span: Span, hop: int) -> Samples:
    even = EVEN * hop
    length = max(even, len(span) // even * even)
    return padded(audio, Span(span.start, min(span.end, span.start + length)))
