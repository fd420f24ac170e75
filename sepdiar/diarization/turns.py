"""From the probability of each speaker in each frame to turns whose edges are right to a few milliseconds.

Where nothing is heard, nobody speaks: pauses and most edges are found in the sound, at 5 ms. What the network says decides
whose sound it is, and where one begins or ends while another speaks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from sepdiar.audio.runs import runs
from sepdiar.conversation import Span, Turn, merged, within
from sepdiar.diarization.activity import RATE, Values, hysteresis
from sepdiar.diarization.edges import STEP, floor

ON, OFF = 0.6, 0.6
REACH = 0.08  # seconds that an edge may be moved outward, to where the sound begins or ends
CRUMB = 0.08  # seconds: what is left of another's sound at an edge
SHORTEST = 0.12  # seconds of a turn
HOLE = 0.1  # seconds of silence that end a sound
SOFT, ABOVE_FLOOR = -75.0, 3.5  # decibels of full scale, and over the background, that are heard
CLOSE, DEEP = 30.0, 48.0  # decibels under what is loud around it: heard in any case, and not heard in any case
AROUND = 1.0  # seconds to each side in which something is loud
SHORTER = 0.05  # seconds by which a pause seems shorter than it is while another speaks
LEAD = 3  # steps of 5 ms that a sound begins before, and ends after, it passes the threshold


def turns_of(probability: Values, hop: int, samples: int, heard: Sequence[Span], pause: float, late: float = 0.0) -> list[Turn]:
    """Turns of every speaker: `probability` of shape (frames, speakers), `hop` samples a frame; `heard` is as of `sounds`.

    What is less than `pause` seconds apart is one turn, and where another speaks there a little less. `late` is by how many
    seconds a network is late to hear that somebody begins: turns begin so much sooner, within the sound.
    """
    whole, gap = Span(0, samples), round(pause * RATE) - 2 * LEAD * STEP
    rough = [[part for one in hysteresis(row, ON, OFF, hop) if (part := _sooner(one, late) & whole)] for row in probability.T]
    found = []
    for speaker, spans in enumerate(rough):
        others = merged(span for number, more in enumerate(rough) if number != speaker for span in more)
        parts = [part for span in spans for fitted in _fitted(span, heard, others) if (part := fitted & whole)]
        found += [Turn(str(speaker + 1), span) for span in _bridged(parts, others, gap) if len(span) >= SHORTEST * RATE]
    return found


def sounds(loud: Values) -> tuple[Span, ...]:
    """Where anything is heard at all, without pauses of 100 ms and more; `loud` in decibels of each 5 ms."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    if not loud.size:
        return ()
    smooth = uniform_filter1d(loud, 3, mode="nearest")
    peak = maximum_filter1d(smooth, 2 * round(AROUND * RATE / STEP) + 1, mode="nearest")
    heard = smooth > np.clip(floor(loud) + ABOVE_FLOOR, np.maximum(peak - DEEP, SOFT), np.maximum(peak - CLOSE, SOFT))
    spans = [Span(max(first - LEAD, 0) * STEP, min(last + LEAD, len(loud)) * STEP) for first, last in runs(heard).tolist()]
    return merged(spans, gap=round(HOLE * RATE))


def _bridged(parts: Sequence[Span], others: Sequence[Span], gap: int) -> list[Span]:
    """Parts at most `gap` samples apart as one, or not quite so many where somebody else speaks between them."""
    made: list[Span] = []
    for part in merged(parts):
        if made and part.start - made[-1].end <= gap and not _ended(Span(made[-1].end, part.start), others, gap):
            made[-1] = Span(made[-1].start, part.end)
        else:
            made.append(part)
    return made


def _ended(pause: Span, others: Sequence[Span], gap: int) -> bool:
    """Whether a pause that could be bridged is too long for that, because others speak in half of it or more."""
    return len(pause) > gap - round(SHORTER * RATE) and 2 * sum(map(len, within(pause, others))) >= len(pause)


def _sooner(span: Span, seconds: float) -> Span:
    return Span(max(0, span.start - round(seconds * RATE)), span.end)


def _fitted(span: Span, heard: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The sounding parts of a rough span, their edges moved to those of the sound where nobody else is heard."""
    first = bisect_right(heard, span.start, key=lambda sound: sound.end)
    last = bisect_left(heard, span.end, key=lambda sound: sound.start)
    pairs = [(sound, part) for sound in heard[first:last] if (part := span & sound)]
    crumb = round(CRUMB * RATE)
    return [_widened(part, sound, others) for sound, part in pairs if len(part) >= min(crumb, len(sound) // 2)]


def _widened(part: Span, sound: Span, others: Sequence[Span]) -> Span:
    start, end, reach = part.start, part.end, round(REACH * RATE)
    if start - sound.start <= reach and not within(Span(sound.start, start), others):
        start = sound.start
    if sound.end - end <= reach and not within(Span(end, sound.end), others):
        end = sound.end
    return Span(start, end)
