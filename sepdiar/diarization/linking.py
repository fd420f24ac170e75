"""Local speakers of many windows into the speakers of a recording: by voice, and by who is heard in the same frames.

First clusters: the local speakers with a voice are joined two by two, the closest first, where closeness is the mean cosine of
their voices, less where both are heard apart in the same window, more where both are heard in the same frames of two windows.
Sums of vectors and of evidence are all that a join needs, so that a long recording is clustered in parts, and then the
clusters of the parts. Then the path: for each window the naming of its local speakers for which the voices fit the clusters
and neighbouring windows say the same of their common frames, the best for the whole recording (Viterbi).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sepdiar.diarization.activity import RATE
from sepdiar.diarization.windows import Windows

Vectors = NDArray[np.float32]
Matrix = NDArray[np.float32]
Names = NDArray[np.intp]

DRIFT, NOISE = 0.1, 1.5  # how far a voice is seen from where it is: always, and for each 1 / second, in squares of its distance
CLOSE, VERY_CLOSE = -0.25, 0.2  # from where on clusters are one: of the recording, where fewer are likelier; of a part of it
TOGETHER, APART = 0.15, 2.0  # what it adds to be always heard in the same frames, and takes to be always heard side by side
PART = 240  # local speakers clustered at once
KEPT = 24  # clusters of a part, the largest, that go on
LEAST, SHARE = 3.0, 0.02  # seconds, and share of all speech, of the smallest cluster that is a speaker
AGREEING = 0.4  # what a second in common with a neighbouring window is worth, against a second of voice of cosine 1
DOUBLED = 0.25  # what it takes for two local speakers of a window to be one
CHOICES, ANYBODY = 4, 8  # clusters that a local speaker may belong to, the closest; and if there is no voice to go by
ROUNDS = 2  # of learning the voices again
LONGEST = 4.0  # seconds: more of a voice is not worth more


@dataclass(frozen=True)
class Voices:
    """Of each window and local speaker the voice, shape (windows, local speakers, dimensions), and its seconds, 0 for none."""

    vectors: Vectors
    seconds: Matrix


@dataclass
class Clusters:
    """Groups of local speakers: the sums of their vectors, their seconds, and the sum of what else speaks for joining two."""

    sums: Vectors
    seconds: Matrix
    evidence: Matrix
    drift: float = DRIFT

    @classmethod
    def of(cls, windows: Windows, voices: Voices, part: Sequence[int]) -> Clusters:
        """Every local speaker with a voice in these windows by itself."""
        own = [(window, slot) for window in part for slot in np.flatnonzero(voices.seconds[window]).tolist()]
        seconds = np.array([voices.seconds[one] for one in own], np.float32)
        vectors = np.array([voices.vectors[one] for one in own], np.float32).reshape(len(own), voices.vectors.shape[2])
        evidence = np.zeros((len(own), len(own)), np.float32)
        for i, (window, slot) in enumerate(own):
            for j in range(i + 1, len(own)):
                later, other = own[j]
                lesser = min(seconds[i], seconds[j])
                if later == window:
                    evidence[i, j] = -APART * lesser
                elif windows.starts[later] - windows.starts[window] < windows.plan.length:
                    evidence[i, j] = TOGETHER * lesser * windows.agreement(window, later)[slot, other]
                else:
                    break
        return cls(vectors * seconds[:, None], seconds, evidence + evidence.T)

    @classmethod
    def by_name(cls, voices: Voices, names: Names) -> Clusters:
        """Those of one name as one, of every name that is heard; against two speaks how long both are heard side by side."""
        own = (voices.seconds > 0) & (names >= 0)
        there, heard = np.unique(names[own], return_inverse=True)
        sums = np.zeros((len(there), voices.vectors.shape[2]), np.float32)
        np.add.at(sums, heard, (voices.vectors * voices.seconds[:, :, None])[own])
        lengths = np.where(own[:, :, None] & (names[:, :, None] == there), voices.seconds[:, :, None], 0).sum(1)
        beside = np.minimum(lengths[:, :, None], lengths[:, None, :]).sum(0) * (1 - np.eye(len(there), dtype=np.float32))
        return cls(sums, lengths.sum(0), -APART * beside)

    def __len__(self) -> int:
        return len(self.seconds)

    def least(self) -> float:
        """Seconds of the smallest that is a speaker."""
        return min(max(LEAST, SHARE * float(self.seconds.sum())), float(self.seconds.max(initial=0)))

    def large(self, least: float) -> int:
        """How many last `least` seconds."""
        return int((self.seconds >= least).sum())

    def closeness(self) -> Matrix:
        """How much likelier each two are one speaker than two: a logarithm, of which 0 says nothing.

        A voice is thought of as a point, and a vector as seen around it, the further off, the less there was to hear.
        """
        voices, around = unit(self.sums), 1 + self.drift + NOISE / self.seconds
        both = around[:, None] * around
        alike = np.log(both / (both - 1)) / 2 + (voices @ voices.T * np.sqrt(both) - 1) / (both - 1)
        close: Matrix = (alike + self.evidence / np.minimum(self.seconds, self.seconds[:, None])).astype(np.float32)
        np.fill_diagonal(close, -np.inf)
        return close

    def largest(self, count: int) -> Clusters:
        """The largest of them."""
        kept = np.sort(np.argsort(-self.seconds, kind="stable")[:count])
        return Clusters(self.sums[kept], self.seconds[kept], self.evidence[np.ix_(kept, kept)], self.drift)

    def joined(self, one: int, other: int) -> Clusters:
        """These two as one."""
        kept = np.delete(np.arange(len(self)), other)
        sums, seconds, evidence = self.sums.copy(), self.seconds.copy(), self.evidence.copy()
        sums[one] += sums[other]
        seconds[one] += seconds[other]
        evidence[one] += evidence[other]
        evidence[:, one] = evidence[one]
        return Clusters(sums[kept], seconds[kept], evidence[np.ix_(kept, kept)], self.drift)


def linked(windows: Windows, voices: Voices, known: int, most: int) -> tuple[Names, Vectors]:
    """Which speaker each local speaker is, shape (windows, local speakers), -1 for one never heard; and one vector a speaker.

    With `known` 0 their number is found, at most `most`. The voices are learnt again from what the windows agree on; where the
    number is found, those that prove to be one then are one, and who is left with too little is nobody.
    """
    speakers = speakers_of(windows, voices, known, most)
    names = named(windows, voices, speakers)
    for _ in range(ROUNDS):
        speakers = _learnt(voices, names, speakers)
        names = named(windows, voices, speakers)
    if not known and len(speakers) > 1:
        different = _until(Clusters.by_name(voices, names), CLOSE)
        different = different.largest(different.large(different.least()))
        if 0 < len(different) < len(speakers):
            names = named(windows, voices, unit(different.sums))
            speakers = _learnt(voices, names, unit(different.sums))
            names = named(windows, voices, speakers)
    return names, speakers


def _learnt(voices: Voices, names: Names, speakers: Vectors) -> Vectors:
    sums = np.zeros_like(speakers)
    own = (voices.seconds > 0) & (names >= 0)
    np.add.at(sums, names[own], voices.vectors[own] * np.minimum(voices.seconds[own], LONGEST)[:, None])
    return np.where(sums.any(1, keepdims=True), unit(sums), speakers)


def unit(sums: Vectors) -> Vectors:
    """The same directions, of length 1."""
    vectors: Vectors = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.float32(1e-9))
    return vectors


def speakers_of(windows: Windows, voices: Voices, known: int, most: int) -> Vectors:
    """One vector a speaker; with `known` 0 their number is found, at most `most`. Without any voice there is one of zeros."""
    size = max(1, PART // voices.seconds.shape[1])
    starts = range(0, len(windows), size)
    parts = (Clusters.of(windows, voices, range(at, min(at + size, len(windows)))) for at in starts)
    return joined_up(parts, len(starts), known, most)


def joined_up(parts: Iterable[Clusters], count: int, known: int, most: int) -> Vectors:
    """The clusters of so many parts of a recording into one vector a speaker; with `known` 0 their number is found."""
    whole = _side_by_side([_until(part, VERY_CLOSE).largest(KEPT) if count > 1 else part for part in parts])
    if not len(whole):
        return np.zeros((1, whole.sums.shape[1]), np.float32)
    least = whole.least()
    return unit((_known(whole, known, least) if known else _found(whole, most, least)).sums)


def _until(clusters: Clusters, close: float) -> Clusters:
    while len(clusters) > 1:
        closeness = clusters.closeness()
        one, other = divmod(int(closeness.argmax()), len(clusters))
        if closeness[one, other] < close:
            break
        clusters = clusters.joined(one, other)
    return clusters


def _found(clusters: Clusters, most: int, least: float) -> Clusters:
    clusters = _until(clusters, CLOSE)
    while clusters.large(least) > most:
        clusters = clusters.largest(clusters.large(least))
        clusters = _closest_joined(clusters)
    return clusters.largest(clusters.large(least))


def _known(clusters: Clusters, count: int, least: float) -> Clusters:
    """Joined as long as as many large clusters as are wanted come out."""
    best = clusters
    while len(clusters) > count:
        clusters = _closest_joined(clusters)
        if clusters.large(least) >= min(count, best.large(least)):
            best = clusters
    return best.largest(count)


def _closest_joined(clusters: Clusters) -> Clusters:
    one, other = divmod(int(clusters.closeness().argmax()), len(clusters))
    return clusters.joined(one, other)


def _side_by_side(parts: Sequence[Clusters]) -> Clusters:
    evidence = np.zeros((sum(map(len, parts)),) * 2, np.float32)
    at = 0
    for part in parts:
        evidence[at : at + len(part), at : at + len(part)] = part.evidence
        at += len(part)
    sums, seconds = np.concatenate([part.sums for part in parts]), np.concatenate([part.seconds for part in parts])
    return Clusters(sums, seconds, evidence, parts[0].drift)


def named(windows: Windows, voices: Voices, speakers: Vectors) -> Names:
    """Which speaker each local speaker is, shape (windows, local speakers); -1 for one who is never heard."""
    slots, frame = voices.seconds.shape[1], windows.plan.hop / RATE
    states: list[Names] = []
    came: list[Names] = []
    score = np.zeros(1, np.float32)
    for window in range(len(windows)):
        active = windows.active(window).sum(0) * frame
        fits = voices.vectors[window] @ speakers.T * np.minimum(voices.seconds[window], LONGEST)[:, None]
        now = _namings(fits, active)
        own = _own(now, fits, active)
        if window:
            common = windows.common(window - 1, window) * windows.agreement(window - 1, window) * np.float32(frame)
            passing = score[:, None] + AGREEING * _agreement(states[-1], now, common)
            came.append(passing.argmax(0))
            own = own + passing.max(0)
        score = own - own.max()
        states.append(now)
    path = [int(score.argmax())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return np.stack([names[at] for names, at in zip(states, reversed(path), strict=True)]).reshape(-1, slots)


def _namings(fits: Matrix, active: Matrix) -> Names:
    """Every way to name those who are heard, each by one of the speakers that are closest."""
    closest = np.argsort(-fits, axis=1, kind="stable").tolist()
    choices = [
        near[: CHOICES if known else ANYBODY] if audible else [-1]
        for near, known, audible in zip(closest, np.any(fits, axis=1), np.greater(active, 0), strict=True)
    ]
    return np.array(list(product(*choices)), np.intp)


def _own(namings: Names, fits: Matrix, active: Matrix) -> Matrix:
    score = np.zeros(len(namings), np.float32)
    for slot in range(namings.shape[1]):
        score += np.where(namings[:, slot] >= 0, fits[slot, namings[:, slot]], 0)
        for other in range(slot):
            doubled = (namings[:, slot] == namings[:, other]) & (namings[:, slot] >= 0)
            score -= DOUBLED * doubled * min(active[slot], active[other])
    return score


def _agreement(before: Names, after: Names, common: Matrix) -> Matrix:
    """Seconds in which two windows say the same, for each naming of the one and of the other."""
    score = np.zeros((len(before), len(after)), np.float32)
    for one, other in product(range(before.shape[1]), repeat=2):
        if common[one, other]:
            score += common[one, other] * (before[:, None, one] == after[None, :, other])
    return score
