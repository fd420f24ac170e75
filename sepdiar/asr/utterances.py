"""Turns into utterances of bounded length, and words back into turns: what every recogniser needs around it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from sepdiar.audio.source import Audio
from sepdiar.conversation import Span, Word, merged


@dataclass(frozen=True)
class Utterance:
    """`span` is what words are wanted of; `heard` is that with the context that the recogniser listens to."""

    span: Span
    heard: Span


def utterances(audio: Audio, spans: Iterable[Span], longest: float, join: float, context: float) -> Iterator[Utterance]:
    """The spans as utterances, all three figures in seconds.

    Spans at most `join` apart become one; what is longer than `longest` is cut where it is quietest. Each end gets
    `context`, but never what lies nearer to the neighbour; a cut gets none. The result depends on audio and spans alone.
    """
    whole, most, around = Span(0, audio.samples), round(longest * audio.rate), round(context * audio.rate)
    stretches = merged((part for span in spans if (part := span & whole)), round(join * audio.rate))
    middles = [(before.end + after.start) // 2 for before, after in pairwise(stretches)]
    for stretch, first, last in zip(stretches, [0, *middles], [*middles, audio.samples], strict=False):
        heard = Span(max(first, stretch.start - around), min(last, stretch.end + around))
        cuts = list(_cuts(audio, stretch, most))
        starts, ends = [stretch.start, *cuts], [*cuts, stretch.end]
        for start, end, hear_from, hear_to in zip(starts, ends, [heard.start, *cuts], [*cuts, heard.end], strict=True):
            yield Utterance(Span(start, end), Span(hear_from, hear_to))


def place(words: Iterable[Word], spans: Sequence[Span]) -> tuple[list[tuple[Word, ...]], int]:
    """Each word into the span that holds most of it (the first of equals), clipped to it; and how many lie outside all.

    >>> place([Word("so", Span(8, 12)), Word("well", Span(40, 50))], [Span(0, 10), Span(9, 30)])
    ([(), (Word(text='so', span=Span(start=9, end=12), confidence=None),)], 1)
    """
    order = sorted(range(len(spans)), key=lambda index: spans[index])
    starts = [spans[index].start for index in order]
    reach = list(accumulate((spans[index].end for index in order), max))
    placed: list[list[Word]] = [[] for _ in spans]
    outside = 0
    for word in words:
        near = order[bisect_right(reach, word.span.start) : bisect_left(starts, word.span.end)]
        parts = [(index, part) for index in near if (part := word.span & spans[index])]
        if not parts:
            outside += 1
            continue
        index, part = max(parts, key=lambda held: len(held[1]))
        placed[index].append(replace(word, span=part))
    return [tuple(sorted(own, key=lambda word: word.span)) for own in placed], outside


def _cuts(audio: Audio, stretch: Span, most: int) -> Iterator[int]:
    start = stretch.start
    while stretch.end - start > most:
        start = _quietest(audio, Span(start + most // 2, min(start + most, stretch.end - most // 4)))
        yield start


def _quietest(audio: Audio, span: Span) -> int:
    """The middle of the quietest fifth of a second, the last of equals: long utterances are fewer."""
    frame, smooth = max(1, audio.rate // 100), 20
    frames = audio.read(span)[:, 0].astype(np.float64)
    energy = np.square(frames[: len(frames) // frame * frame]).reshape(-1, frame).sum(axis=1)
    if len(energy) <= smooth:
        return span.start + len(span) // 2
    level = np.convolve(energy, np.ones(smooth), mode="valid")
    last = len(level) - 1 - int(np.argmin(level[::-1]))
    return span.start + (last + smooth // 2) * frame
