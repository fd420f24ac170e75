"""How many people speak, and who speaks in each stretch.

Raw cosines say little of that: two people on one telephone line are more alike than one person is with himself near and far
from a microphone. So each comparison is made by the recording's own measure: the mean cosine between two groups of stretches
over that within them. Of one person's it is near 1, of two people's well below, whatever the line. How far below it must be, a
second witness says: the segmenter, which hears both groups in the same windows, as one local speaker or as two.

Stretches are clustered finely, what is too small to be a person goes to the nearest, and then those two that are rather one than
two are joined, one pair after the other, until there are none.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sepdiar.diarization.linking import Names, Vectors, unit
from sepdiar.diarization.stretches import RATE, Stretches
from sepdiar.diarization.windows import Windows

Matrix = NDArray[np.float64]

FINE = 0.78  # of the cosine of neighbours: with less between them, clusters are not joined without a question
LEAST, SHARE = 1.0, 0.02  # seconds, and share of all that is heard, of the smallest that is a person
MOST = 30  # clusters that can be people
LIKE, UNLIKE = 0.45, 0.76  # likeness from which on two are one, where the segmenter takes them for one and where it does not
DIVIDED = 0.88  # share of the times heard as one local speaker from which on downwards the segmenter does not take them for one
BEFORE, TIMES = 0.94, 6.0  # the share before anything is known, and how many times that counts
SHORT = 0.5  # seconds: a cluster that lasts so long must be half as like to be another's
PAIRS = 4.0  # pairs of stretches that the likeness of neighbours counts within a cluster
USUAL = 0.6  # cosine of neighbours, where there are too few to know
ROUNDS = 3  # of giving each stretch to the nearest
INSIDE, CLEAR = 0.7, 0.6  # of a stretch that lies in a window, and in which one local speaker is alone there
SAMPLE, PIECE = 1600, 16  # stretches that are compared two by two, in pieces of so many in a row


def who_speaks(windows: Windows, stretches: Stretches, known: int = 0, most: int = 8) -> tuple[Names, Vectors]:
    """Who speaks in each stretch, and one vector a person; with `known` 0 their number is found, at most `most`.

    Of a very long recording, pieces at even steps are compared, and the rest goes to the nearest voice that came out.
    """
    if len(stretches) < 2:
        return np.zeros(len(stretches), np.intp), stretches.vectors.copy()
    whole = stretches
    if len(stretches) > SAMPLE:
        pieces = np.array_split(np.arange(len(stretches)), len(stretches) // PIECE)
        steps = np.linspace(0, len(pieces) - 1, SAMPLE // PIECE).astype(int).tolist()
        stretches = stretches.some(np.concatenate([pieces[one] for one in steps]))
    people = _People.of(windows, stretches)
    while people.count > 1 and (pair := people.next_joined(known, most)):
        people.join(*pair)
    return (whole.vectors @ people.voices.T).argmax(1), people.voices


@dataclass
class _People:
    """Groups of stretches that may be people: the group of each stretch, and a vector a group."""

    vectors: Vectors
    seconds: Matrix
    cosines: Matrix
    pairs: Matrix
    """What each pair of stretches counts."""
    same: Matrix
    both: Matrix
    usual: float
    names: Names
    voices: Vectors

    @classmethod
    def of(cls, windows: Windows, stretches: Stretches) -> _People:
        """Fine clusters, without those that are too small."""
        from scipy.cluster.hierarchy import fcluster, linkage

        vectors = stretches.vectors
        seconds = (stretches.ends - stretches.starts) * windows.plan.hop / RATE
        pairs = np.outer(seconds, seconds)
        np.fill_diagonal(pairs, 0)
        usual = _neighbours(stretches)
        tree = linkage(vectors.astype(np.float64), "average", metric="cosine")
        fine = fcluster(tree, 1 - FINE * usual, "distance") - 1
        sizes = np.bincount(fine, weights=seconds)
        order = np.argsort(-sizes, kind="stable")[:MOST]
        kept = order[: max(1, int((sizes[order] >= _least(seconds)).sum()))]
        voices = unit(np.stack([(vectors * seconds[:, None])[fine == one].sum(0) for one in kept]).astype(np.float32))
        same, both = _heard_as_one(windows, stretches)
        names = np.zeros(len(vectors), np.intp)
        made = cls(vectors, seconds, (vectors @ vectors.T).astype(np.float64), pairs, same, both, usual, names, voices)
        for _ in range(ROUNDS):
            made._given_to_nearest()
        return made

    @property
    def count(self) -> int:
        return len(self.voices)

    def next_joined(self, known: int, most: int) -> tuple[int, int] | None:
        """Two groups that are rather one, or of which one is too small; None where all are people."""
        if known and self.count <= known:
            return None
        excess, sizes = self._excess(), self._sizes()
        one, other = divmod(int(excess.argmax()), self.count)
        if known or excess[one, other] >= 0:
            return one, other
        smallest = int(sizes.argmin())
        if sizes[smallest] < _least(self.seconds) or self.count > most:
            return int((self.voices @ self.voices[smallest] - 2 * (np.arange(self.count) == smallest)).argmax()), smallest
        return None

    def join(self, one: int, other: int) -> None:
        """These two are one, and each stretch goes to the nearest."""
        self.names[self.names == other] = one
        self._learnt()
        self._given_to_nearest()

    def _given_to_nearest(self) -> None:
        self.names = (self.vectors @ self.voices.T).argmax(1)
        self._learnt()

    def _learnt(self) -> None:
        there, self.names = np.unique(self.names, return_inverse=True)
        sums = np.zeros((len(there), self.vectors.shape[1]), np.float32)
        np.add.at(sums, self.names, self.vectors * self.seconds[:, None].astype(np.float32))
        self.voices = unit(sums)

    def _sizes(self) -> Matrix:
        sizes: Matrix = np.bincount(self.names, weights=self.seconds, minlength=self.count).astype(np.float64)
        return sizes

    def _excess(self) -> Matrix:
        """By how much each two are more alike than two people are."""
        member = np.eye(self.count)[self.names]
        mean = (member.T @ (self.pairs * self.cosines) @ member) / np.maximum(member.T @ self.pairs @ member, 1e-9)
        within = member.sum(0) * (member.sum(0) - 1) / 2
        inner = np.maximum((np.diag(mean) * within + PAIRS * self.usual) / (within + PAIRS), 0.2)
        likeness = mean / np.sqrt(np.outer(inner, inner))
        same, both = member.T @ self.same @ member, member.T @ self.both @ member
        share = (same + BEFORE * TIMES) / (both + TIMES)
        least = UNLIKE - (UNLIKE - LIKE) * np.clip((share - DIVIDED) / (1 - DIVIDED), 0, 1)
        smaller = np.minimum.outer(self._sizes(), self._sizes())
        excess: Matrix = likeness - least * smaller / (smaller + SHORT)
        np.fill_diagonal(excess, -np.inf)
        return excess


def _least(seconds: Matrix) -> float:
    whole = float(seconds.sum())
    return min(max(LEAST, SHARE * whole), whole / 2)


def _neighbours(stretches: Stretches) -> float:
    """The usual cosine of stretches that follow each other in what one local speaker says without a break."""
    following = np.flatnonzero(np.diff(stretches.groups) == 0)
    if len(following) < 3:
        return USUAL
    return float(np.median((stretches.vectors[following] * stretches.vectors[following + 1]).sum(1)))


def _heard_as_one(windows: Windows, stretches: Stretches) -> tuple[Matrix, Matrix]:
    """How often each two stretches are heard in one window as one local speaker, and how often at all."""
    count = len(stretches)
    same, both = np.zeros((count, count)), np.zeros((count, count))
    ends = np.maximum.accumulate(stretches.ends).tolist()
    for window, start in enumerate(windows.starts.tolist()):
        alone, own = windows.alone(window), []
        first, last = bisect_left(ends, start), int(np.searchsorted(stretches.starts, start + windows.plan.length))
        for one in range(first, last):
            begin, end = max(0, int(stretches.starts[one]) - start), int(stretches.ends[one]) - start
            frames, length = alone[begin:end].sum(0), int(stretches.ends[one] - stretches.starts[one])
            inside = min(end, windows.plan.length) - begin
            if inside >= INSIDE * length and frames.max() >= CLEAR * inside:
                own.append((one, int(frames.argmax())))
        if own:
            here, slots = np.array(own).T
            place = np.ix_(here, here)
            both[place] += 1
            same[place] += slots[:, None] == slots
    return same, both
