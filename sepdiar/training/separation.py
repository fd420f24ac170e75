"""Mixtures of two speakers made on the fly, and the loss and the development figures of the separator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from sepdiar.audio.source import Samples
from sepdiar.networks import weights
from sepdiar.training import augment
from sepdiar.training.corpus import RATE, Clip, Corpus
from sepdiar.training.pitch import Pitches
from sepdiar.training.task import Batch, Figures, table

CANDIDATES = 5  # speakers of whom the one with the nearest pitch is taken


@dataclass(frozen=True)
class Mixing:
    """How mixtures are drawn. The shares are of full overlap, of turns that overlap in part, of one talker alone, and of mixtures
    before which each of the two is heard alone, as the joiner gives them to a separator.

    In the share `alike` of mixtures, the second speaker is that of several whose pitch is nearest to the first's: voices that
    are alike are what is hard.
    """

    full: float = 0.6
    partial: float = 0.28
    alone: float = 0.12
    anchored: float = 0.0
    level: float = 5.0
    speed: float = 0.12
    room: float = 0.25
    noise: float = 0.3
    band: float = 0.25
    alike: float = 0.0


class Mixer:
    """Draws (mixture, two sources) from a corpus; the sources add up to the mixture, its noise shared between them."""

    def __init__(self, corpus: Corpus, mixing: Mixing, noises: Sequence[Samples] = (), rooms: Sequence[Samples] = ()) -> None:
        self._corpus, self._mixing, self._noises, self._rooms = corpus, mixing, noises, rooms
        self._clips = corpus.by_speaker()
        self._speakers = list(self._clips)
        self._pitches = Pitches(corpus, self._clips) if mixing.alike else None

    def batch(self, rng: Generator, size: int, samples: int) -> Samples:
        """`size` pairs of sources as (size, 2, samples)."""
        return np.stack([self._pair(rng, samples) for _ in range(size)])

    def _pair(self, rng: Generator, samples: int) -> Samples:
        mixing = self._mixing
        first, second = (self._speakers[i] for i in self._two(rng))
        (one, band_one, floor_one), (two, band_two, floor_two) = (self._talk(s, rng, samples) for s in (first, second))
        kind = rng.choice(4, p=[mixing.full, mixing.partial, mixing.alone, mixing.anchored])
        if kind == 1:
            _take_turns(one, two, rng)
        elif kind == 3:
            _anchor(one, two, rng)
        spread = rng.uniform(-1, 1) * (mixing.level if rng.random() < 0.75 else 2 * mixing.level)
        two *= augment.gain(spread)
        floor = max(floor_one, floor_two + spread)
        edge = min(band_one, band_two)
        if kind == 2:
            two[:] = 0
        pair = np.stack([one, two])
        if rng.random() < mixing.room:
            pair = np.stack([augment.heard_in(source, self._place(rng)) for source in pair])
        if rng.random() < mixing.band:
            edge = min(edge, rng.choice([3400, 4000, rng.uniform(3000, 8000)]))
        if edge < 7500:
            pair = augment.low_pass(pair, edge)
        pair += self._noise(rng, samples, floor) / 2
        pair *= augment.gain(rng.uniform(-12, 8))
        return pair[rng.permutation(2)]

    def _two(self, rng: Generator) -> tuple[int, int]:
        first, *others = (int(i) for i in rng.choice(len(self._speakers), min(CANDIDATES, len(self._speakers)), replace=False))
        alike = rng.random() < self._mixing.alike
        return first, self._pitches.nearest(first, others) if self._pitches and alike else others[0]

    def _place(self, rng: Generator) -> Samples:
        """Half of the time a room that was measured, where there are any."""
        if self._rooms and rng.random() < 0.5:
            return self._rooms[int(rng.integers(len(self._rooms)))]
        return augment.response(rng)

    def _noise(self, rng: Generator, samples: int, floor: float) -> Samples:
        """Noise over the higher of the two floors half of the time, so that the floor tells nothing; at times much louder."""
        if rng.random() < self._mixing.noise:
            level = -25 - rng.uniform(5, 30)
        elif rng.random() < 0.5:
            level = floor + rng.uniform(-3, 6)
        else:
            return np.zeros(samples, np.float32)
        if self._noises and rng.random() < 0.5:
            noise = self._noises[int(rng.integers(len(self._noises)))]
            at = rng.integers(max(1, len(noise) - samples))
            noise = np.resize(noise[at : at + samples], samples)
            noise = augment.even(noise)
        else:
            noise = augment.coloured(samples, rng.uniform(-1, 8), rng)
        made: Samples = noise * augment.gain(min(level, -30.0))
        return made

    def _talk(self, speaker: str, rng: Generator, samples: int) -> tuple[Samples, float, float]:
        """One speaker without a long pause, and the band edge and the floor of what was taken."""
        clips = self._clips[speaker]
        talk, at, band, floor = np.zeros(samples, np.float32), 0, float(RATE), -120.0
        factor = rng.uniform(1 - self._mixing.speed, 1 + self._mixing.speed) if self._mixing.speed else 1.0
        while at < samples:
            clip: Clip = clips[rng.integers(len(clips))]
            need = int((samples - at) * factor) + 512
            start = int(rng.integers(max(1, clip.samples - need))) if at == 0 and clip.samples > need else 0
            piece = self._corpus.read(clip, start, need)
            if factor != 1.0 and len(piece) > 64:
                piece = augment.speed(piece, factor)
            piece = piece[: samples - at]
            talk[at : at + len(piece)] = piece
            at += len(piece)
            band, floor = min(band, clip.band * factor), max(floor, clip.floor)
        return talk, band, floor


def _take_turns(one: Samples, two: Samples, rng: Generator) -> None:
    """Silence the first at the end and the second at the start (or a stretch in the middle), so that they overlap in part."""
    count = len(one)
    if rng.random() < 0.6:
        begin, end = sorted(rng.uniform(0.05, 0.95, 2))
        one[int(end * count) :] = 0
        two[: int(begin * count)] = 0
    else:
        begin, end = sorted(rng.uniform(0, 1, 2))
        two[: int(begin * count)] = 0
        two[int(end * count) :] = 0


def _anchor(one: Samples, two: Samples, rng: Generator) -> None:
    """The first alone, then the second alone, each for a sixth to a quarter of the whole; half of the time turns after that."""
    count = round(rng.uniform(0.16, 0.26) * len(one))
    one[count : 2 * count] = 0
    two[:count] = 0
    if rng.random() < 0.5:
        _take_turns(one[2 * count :], two[2 * count :], rng)


def loss(estimates: Tensor, sources: Tensor, threshold: float = 1e-3) -> Tensor:
    """Of each mixture, the mean error of its two outputs in dB, in the better order; no output gains from more than 30 dB.

    An output whose source is silent is measured against the mixture instead.
    """
    mixture = sources.sum(1)
    power = sources.square().sum(-1)
    whole = mixture.square().sum(-1, keepdim=True)
    reference = torch.where(power > 1e-4 * whole, power, whole)

    def error(order: list[int]) -> Tensor:
        wrong = (estimates[:, order] - sources).square().sum(-1)
        return 10 * torch.log10(wrong / reference + threshold).mean(1)

    return torch.minimum(error([0, 1]), error([1, 0]))


def improvement(estimates: Tensor, sources: Tensor) -> Tensor:
    """SI-SDR improvement in dB of each mixture, both sources averaged, in the better order."""
    mixture = sources.sum(1, keepdim=True).expand_as(sources)
    before = si_sdr(mixture, sources).mean(1)
    after = torch.maximum(si_sdr(estimates, sources).mean(1), si_sdr(estimates.flip(1), sources).mean(1))
    return after - before


def si_sdr(estimates: Tensor, sources: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB along the last axis."""
    scale = (estimates * sources).sum(-1, keepdim=True) / (sources.square().sum(-1, keepdim=True) + 1e-9)
    target = scale * sources
    return 10 * torch.log10(target.square().sum(-1) / ((estimates - target).square().sum(-1) + 1e-9) + 1e-9)


@dataclass(frozen=True)
class Pair:
    """Two utterances that are said at once, as (2, samples)."""

    one: Clip
    two: Clip
    sources: Samples


def development(corpus: Corpus, count: int, seed: int = 7) -> list[Pair]:
    """Pairs of different speakers, clean, in full overlap, the second -5 to 5 dB against the first; always the same."""
    rng = np.random.default_rng(seed)
    clips = corpus.by_speaker()
    names = list(clips)
    pairs: list[Pair] = []
    while len(pairs) < count:
        one, two = (clips[names[i]][rng.integers(len(clips[names[i]]))] for i in rng.choice(len(names), 2, replace=False))
        samples = min(one.samples, two.samples, 8 * RATE)
        if samples < 2 * RATE:
            continue
        sources = np.stack([corpus.read(one, 0, samples), corpus.read(two, 0, samples)])
        sources /= np.sqrt(np.mean(sources**2, axis=1, keepdims=True)) * np.float32(18)
        sources[1] *= augment.gain(rng.uniform(-5, 5))
        edge = min(one.band, two.band)
        pairs.append(Pair(one, two, augment.low_pass(sources, edge) if edge < 7500 else sources))
    return pairs


@torch.no_grad()
def evaluate(network: nn.Module, pairs: Sequence[Samples]) -> list[float]:
    """The improvement of each pair, in dB."""
    network.eval()
    device = next(network.parameters()).device
    made = []
    for pair in pairs:
        sources = torch.from_numpy(pair)[None].to(device)
        made.append(float(improvement(network(sources.sum(1)).float(), sources)))
    network.train()
    return made


@dataclass(frozen=True)
class Drawing:
    """The table [data] of a recipe: `audio` seconds of mixtures a step, all of one of the `lengths`; pairs to choose on."""

    audio: float = 40.0
    lengths: tuple[float, ...] = (2.5, 4.0, 6.0)
    dev_pairs: int = 60


class Separation:
    """The task of the separator; tables [network], [data] and [mixing]."""

    kind = "separator"

    def __init__(
        self,
        recipe: Mapping[str, Any],
        train: Corpus,
        dev: Corpus,
        *,
        noises: Sequence[Samples] = (),
        rooms: Sequence[Samples] = (),
    ) -> None:
        self.shape: Mapping[str, Any] = recipe.get("network", {})
        self.network = weights.make(self.kind, self.shape)
        self.heads = nn.Module()
        self._drawing = table(Drawing, recipe, "data")
        self._mixer = Mixer(train, table(Mixing, recipe, "mixing"), noises, rooms)
        self._pairs = [pair.sources for pair in development(dev, self._drawing.dev_pairs)]

    def batch(self, rng: Generator) -> Batch:
        """Sources as (size, 2, samples)."""
        seconds = self._drawing.lengths[rng.integers(len(self._drawing.lengths))]
        return (self._mixer.batch(rng, max(1, round(self._drawing.audio / seconds)), round(seconds * RATE)),)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """The mean error in dB."""
        sources = torch.as_tensor(batch[0])
        return loss(network(sources.sum(1)).float(), sources).mean(), {}

    def evaluate(self, network: nn.Module) -> Figures:
        """The mean improvement in dB over the development pairs, and its standard deviation."""
        made = evaluate(network, self._pairs)
        return {"improvement": float(np.mean(made)), "deviation": float(np.std(made))}
