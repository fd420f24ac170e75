"""The loss and the development figures of the separation: two speakers who talk at once, apart."""

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
from sepdiar.training.corpus import RATE, Clip, Corpus, held_back
from sepdiar.training.lines import CALLED
from sepdiar.training.mixing import Mixer, Mixing
from sepdiar.training.task import Batch, Figures, table


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
    """The table [data] of a recipe: `audio` seconds of mixtures a step, all of one of the `lengths`; pairs to choose on.

    With `dev_line`, each pair is heard as it is and through a telephone. So many `test_speakers` of dev are held back: they
    choose nothing, and have figures of their own.
    """

    audio: float = 40.0
    lengths: tuple[float, ...] = (2.5, 4.0, 6.0)
    dev_pairs: int = 60
    dev_line: bool = False
    test_speakers: int = 0


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
        parts = dict(zip(("", "test "), held_back(dev, self._drawing.test_speakers), strict=True))
        self._pairs: dict[str, list[Samples]] = {}
        for part, corpus in parts.items():
            if corpus.clips:
                pairs = [pair.sources for pair in development(corpus, self._drawing.dev_pairs)]
                self._pairs[f"{part}clean"] = pairs
                if self._drawing.dev_line:
                    self._pairs[f"{part}line"] = [CALLED.carry(pair) for pair in pairs]

    def batch(self, rng: Generator) -> Batch:
        """Sources as (size, 2, samples)."""
        seconds = self._drawing.lengths[rng.integers(len(self._drawing.lengths))]
        return (self._mixer.batch(rng, max(1, round(self._drawing.audio / seconds)), round(seconds * RATE)),)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """The mean error in dB."""
        sources = torch.as_tensor(batch[0])
        return loss(network(sources.sum(1)).float(), sources).mean(), {}

    def evaluate(self, network: nn.Module) -> Figures:
        """The mean improvement in dB over the development pairs, and its standard deviation; then, where they are asked for,
        of the pairs as they are, through a telephone, and both of the speakers that choose nothing."""
        made = {name: evaluate(network, pairs) for name, pairs in self._pairs.items()}
        chosen = [value for name, values in made.items() if not name.startswith("test ") for value in values]
        apart = {name: float(np.mean(values)) for name, values in made.items()} if len(made) > 1 else {}
        return {"improvement": float(np.mean(chosen)), "deviation": float(np.std(chosen)), **apart}
