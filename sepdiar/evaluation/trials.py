"""Is this the same voice? Stretches of known speakers, compared within one recording, and how often a model is wrong.

Stretches that are compared are of one corpus and one length, and were heard through the same room, noise and band, so that
nothing but the voice tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from sepdiar.audio.source import Samples
from sepdiar.training import augment
from sepdiar.training.corpus import RATE, Clip, Corpus

Vectors = NDArray[np.float32]
Embed = Callable[[Samples], Vectors]  # stretches (count, samples) -> unit vectors (count, dim)

SETTINGS = {"clean": 1, "noisy": 2}  # how many recordings are made of each kind
LENGTHS = (0.5, 1.0, 2.0, 4.0)
GROUP, FEWEST, GROUP_SECONDS = 10, 6, 1.5
EDGE = 5500.0  # no recording tells by its band who may be in it
FRAME = RATE // 50


@dataclass(frozen=True)
class Pairs:
    """Similarities of stretches: the score, and the index of either speaker."""

    score: NDArray[np.float64]
    one: NDArray[np.intp]
    two: NDArray[np.intp]


@dataclass(frozen=True)
class Groups:
    """How two speakers' stretches fell into two heaps: stretches on the wrong one, of how many, and the two speakers."""

    wrong: NDArray[np.intp]
    count: NDArray[np.intp]
    one: NDArray[np.intp]
    two: NDArray[np.intp]


@dataclass(frozen=True)
class Separated:
    """The share of pairs of speakers whose stretches fell apart without an error, and of stretches on the wrong heap."""

    perfect: float
    wrong: float


@dataclass(frozen=True)
class Recording:
    """Stretches heard under the same conditions, the index of the speaker of each, and the corpus of each speaker."""

    samples: Samples
    speaker: NDArray[np.intp]
    corpora: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """Recordings of one kind with stretches of one length."""

    recordings: tuple[Recording, ...]

    def pairs(self, embed: Embed) -> Pairs:
        """Every two stretches of a recording that come from one corpus."""
        made = []
        for recording in self.recordings:
            vectors = embed(recording.samples)
            corpus = np.array(recording.corpora)[recording.speaker]
            i, j = np.triu_indices(len(vectors), 1)
            same = corpus[i] == corpus[j]
            i, j = i[same], j[same]
            made.append(((vectors @ vectors.T)[i, j], recording.speaker[i], recording.speaker[j]))
        score, one, two = (np.concatenate(part) for part in zip(*made, strict=True))
        order = np.argsort(score)
        return Pairs(score[order].astype(np.float64), one[order], two[order])

    def groups(self, embed: Embed) -> Groups:
        """Every two speakers of a recording that come from one corpus."""
        rows = []
        for recording in self.recordings:
            vectors = embed(recording.samples)
            for one, two in combinations(range(len(recording.corpora)), 2):
                first, second = vectors[recording.speaker == one], vectors[recording.speaker == two]
                if recording.corpora[one] == recording.corpora[two] and min(len(first), len(second)) >= FEWEST:
                    heap = two_heaps(np.concatenate([first, second]))
                    errors = int(np.sum(heap[: len(first)])) + int(np.sum(~heap[len(first) :]))
                    rows.append((min(errors, len(heap) - errors), len(heap), one, two))
        return Groups(*np.array(rows, np.intp).reshape(-1, 4).T)


@dataclass(frozen=True)
class Trials:
    """What models are compared on: by "clean 1.0 s" and the like, and by "clean" and "noisy"."""

    stretches: Mapping[str, Trial]
    groups: Mapping[str, Trial]
    speakers: tuple[str, ...]

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        noises: Sequence[Samples] = (),
        rooms: Sequence[Samples] = (),
        lengths: Sequence[float] = LENGTHS,
        corpora: Mapping[str, str] | None = None,
        each: int = 5,
        heaps: bool = True,
    ) -> Trials:
        """Of all speakers of `corpus`, with at most `each` stretches of a length; the same for the same corpus."""
        tapes = {speaker: tape(corpus, clips) for speaker, clips in corpus.by_speaker().items()}
        names = tuple(tapes)
        of = tuple((corpora or {}).get(name, "") for name in names)

        def trial(kind: str, seconds: float, most: int) -> Trial:
            cut = [stretches(tapes[name], round(seconds * RATE), most) for name in names]
            speaker = np.repeat(np.arange(len(names)), [len(own) for own in cut])
            told = np.concatenate(cut)
            rngs = [np.random.default_rng([len(kind), number]) for number in range(SETTINGS[kind])]
            return Trial(tuple(Recording(_recorded(told, kind, rng, noises, rooms), speaker, of) for rng in rngs))

        return cls(
            {f"{kind} {seconds:.1f} s": trial(kind, seconds, each) for kind in SETTINGS for seconds in lengths},
            {kind: trial(kind, GROUP_SECONDS, GROUP) for kind in SETTINGS if heaps},
            names,
        )


def embedder(network: nn.Module, rows: float = 64.0) -> Embed:
    """A network of ours as it is used; `rows` seconds at a time."""

    @torch.inference_mode()
    def embed(samples: Samples) -> Vectors:
        trained = network.training
        network.eval()
        device = next(network.parameters()).device
        step = max(1, int(rows * RATE / samples.shape[1]))
        parts = [
            network(torch.from_numpy(samples[at : at + step]).to(device)).cpu().numpy() for at in range(0, len(samples), step)
        ]
        network.train(trained)
        return np.concatenate(parts)

    return embed


def tape(corpus: Corpus, clips: Sequence[Clip]) -> Samples:
    """What a speaker says, one utterance after the other, without pauses of more than 0.3 s."""
    parts = []
    for clip in clips[:24]:
        samples = corpus.read(clip)
        frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
        loud = level > np.percentile(level, 95) - 28
        near = np.convolve(loud, np.ones(15), "same") > 0.5
        parts.append(frames[near].ravel())
    return np.concatenate(parts)


def stretches(samples: Samples, length: int, most: int) -> Samples:
    """At most `most` stretches that do not overlap, spread over the tape, as (count, length)."""
    whole = samples[: len(samples) // length * length].reshape(-1, length)
    return whole[np.unique(np.linspace(0, len(whole) - 1, min(most, len(whole))).round().astype(int))] if len(whole) else whole


def _recorded(told: Samples, kind: str, rng: Generator, noises: Sequence[Samples], rooms: Sequence[Samples]) -> Samples:
    """All stretches through the same room, noise and band."""
    edge, drop, place = EDGE, 40.0, None
    if kind == "noisy":
        edge, drop = float(rng.choice([3400, EDGE])), float(rng.uniform(5, 15))
        place = rooms[int(rng.integers(len(rooms)))] if rooms else augment.response(rng)
    noise = noises[int(rng.integers(len(noises)))] if noises and kind == "noisy" else None
    heard = []
    for samples in told:
        speech = samples if place is None else augment.heard_in(samples, place)
        if noise is None:
            under = augment.coloured(len(speech), 3.0, rng)
        else:
            under = np.resize(noise[rng.integers(max(1, len(noise) - len(speech))) :], len(speech))
        under = under * (np.sqrt(np.mean(speech**2) / (np.mean(under**2) + 1e-12)) * augment.gain(-drop))
        heard.append(augment.low_pass(speech + under, edge))
    return np.stack(heard)


def equal_error(pairs: Pairs, times: NDArray[np.float64] | None = None) -> float:
    """Where as many pairs of one voice are refused as pairs of two are accepted; `times` is how often each speaker counts."""
    same = pairs.one == pairs.two
    weight = np.ones(len(same)) if times is None else np.where(same, times[pairs.one], times[pairs.one] * times[pairs.two])
    order = np.argsort(pairs.score, kind="stable")  # quick where they are sorted
    same, weight = same[order], weight[order]
    refused = np.cumsum(weight * same) / (np.sum(weight * same) or np.nan)
    accepted = 1 - np.cumsum(weight * ~same) / (np.sum(weight * ~same) or np.nan)
    at = int(np.argmax(refused >= accepted))
    return float(refused[at] + accepted[at]) / 2


def separated(groups: Groups, times: NDArray[np.float64] | None = None) -> Separated:
    """Over all pairs of speakers, NaN without any; `times` is how often each speaker counts."""
    weight = np.ones(len(groups.wrong)) if times is None else times[groups.one] * times[groups.two]
    perfect = np.sum(weight * (groups.wrong == 0)) / (np.sum(weight) or np.nan)
    return Separated(float(perfect), float(np.sum(weight * groups.wrong) / (np.sum(weight * groups.count) or np.nan)))


def two_heaps(vectors: Vectors) -> NDArray[np.bool_]:
    """Two-means of unit vectors, from the halves of their main direction on: whether each is on the second heap."""
    middle = vectors - vectors.mean(0)
    heap: NDArray[np.bool_] = middle @ np.linalg.svd(middle, full_matrices=False)[2][0] > 0
    for _ in range(20):
        if heap.all() or not heap.any():
            break
        first, second = vectors[~heap].mean(0), vectors[heap].mean(0)
        moved = vectors @ (second / np.linalg.norm(second)) > vectors @ (first / np.linalg.norm(first))
        if (moved == heap).all():
            break
        heap = moved
    return heap
