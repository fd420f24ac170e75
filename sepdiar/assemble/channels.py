"""One channel of a dialogue, sample by sample: the input where its side speaks, silence where it does not.

    own side       ____########____####____        turns
    other side     _________#######________
    origin         silent,faded,copied,separated (or mixed),faded,silent

Where only this side speaks, the channel is the input, exactly. All ramps are raised cosines of one length:

- a fade lies outside the turn, in the channel's own silence; two turns so close that their fades meet are joined by both,
  so that no ramp is ever steeper than the others;
- within a separated stretch the channel passes from the input to the source beside own clean speech, and rises from zero
  where the turn itself begins there: a fade of the input outside it would let the other side be heard;
- an overlap shorter than two ramps is not worth separating, and stays mixed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Stretch, intersected, outside

Gains = NDArray[np.float64]
SPEECH = ("copied", "mixed", "separated")
LOUD = (*SPEECH, "faded")  # beside a separated stretch: what does not begin or end at zero


def plan(span: Span, own: Sequence[Span], others: Sequence[Span], fade: int, separated: bool) -> tuple[Stretch, ...]:
    """Where the samples of a channel come from; the stretches partition `span`.

    `own` and `others` are when this side and the other one speak, `fade` the length of a ramp in samples, and `separated`
    whether there are separated sources for where both do.

    >>> [(len(s.span), s.origin) for s in plan(Span(0, 100), [Span(20, 60)], [Span(50, 90)], 5, separated=False)]
    [(15, 'silent'), (5, 'faded'), (30, 'copied'), (10, 'mixed'), (5, 'faded'), (35, 'silent')]
    """
    own = intersected([span], own)
    speech = [Stretch(alone, "copied") for alone in intersected(own, outside(span, others))]
    for both in intersected(own, others):
        speech.append(Stretch(both, "separated" if separated and len(both) >= 2 * fade else "mixed"))
    return tuple(_with_gaps(span, sorted(speech, key=lambda stretch: stretch.span), fade))


def samples(
    stretches: Sequence[Stretch], part: Span, mixture: Samples, sources: Sequence[Audio], fade: int
) -> NDArray[np.float64]:
    """The channel during `part`; `mixture` is the input there, and `sources` add up to what this side says in overlaps."""
    channel = np.zeros(len(part))
    first = bisect_right(stretches, part.start, key=lambda stretch: stretch.span.end)
    last = bisect_left(stretches, part.end, key=lambda stretch: stretch.span.start)
    for index in range(first, last):
        here, origin = stretches[index].span & part, stretches[index].origin
        if here is None or origin == "silent":
            continue
        place = slice(here.start - part.start, here.end - part.start)
        level, share = _gains(stretches, index, here, fade)
        channel[place] = mixture[place]
        if origin == "separated":
            source = sum((audio.read(here)[:, 0].astype(np.float64) for audio in sources), np.zeros(len(here)))
            channel[place] += share * (source - channel[place])
        channel[place] *= level
    return channel


def _gains(stretches: Sequence[Stretch], index: int, here: Span, fade: int) -> tuple[Gains | float, Gains | float]:
    """The level of each sample, and the share of the source in it."""
    span, origin = stretches[index].span, stretches[index].origin
    before = stretches[index - 1].origin if index else ""
    after = stretches[index + 1].origin if index + 1 < len(stretches) else ""
    at = np.arange(here.start, here.end)
    rise, fall = _ramp(at - span.start, fade), _ramp(span.end - 1 - at, fade)
    if origin == "faded":
        return np.maximum((1 - rise) * (before in SPEECH), (1 - fall) * (after in SPEECH)), 0.0
    if origin == "separated":
        level = np.minimum(rise if before == "silent" else 1.0, fall if after == "silent" else 1.0)
        share = np.minimum(rise if before in LOUD else 1.0, fall if after in LOUD else 1.0)
        return level, share
    return 1.0, 0.0


def _ramp(distance: NDArray[np.int64], length: int) -> Gains:
    """From near 0 at the edge to 1, `length` samples inside."""
    if length == 0:
        return np.ones(len(distance))
    return np.sin(np.pi / 2 * np.minimum(1.0, (distance + 0.5) / length)) ** 2


def _with_gaps(span: Span, speech: Sequence[Stretch], fade: int) -> Iterator[Stretch]:
    before: Stretch | None = None
    for after in [*speech, None]:
        gap = Span(before.span.end if before else span.start, after.span.start if after else span.end)
        yield from _gap(gap, before, after, fade)
        if after:
            yield after
        before = after


def _gap(gap: Span, before: Stretch | None, after: Stretch | None, fade: int) -> Iterator[Stretch]:
    """A pause of this side: silence, with a fade beside each turn that does not rise from zero by itself."""
    if before and after and len(gap) <= 2 * fade:
        parts = [(gap, "faded")]
    else:
        falls = min(fade, len(gap)) if before and before.origin != "separated" else 0
        rises = min(fade, len(gap)) if after and after.origin != "separated" else 0
        quiet = Span(gap.start + falls, gap.end - rises)
        parts = [(Span(gap.start, quiet.start), "faded"), (quiet, "silent"), (Span(quiet.end, gap.end), "faded")]
    yield from (Stretch(part, origin) for part, origin in parts if len(part))
