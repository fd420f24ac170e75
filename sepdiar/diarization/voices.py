"""Frames of speech into one voice a speaker: clusters of short windows, then mixtures fitted and aligned in turn.

The start decides where that ends, so there are several; the likelihood says which end is best.

The number of speakers comes out of a comparison that needs no penalty for size: two voices are one where a single mixture
with as many Gaussians as both have together explains their frames better than the two do apart (Ajmera and Wooters, 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sepdiar.diarization.mixture import Frames, Mixture

Labels = NDArray[np.intp]

WINDOW, HOP, SHORTEST = 150, 50, 30  # frames
STEP = 5  # frames that are given to a speaker together
LEARNING, DECIDING = (100.0, 30.0), (50.0, 15.0)  # what a change of speaker costs within sound, and after a pause of 100 ms
STARTS = (("means", 4, "average"), ("means", 8, "average"), ("means", 4, "ward"), ("both", 8, "ward"), ("both", 4, "average"))
ROUNDS = 5  # of fitting and aligning
SECONDS_EACH, MOST_GAUSSIANS = 2.0, 8  # speech for each Gaussian of a voice
# by which one mixture must explain a frame better than two, in the logarithm of the likelihood: a dialogue taken for a
# monologue is lost, so that a doubt counts for two
APART = 0.2
LEAST = 200  # frames: less is not a voice


@dataclass(frozen=True)
class Voices:
    """One mixture for each speaker, the speaker of each frame, and the logarithm of the likelihood of it all."""

    models: list[Mixture]
    labels: Labels
    fit: float


def voices(frames: Frames, runs: Sequence[int], groups: Sequence[int], speakers: int, most: int) -> list[Mixture]:
    """One mixture for each speaker.

    `frames` of shape (n, dimensions) are speech without its pauses; `runs` says where in them a stretch of sound begins,
    `groups` where one begins after a pause that ends a turn. With `speakers` 0 their number is found, at most `most`.
    """
    places = _windows(groups, len(frames))
    rows = _described(frames, places)
    views = {"both": _whitened(rows), "means": _whitened(rows[:, : frames.shape[1]])}

    def best(count: int) -> Voices:
        starts = [_clusters(views[view][:, :axes], count, method) for view, axes, method in STARTS[: 1 if count == 1 else None]]
        return max((_aligned(frames, runs, _spread(places, start, len(frames))) for start in starts), key=_merit)

    if speakers:
        return best(speakers).models
    found = best(1)
    for count in range(2, most + 1):
        more = best(count)
        if len(more.models) < count or _two_are_one(frames, more):
            break
        found = more
    return found.models


def _merit(found: Voices) -> tuple[int, float]:
    return len(found.models), found.fit


def steps(runs: Sequence[int], frames: int, price: tuple[float, float] = DECIDING) -> tuple[NDArray[np.intp], Frames]:
    """Where each step of up to 50 ms begins, and what a change of speaker there costs; no step crosses the end of a run."""
    ends = [*runs[1:], frames]
    starts = [np.arange(first, last, STEP) for first, last in zip(runs, ends, strict=True)]
    costs = [np.r_[price[1], np.full(len(part) - 1, price[0])] for part in starts if len(part)]
    return np.concatenate(starts), np.concatenate(costs).astype(np.float32)


def scores(models: Sequence[Mixture], frames: Frames, starts: NDArray[np.intp]) -> Frames:
    """How well each model explains each step, shape (steps, models)."""
    return np.add.reduceat(np.stack([model.score(frames) for model in models], axis=1), starts, axis=0)


def path(fits: Frames, costs: Frames) -> Labels:
    """The best speaker for each step (Viterbi), where a change before step n costs `costs[n]`."""
    count, width = fits.shape
    came, best, each = np.zeros((count, width), np.int8), fits[0].copy(), np.arange(width, dtype=np.int8)
    for step in range(1, count):
        leader = int(best.argmax())
        change = best[leader] - costs[step]
        came[step] = np.where(best >= change, each, leader)
        best = np.maximum(best, change) + fits[step]
    labels = np.zeros(count, np.intp)
    labels[-1] = best.argmax()
    for step in range(count - 1, 0, -1):
        labels[step - 1] = came[step, labels[step]]
    return labels


def _windows(groups: Sequence[int], frames: int) -> list[tuple[int, int]]:
    places = []
    for first, last in zip(groups, [*groups[1:], frames], strict=True):
        if last - first <= WINDOW:
            places += [(first, last)] if last - first >= SHORTEST else []
        else:
            count = -(-(last - first - WINDOW) // HOP) + 1
            places += [(int(at), int(at) + WINDOW) for at in np.linspace(first, last - WINDOW, count)]
    return places or [(0, frames)]


def _described(frames: Frames, places: Sequence[tuple[int, int]]) -> Frames:
    rows = [np.r_[frames[a:b].mean(0), np.log(frames[a:b].std(0) + 1e-3)] for a, b in places]
    return np.array(rows, np.float64)


def _whitened(rows: Frames) -> Frames:
    """Rows in a space where a voice scatters alike in every direction, the main axes first.

    How a voice scatters is seen from the differences between successive windows, which mostly have the same speaker; the
    third of them that is largest may not, and is left out.
    """
    rows = rows - rows.mean(0)
    if len(rows) < 3:
        return rows
    change = np.diff(rows, axis=0)
    size = np.square(change).sum(1)
    change = change[size <= np.percentile(size, 70)]
    scatter = change.T @ change / len(change)
    scatter = 0.9 * scatter + 0.1 * np.diag(np.diag(scatter)) + 1e-6 * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    white = np.linalg.solve(np.linalg.cholesky(scatter), rows.T).T
    left, size, _ = np.linalg.svd(white, full_matrices=False)
    return left * size  # type: ignore[no-any-return]


def _clusters(rows: Frames, count: int, method: str) -> Labels:
    """The windows in `count` clusters, by their direction (average linkage) or their place (ward)."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(rows) <= count or count == 1:
        return np.arange(len(rows)) % count
    if method == "average":
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return fcluster(linkage(rows, method), count, "maxclust") - 1  # type: ignore[no-any-return]


def _spread(places: Sequence[tuple[int, int]], clusters: Labels, frames: int) -> Labels:
    """The cluster of each frame: of the window whose middle is nearest."""
    middles = np.array([(first + last) / 2 for first, last in places])
    between = (middles[1:] + middles[:-1]) / 2
    if len(clusters) == 1:
        return np.zeros(frames, np.intp)
    return clusters[np.searchsorted(between, np.arange(frames))]


def _aligned(frames: Frames, runs: Sequence[int], labels: Labels) -> Voices:
    """Mixtures fitted to the labels, the labels found anew, and so on."""
    starts, costs = steps(runs, len(frames), LEARNING)
    lengths = np.diff(np.r_[starts, len(frames)])
    for _ in range(ROUNDS):
        models = _fitted(frames, labels)
        fits = scores(models, frames, starts)
        best = path(fits, costs)
        before, labels = labels, np.repeat(best, lengths)
        if np.array_equal(before, labels):
            break
    changes = costs[1:][np.diff(best) != 0]
    return Voices(models, labels, float(fits[np.arange(len(best)), best].sum() - changes.sum()))


def _fitted(frames: Frames, labels: Labels) -> list[Mixture]:
    counts = np.bincount(labels)
    kept = np.flatnonzero(counts >= min(LEAST, counts.max()))
    return [Mixture.of(frames[labels == label], _gaussians(counts[label])) for label in kept]


def _gaussians(frames: int) -> int:
    return int(min(max(frames / 100 / SECONDS_EACH, 1), MOST_GAUSSIANS))


def _two_are_one(frames: Frames, found: Voices) -> bool:
    """Whether any two voices are better explained as one."""
    own = [frames[found.labels == label] for label in range(len(found.models))]
    if not all(map(len, own)):
        return True
    fits = [float(model.score(part).sum()) for model, part in zip(found.models, own, strict=True)]
    for one, other in combinations(range(len(own)), 2):
        both = np.concatenate([own[one], own[other]])
        joined = found.models[one].joined(found.models[other], len(own[one]) / len(both)).fitted(both)
        if float(joined.score(both).sum()) - fits[one] - fits[other] > APART * len(both):
            return True
    return False
