"""Whose each stretch is that one person speaks alone, by its voice, whatever the windows say.

A segmenter takes two people for one at times, and some two window after window, while an embedder tells their voices apart. What
it says of when somebody speaks alone still holds: each such stretch is one person's. So every frame of a local speaker is named
after the stretch that it belongs to or lies next to; and where too many of these are another's than the window says, the people
themselves are found among the stretches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Audio
from sepdiar.diarization.activity import RATE
from sepdiar.diarization.again import Embedder
from sepdiar.diarization.linking import Clusters, Names, Vectors, joined_up
from sepdiar.diarization.windows import Windows, padded

LEAST, MOST = 0.3, 2.5  # seconds of a stretch: with less it is not heard, and with more it is cut
EDGE = 0.02  # seconds at both ends of somebody's speech that are not listened to
CLEAR = 0.6  # seconds of a stretch that helps to find the speakers
DRIFT = 0.4  # as in `linking`: the voice of a short stretch lies further off, whatever else is known of it
PART = 300  # stretches clustered at once
HALF = 0.5  # of the frames of a stretch, in which a local speaker of another window must be alone to be the same person
STRANGER = 0.5  # with a cosine of less to everybody found, a speaker is somebody else
REACH = 1.5  # seconds on either side of a stretch that are named after it

Owners = NDArray[np.int8]  # small, since there is one for each frame of each window


@dataclass(frozen=True)
class Stretches:
    """In which one person speaks alone: first frame and the one behind the last, in the recording; the voice; its seconds."""

    starts: Names
    ends: Names
    vectors: Vectors
    seconds: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts)


def stretches_of(audio: Audio, windows: Windows, embedder: Embedder) -> Stretches:
    """All of a recording, each moment as the window hears it whose middle is nearest, of windows half a window apart."""
    edge, hop = round(EDGE * RATE), windows.plan.hop
    places, vectors = [], []
    for window, first, last in middles(windows):
        start, alone = int(windows.starts[window]), windows.alone(window)
        alone[: max(0, first - start)], alone[last - start :] = False, False
        whole = [cut for row in alone.T for cut in cuts(row, hop, LEAST, MOST)]
        samples = padded(audio, windows.span(window)) if whole else np.zeros(0, np.float32)
        for begin, end in sorted(whole):
            heard = samples[begin * hop + edge : end * hop - edge]
            places.append((start + begin, start + end))
            vectors.append(embedder(heard, np.ones_like(heard)))
    found = np.array(places, np.intp).reshape(-1, 2)
    seconds = ((found[:, 1] - found[:, 0]) * hop / RATE).astype(np.float32)
    return Stretches(found[:, 0], found[:, 1], np.stack(vectors) if vectors else np.zeros((0, 1), np.float32), seconds)


def speakers_of(stretches: Stretches, before: Vectors, known: int, most: int) -> Vectors:
    """One vector a speaker; with `known` 0 their number is found, at most `most`.

    Who is heard in short stretches alone is not among them, and is taken from those who were found `before`.
    """
    clear = np.flatnonzero(stretches.seconds >= CLEAR)
    parts = np.array_split(clear, max(1, -(-len(clear) // PART)))
    found = joined_up((_clusters(stretches, part) for part in parts), len(parts), 0, known or most)
    if not len(clear):
        return before
    nearest = (before @ found.T).max(1)
    others = [one for one in np.argsort(nearest).tolist() if known or nearest[one] < STRANGER]
    return np.concatenate([found, before[others[: max(0, (known or most) - len(found))]]])


def owners(windows: Windows, names: Names, stretches: Stretches, speakers: Vectors, margin: float = 0.0) -> tuple[Owners, float]:
    """Who each local speaker is in each frame, (windows, frames, local speakers), and what share of the stretches is another's
    than the window says.

    A frame is named by what its local speaker is in the window, (windows, local speakers), or by the voice of its stretch, where
    that is nearer to another's by `margin`, a cosine. Where two are heard they are two people as far as that can be known.
    """
    found = np.repeat(names[:, None, :].astype(np.int8), windows.plan.length, 1)
    fits = stretches.vectors @ speakers.T
    whole = moved = 0
    for window in range(len(windows)):
        own = found[window]
        for slot, (name, marks) in _marks(windows, window, stretches, names[window], fits, margin).items():
            for begin, end, nearest in marks:
                own[begin:end, slot] = nearest
                whole += end - begin
                moved += (end - begin) * (nearest != name)
        _made_two(own, windows.active(window), names[window], len(speakers))
    return found, moved / max(whole, 1)


def middles(windows: Windows) -> Iterator[tuple[int, int, int]]:
    """Some windows, and the frames that each of them answers for: together all of the recording, in parts of half a window."""
    every = max(1, windows.plan.length // (2 * windows.plan.step))
    chosen = sorted({*range(0, len(windows), every), len(windows) - 1})
    centres = windows.starts[chosen] + windows.plan.length // 2
    between = ((centres[1:] + centres[:-1]) // 2).tolist()
    yield from zip(chosen, [0, *between], [*between, int(windows.starts[-1]) + windows.plan.length], strict=True)


def cuts(alone: NDArray[np.bool_], hop: int, least: float, most: float) -> list[tuple[int, int]]:
    """Every run of at least `least` seconds, in equal parts of at most `most`: first frame and the one behind the last."""
    cut = []
    for begin, end in runs(alone).tolist():
        if (end - begin) * hop >= least * RATE:
            parts = -(-(end - begin) * hop // round(most * RATE))
            cut += list(pairwise(np.linspace(begin, end, parts + 1).astype(int).tolist()))
    return cut


def _clusters(stretches: Stretches, part: Names) -> Clusters:
    seconds = stretches.seconds[part]
    return Clusters(stretches.vectors[part] * seconds[:, None], seconds, np.zeros((len(part), len(part)), np.float32), DRIFT)


def _marks(
    windows: Windows, window: int, stretches: Stretches, names: Names, fits: Vectors, margin: float
) -> dict[int, tuple[int, list[tuple[int, int, int]]]]:
    """For each local speaker whose stretches are known who he is in the window, and from which frame to which he is whom."""
    start, length = int(windows.starts[window]), windows.plan.length
    alone = windows.alone(window)
    there: dict[int, list[tuple[int, int, int]]] = {}
    for one in np.flatnonzero((stretches.ends > start) & (stretches.starts < start + length)).tolist():
        begin, end = max(0, int(stretches.starts[one]) - start), min(length, int(stretches.ends[one]) - start)
        frames = alone[begin:end].sum(0)
        slot = int(frames.argmax())
        if frames[slot] >= HALF * (end - begin):
            others = fits[one] - margin * (np.arange(fits.shape[1]) != names[slot])
            there.setdefault(slot, []).append((begin, end, int(others.argmax())))
    reach = round(REACH * RATE / windows.plan.hop)
    return {slot: (int(names[slot]), _widened(sorted(marks), reach, length)) for slot, marks in there.items()}


def _widened(marks: Sequence[tuple[int, int, int]], reach: int, length: int) -> list[tuple[int, int, int]]:
    """Each to the middle between it and the next, if that is near enough."""
    borders = [0, *((before[1] + after[0]) // 2 for before, after in pairwise(marks)), length]
    return [
        (max(begin - reach, first), min(end + reach, last), name)
        for (begin, end, name), (first, last) in zip(marks, pairwise(borders), strict=True)
    ]


def _made_two(own: Owners, active: NDArray[np.bool_], names: Names, speakers: int) -> None:
    """Where two local speakers are heard under one name, one of them gets another: what he is called in the window, if that is
    another name, or the only other one that there is."""
    there = set(range(speakers)) if speakers == 2 else set(own[active].tolist()) - {-1}
    lowest, highest = np.where(active, own, 127).min(1), np.where(active, own, -1).max(1)
    for frame in np.flatnonzero((active.sum(1) == 2) & (lowest == highest)).tolist():
        pair, shared = np.flatnonzero(active[frame]).tolist(), int(highest[frame])
        others = [(slot, int(names[slot])) for slot in reversed(pair) if names[slot] not in (-1, shared)]
        if not others and len(there - {shared}) == 1:
            others = [(pair[1], next(iter(there - {shared})))]
        for slot, name in others[:1]:
            own[frame, slot] = name
