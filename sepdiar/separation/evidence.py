"""What speaks for each way of giving the two sources of a window, or of a slice of it, to its two speakers.

There are two ways, called orders: 0 gives the first source to the first speaker of the pair, 1 to the second. All evidence is
on one scale, about 10 for a second of it without any doubt, and adds:

- the diarization: where only one of them speaks, that one's source has the energy;
- the anchors (anchors.py): where a speaker was heard alone before the window, that one's source has the energy;
- the neighbours: in what two windows have in common, a speaker's sources are alike; and within a window a model seldom lets
  two speakers change places, which slices of a stretch, or of about a second, allow to see and to mend;
- the voice: a speaker's source has the voice of that speaker's clean turns, most of all where both speak.

The first two know nothing of the inside of an overlap: a model may let two alike voices change places just where the second one
begins. So they count for no more than the sources lie apart there, and little beside the voice that is heard inside. That voice
too counts for less where the sources do not lie apart: both hold both people then, and the louder is heard on the wrong side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt, tanh

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.conversation import Span, merged, within
from sepdiar.separation.band import brought_to
from sepdiar.separation.plan import Activity

Matrix = NDArray[np.float64]
Frames = NDArray[np.bool_]
FRAME = 0.02  # seconds
QUIET = 1e-3  # of a window's loudest frame: what lies below is no speech
UNSURE = 0.1  # seconds beside the end of somebody's turn that are not relied on
MOST = 1.0  # seconds that a turn counts, so that one given to the wrong speaker is outvoted
SLICE = 1.0  # seconds, about, of the slices that a longer stretch is cut into
STAY = 1.0  # for the order of the slice before it in a window
MOVED = 0.25  # seconds by which a cut may be moved to where it is quiet
PAUSE = 0.06  # seconds between two stretches: with less they are one
WEIGHT = 10.0  # a second of speech without any doubt
VOICE_WEIGHT = 5.0  # of sources that lie as far apart in a window as the voices of the two speakers
INSIDE_WEIGHT = 36.0  # of the same in a second in which both speak; of other times by their root
ALIKE = 0.6  # the square of their distance: voices that are more alike count as if they were so far apart
LONGEST = 1.5  # seconds of such that count
VOICE_RATE = 16_000
LEAST = 0.3  # seconds of speech that a voice is known from
LITTLE = 0.1  # seconds in which both speak that are listened to
BESIDE, IF_APART = 2.0, 5.0  # what is known from where one is alone counts at most, and so much more where sources lie apart
APART, ENOUGH = 0.9, 4.0  # how far that is, and how much is nearly as good as more
CLEAN = 4.0  # seconds of a turn that are listened to, at most
TURNS = 12  # of a speaker

Listen = Callable[[Samples, Samples], Samples]
"""The vector of length 1 of a voice, from 16 kHz samples and, for each, 1 where to listen and 0 elsewhere."""


@dataclass(frozen=True)
class Heard:
    """A window's two sources at the recording's rate, and how loud they are in each frame."""

    span: Span
    sources: Samples
    energy: Matrix
    rate: int
    anchors: float = 0.0
    """What the anchors say, that were heard before it."""

    @classmethod
    def of(cls, span: Span, sources: Samples, rate: int, anchors: float = 0.0) -> Heard:
        """Sources with their energies."""
        frame = round(FRAME * rate)
        count = -(-len(span) // frame)
        padded = np.zeros((2, count * frame), np.float64)
        padded[:, : len(span)] = sources
        return cls(span, sources, np.square(padded).reshape(2, count, frame).sum(axis=2), rate, anchors)

    def loud(self) -> Frames:
        """The frames in which anybody is heard."""
        both = self.energy.sum(axis=0)
        loud: Frames = both > max(QUIET * float(both.max()), float(np.finfo(np.float32).tiny))
        return loud


def cuts(heard: Heard, part: Span, stretches: Sequence[Span]) -> list[int]:
    """The frames at which the used part of a window is cut into slices: beginning, cuts, end.

    A model may let two change places in a pause between two stretches, so each stretch is for itself; one that is longer than a
    slice is cut at the quietest places, about every second. Of a stretch below `LITTLE` the voices say nothing: with doubt, it
    mostly stays together.
    """
    frame = round(FRAME * heard.rate)
    step, moved = round(SLICE / FRAME), round(MOVED / FRAME)
    both = heard.energy.sum(axis=0)

    def at(sample: int) -> int:
        return (sample - heard.span.start) // frame

    together = merged(within(part, stretches), round(PAUSE * heard.rate)) or (part,)
    places = [at(part.start)]
    for one, behind in zip(together, [*together[1:], None], strict=True):
        start, frames = at(one.start), len(one) // frame
        count = max(1, round(frames / step))
        for place in (start + frames * number // count for number in range(1, count)):
            places.append(place - moved + int(both[place - moved : place + moved].argmin()))
        places += [at((one.end + behind.start) // 2)] if behind else []
    return [*places, -(-(part.end - heard.span.start) // frame)]


def by_diarization(heard: Heard, pair: Sequence[str], activity: Activity) -> Matrix:
    """For each frame: above 0 for order 0, below for order 1; 0 where not just one of the pair speaks."""
    both = heard.energy.sum(axis=0)
    lean = np.where(heard.loud(), (heard.energy[0] - heard.energy[1]) / np.maximum(both, np.finfo(float).tiny), 0.0)
    votes = np.zeros(len(both))
    for sign, one in zip((1, -1), pair, strict=True):
        for span in within(heard.span, activity.alone[one]):
            here = _frames(heard, span)
            seconds = FRAME * np.abs(lean[here]).sum()
            votes[here] = sign * lean[here] * WEIGHT / 2 * FRAME * min(1.0, MOST / max(seconds, FRAME))
    return votes


def by_neighbour(before: Heard, after: Heard) -> float:
    """For the same order in both windows above 0, for different ones below."""
    common = before.span & after.span
    if common is None:
        return 0.0
    one, other = (
        heard.sources[:, common.start - heard.span.start : common.end - heard.span.start].astype(np.float64)
        for heard in (before, after)
    )
    scale = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    alike = float((one[0] - one[1]) @ (other[0] - other[1])) / scale if scale else 0.0
    seconds = FRAME * float(np.count_nonzero(after.loud()[: -(-len(common) // round(FRAME * after.rate))]))
    return WEIGHT * min(seconds, 1.0) * alike


def separated(heard: Heard, part: Span, stretches: Sequence[Span]) -> tuple[float, int]:
    """How far what is used of a part was separated, from 0 to 1, and of how many samples that is.

    Two voices that have nothing in common lie as far apart as they are loud together: 1. What a network cannot tell apart it
    leaves near half of the mixture on both sides, and the little by which they differ is given to the wrong speaker nearly as
    often as not. Noise, of which both sides get half, makes it less too; and one source that holds both voices makes 1.
    """
    parts = [heard.sources[:, used.start - heard.span.start : used.end - heard.span.start] for used in within(part, stretches)]
    one, other = np.concatenate([heard.sources[:, :0], *parts], axis=1).astype(np.float64)
    between, mixture = np.sum(np.square(one - other)), np.sum(np.square(one + other))
    return (float(min(between / mixture, 1.0)), len(one)) if mixture else (1.0, 0)


def parted(apart: float) -> float:
    """How much of what the sources tell counts, from 0 to 1, where they lie so far apart."""
    return min(apart / APART, 1.0)


def beside(alone: float, apart: float) -> float:
    """By how much to multiply the evidence from where one is `alone`, so that all of it is no more than it should count."""
    most = BESIDE + IF_APART * parted(apart)
    return most * tanh(alone / ENOUGH) / alone if alone else 0.0


class Voices:
    """Knows the speakers of one recording by a bounded sample of what each says alone."""

    def __init__(self, listen: Listen, activity: Activity, read: Callable[[Span], Samples], rate: int) -> None:
        self._listen, self._rate = listen, rate
        self._known: dict[str, Samples | None] = {}
        for one, spans in activity.alone.items():
            clean = [_inside(span, rate) for span in spans if len(span) >= (LEAST + 2 * UNSURE) * rate]
            chosen = clean[:: -(-len(clean) // TURNS)] if clean else []
            vectors = [self._vector(read(span), None) for span in chosen]
            self._known[one] = np.sum(vectors, axis=0) / np.linalg.norm(np.sum(vectors, axis=0)) if vectors else None

    def __call__(self, heard: Heard, pair: Sequence[str]) -> float:
        """For order 0 above 0, for order 1 below; 0 where a speaker or a source is not heard for long enough."""
        first, second = (self._known[one] for one in pair)
        gates = [_gate(heard, source) for source in (0, 1)]
        if first is None or second is None or min(FRAME * gate.sum() for gate in gates) < LEAST:
            return 0.0
        frame = round(FRAME * heard.rate)
        keep = [np.repeat(gate, frame)[: len(source)] for source, gate in zip(heard.sources, gates, strict=True)]
        return VOICE_WEIGHT * self._likeness(heard.sources, keep, first - second)

    def inside(self, heard: Heard, part: Span, pair: Sequence[str], both: Sequence[Span]) -> float:
        """The same of a part of a window, from where `both` speak in it alone."""
        first, second = (self._known[one] for one in pair)
        spans = within(part, both)
        seconds = sum(map(len, spans)) / self._rate
        if first is None or second is None or seconds < LITTLE:
            return 0.0
        keep = np.zeros(len(part), np.bool_)
        for span in spans:
            keep[span.start - part.start : span.end - part.start] = True
        sources = heard.sources[:, part.start - heard.span.start : part.end - heard.span.start]
        return INSIDE_WEIGHT * sqrt(min(seconds, LONGEST)) * self._likeness(sources, (keep, keep), first - second)

    def _likeness(self, sources: Samples, keep: Sequence[Frames], between: Samples) -> float:
        """How far the sources lie apart on the way `between` the two voices, as a share of it; below 0 the wrong way round.

        As a share, since two alike voices lie near each other in whatever else is heard with them too.
        """
        one, other = (self._vector(source, where.astype(np.float32)) for source, where in zip(sources, keep, strict=True))
        return float((one - other) @ between) / max(float(between @ between), ALIKE)

    def _vector(self, samples: Samples, keep: Samples | None) -> Samples:
        count = round(len(samples) * VOICE_RATE / self._rate)
        heard = brought_to(samples, self._rate, VOICE_RATE, count)
        if keep is None:
            return self._listen(heard, np.ones(count, np.float32))
        places = np.minimum(np.arange(count) * len(keep) // count, len(keep) - 1)
        return self._listen(heard, keep[places])


def _gate(heard: Heard, source: int) -> Frames:
    """Where a source speaks, and is no mere trace of the other; each frame with the one before and behind it."""
    own, other = heard.energy[source], heard.energy[1 - source]
    speaks = heard.loud() & (own > 0.25 * other) & (own > QUIET * own.max(initial=0.0))
    wide = np.pad(speaks, 1)
    near: Frames = wide[:-2] | speaks | wide[2:]
    return near


def _frames(heard: Heard, span: Span) -> slice:
    """The frames that lie in the span as a whole, and not beside its ends."""
    frame, edge = round(FRAME * heard.rate), round(UNSURE * heard.rate)
    start = span.start + (edge if span.start > heard.span.start else 0) - heard.span.start
    end = span.end - (edge if span.end < heard.span.end else 0) - heard.span.start
    return slice(-(-max(start, 0) // frame), max(end, 0) // frame)


def _inside(span: Span, rate: int) -> Span:
    edge = round(UNSURE * rate)
    return Span(span.start + edge, min(span.end - edge, span.start + edge + round(CLEAN * rate)))
