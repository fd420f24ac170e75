"""Who is active where: stretches of a recording, each with the set of those who speak in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Audio, blocks
from sepdiar.conversation import Span, intersected, merged
from sepdiar.formats.segments import TICKS, Segment, speech

FRAME = 0.02  # seconds
FLOOR = 40.0  # dB below a channel's loudest frame: quieter is silence
BRIDGED = 0.2  # seconds: a shorter pause does not end activity

Spans = tuple[Span, ...]


def of_segments(segments: Sequence[Segment], rate: int, samples: int) -> dict[str, Spans]:
    """For each speaker where they speak, in samples at `rate`, cut at the end of the recording."""
    whole = [Span(0, samples)]
    return {
        speaker: intersected(whole, (span.at_rate(TICKS, rate) for span in spans)) for speaker, spans in speech(segments).items()
    }


def of_energy(audio: Audio) -> tuple[Spans, ...]:
    """For each channel where it is no more than 40 dB below its loudest 20 ms, pauses below 0.2 s bridged."""
    frame = max(1, round(FRAME * audio.rate))
    power = np.concatenate([_power(frames, frame) for _, frames in blocks(audio, size=frame * 4096)])
    found = []
    for loudness in power.T:
        active = np.flatnonzero(loudness > loudness.max() * 10 ** (-FLOOR / 10))
        spans = (Span(frame * int(index), min(frame * int(index + 1), audio.samples)) for index in active)
        found.append(merged(spans, round(BRIDGED * audio.rate)))
    return tuple(found)


def patterns(activity: Mapping[int, Spans], samples: int) -> Iterator[tuple[Span, frozenset[int]]]:
    """The recording cut wherever anybody begins or ends, each stretch with who speaks in it.

    >>> [(len(span), sorted(who)) for span, who in patterns({0: (Span(0, 6),), 1: (Span(4, 9),)}, 10)]
    [(4, [0]), (2, [0, 1]), (3, [1]), (1, [])]
    """
    changes: dict[int, list[tuple[int, bool]]] = {0: [], samples: []}
    for who, spans in activity.items():
        for span in spans:
            changes.setdefault(span.start, []).append((who, True))
            changes.setdefault(span.end, []).append((who, False))
    active: set[int] = set()
    places = sorted(changes)
    for start, end in pairwise(places):
        for who, begins in changes[start]:
            (active.add if begins else active.discard)(who)
        yield Span(start, end), frozenset(active)


def _power(frames: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    whole = np.zeros((-(-len(frames) // size) * size, frames.shape[1]))
    whole[: len(frames)] = frames
    power: NDArray[np.float64] = np.square(whole).reshape(-1, size, frames.shape[1]).mean(axis=1)
    return power
