"""A little of what each of two speakers says alone, heard before a window.

It tells a separator whom to look for, most of all where one of them is nowhere alone near the overlap, and it tells us which of
its sources is whose: in the first half of the anchor only the first speaker is heard, in the second only the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span
from sepdiar.separation.evidence import WEIGHT
from sepdiar.separation.plan import Activity

LEAST = 0.5  # seconds of a turn that a piece may be taken of
EDGE = 0.05  # seconds beside its ends that are not

NOTHING: Samples = np.zeros(0, np.float32)


class Anchors:
    """Of one recording: `seconds` of each speaker, from the middle of the longest stretches in which nobody else speaks."""

    def __init__(self, activity: Activity, read: Callable[[Span], Samples], rate: int, seconds: float) -> None:
        count = round(seconds * rate)
        found = {one: _taken(spans, read, rate, count) for one, spans in activity.alone.items()} if count else {}
        self._known: Mapping[str, Samples] = {one: samples for one, samples in found.items() if len(samples) == count}

    def before(self, pair: Sequence[str]) -> Samples:
        """What is heard before the windows of a pair: nothing, where one of them is not heard alone for long enough."""
        if any(one not in self._known for one in pair):
            return NOTHING
        return np.concatenate([self._known[one] for one in pair])


def by_anchors(sources: Samples) -> float:
    """What the two sources of an anchor say for order 0, above 0, or order 1, below."""
    if not sources.shape[1]:
        return 0.0
    halves = np.square(sources.astype(np.float64)).reshape(2, 2, -1).sum(axis=2)
    lean = (halves[0] - halves[1]) / np.maximum(halves.sum(axis=0), np.finfo(float).tiny)
    return WEIGHT * float(lean[0] - lean[1]) / 2


def _taken(spans: Sequence[Span], read: Callable[[Span], Samples], rate: int, count: int) -> Samples:
    """So many samples of the longest spans, or as many as there are."""
    edge, missing = round(EDGE * rate), count
    pieces = [NOTHING]
    for span in sorted((one for one in spans if len(one) >= LEAST * rate), key=lambda one: (-len(one), one)):
        size = min(missing, len(span) - 2 * edge)
        start = (span.start + span.end - size) // 2
        pieces.append(read(Span(start, start + size)))
        missing -= size
        if not missing:
            break
    return np.concatenate(pieces)
