"""Stretches of one voice as a microphone may hear them, and the loss and the development figures of the voice embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.random import Generator
from scipy.fft import prev_fast_len
from torch import Tensor, nn
from torch.nn import functional as F

from sepdiar.audio.source import Samples
from sepdiar.evaluation.trials import Trials, embedder, equal_error
from sepdiar.networks import weights
from sepdiar.networks.voice import Voice
from sepdiar.training import augment
from sepdiar.training.corpus import RATE, Corpus
from sepdiar.training.task import Batch, Figures, table

BEGUN = 3  # stretches of so many seconds that tell where a person lies


@dataclass(frozen=True)
class Hearing:
    """How stretches are drawn: their length in seconds, the length of a batch, and how often what happens to them.

    Each of the `speeds` makes another person of a speaker. `margin` and `scale` are those of the additive-margin softmax,
    `likeness` is the weight of the other loss: which of the batch's second stretches goes with a first one.
    """

    speeds: tuple[float, ...] = (1.0, 0.9, 1.1)

    shortest: float = 0.5
    longest: float = 5.0
    batch: float = 128.0
    room: float = 0.4
    noise: float = 0.7
    band: float = 0.6
    notch: float = 0.3
    other: float = 0.25
    gaps: float = 0.5
    margin: float = 0.15
    scale: float = 30.0
    likeness: float = 1.0


class Speakers(nn.Module):
    """Where each person of the training lies; kept with the training, not with the model."""

    def __init__(self, persons: int, dim: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(persons, dim) * 0.1)

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors @ F.normalize(self.centres, dim=1).T


class Embedding:
    """The task `embedding`: tables `network` (its shape) and `hearing` of the recipe."""

    kind = "voice"

    def __init__(
        self, recipe: Mapping[str, Any], train: Corpus, dev: Corpus, noises: Sequence[Samples] = (), rooms: Sequence[Samples] = ()
    ) -> None:
        self.shape = dict(recipe.get("network", {}))
        self.network = cast(Voice, weights.make(self.kind, self.shape))
        self._hearing = table(Hearing, recipe, "hearing")
        self._corpus, self._clips = train, list(train.by_speaker().values())
        self._persons = len(self._clips) * len(self._hearing.speeds)
        self._noises = tuple(noise[: len(noise) // 2] for noise in noises)  # the other half is for the dev figures
        self.heads = Speakers(self._persons, self.network.dim)
        self._trials = Trials.of(
            dev, tuple(noise[len(noise) // 2 :] for noise in noises), rooms, lengths=(0.5, 1.5), each=5, heaps=False
        )

    def batch(self, rng: Generator) -> Batch:
        """Samples (size, samples) of one length, what to listen to, and who speaks: persons, then the same ones again."""
        hearing = self._hearing
        seconds = float(np.exp(rng.uniform(np.log(hearing.shortest), np.log(hearing.longest))))
        samples = prev_fast_len(round(seconds * RATE), real=True)
        count = min(self._persons, max(2, round(hearing.batch / max(seconds, 0.8) / 2)))
        persons = np.tile(rng.choice(self._persons, count, replace=False), 2)
        heard = [self._heard(int(person), samples, rng) for person in persons]
        return np.stack(heard), np.stack([self._keep(samples, rng) for _ in persons]), persons

    @torch.no_grad()
    def begun(self) -> None:
        """The persons lie where the weights that the training begins with hear them."""
        rng, embed = np.random.default_rng(0), embedder(self.network)
        for person in range(self._persons):
            talks = np.stack([self._talk(person, BEGUN * RATE, rng) for _ in range(BEGUN)])
            self.heads.centres[person] = torch.from_numpy(embed(talks).mean(0))

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Figures]:
        """Who of all persons it is, the right one's cosine lowered by the margin; and which two stretches belong together."""
        samples, keep, persons = (torch.as_tensor(part) for part in batch)
        vectors = network(samples, keep)
        with torch.autocast(samples.device.type, enabled=False):
            cosine = self.heads(vectors.float())
            right = F.one_hot(persons, cosine.shape[1])
            known = F.cross_entropy(self._hearing.scale * (cosine - self._hearing.margin * right), persons)
            first, second = vectors.float().chunk(2)
            alike = self._hearing.scale / 2 * first @ second.T
            own = torch.arange(len(first), device=alike.device)
            matched = (F.cross_entropy(alike, own) + F.cross_entropy(alike.T, own)) / 2
        accuracy = (cosine.argmax(1) == persons).float().mean()
        found = (alike.argmax(1) == own).float().mean()
        loss = known + self._hearing.likeness * matched
        return loss, {"known": known.detach(), "accuracy": accuracy, "matched": matched.detach(), "found": found}

    def evaluate(self, network: nn.Module) -> Figures:
        """1 - mean equal error rate over lengths and settings, then each of them."""
        embed = embedder(network)
        rates = {name: equal_error(trial.pairs(embed)) for name, trial in self._trials.stretches.items()}
        return {"right": 1 - sum(rates.values()) / len(rates), **{f"eer {name}": rate for name, rate in rates.items()}}

    def _heard(self, person: int, samples: int, rng: Generator) -> Samples:
        """A stretch of a person's speech after all that may happen to it."""
        hearing = self._hearing
        speech = self._talk(person, samples, rng)
        level = _level(speech)
        if rng.random() < hearing.other:
            speech = speech + self._other(samples, level, rng)
        if rng.random() < hearing.room:
            speech = augment.heard_in(speech, augment.response(rng))
        if rng.random() < hearing.noise:
            speech = speech + self._noise(samples, rng) * augment.gain(level - rng.uniform(3, 45))
        if rng.random() < hearing.band:
            speech = augment.low_pass(speech, float(rng.choice([3400, 4000, 5500, rng.uniform(3000, 8000)])))
        if rng.random() < hearing.notch:
            speech = _notched(speech, rng)
        return speech.astype(np.float32)

    def _talk(self, person: int, samples: int, rng: Generator) -> Samples:
        """A stretch in which the person is heard, from one utterance where it is long enough."""
        speeds = self._hearing.speeds
        clips, factor = self._clips[person // len(speeds)], speeds[person % len(speeds)]
        need = int(samples * factor * 1.05) + RATE // 20
        talk: Samples = np.zeros(0, np.float32)
        for _ in range(4):
            pieces: list[Samples] = []
            while (missing := need - sum(map(len, pieces))) > 0:
                clip = clips[rng.integers(len(clips))]
                pieces.append(self._corpus.read(clip, int(rng.integers(max(1, clip.samples - missing))), missing))
            talk = np.concatenate(pieces)
            if _level(talk) > -33:  # utterances are at -25 dB; softer stretches are pauses
                break
        return (augment.speed(talk, factor) if factor != 1 else talk)[:samples]

    def _other(self, samples: int, level: float, rng: Generator) -> Samples:
        """Another person, soft throughout, or as loud as the first for less than a third of the stretch."""
        other = self._talk(int(rng.integers(self._persons)), samples, rng)
        drop = rng.uniform(8, 25)
        if rng.random() < 0.3:
            begin, drop = int(rng.uniform(0, 0.9) * samples), rng.uniform(0, 6)
            other[:begin], other[begin + int(rng.uniform(0.05, 0.3) * samples) :] = 0, 0
        return other * augment.gain(level - max(_level(other), -60) - drop)

    def _noise(self, samples: int, rng: Generator) -> Samples:
        """Noise of power 1, recorded or made."""
        if not self._noises or rng.random() < 0.6:
            return augment.coloured(samples, rng.uniform(-1, 8), rng)
        noise = self._noises[rng.integers(len(self._noises))]
        noise = np.resize(noise[rng.integers(max(1, len(noise) - samples)) :], samples)
        return noise * augment.gain(-max(_level(noise), -90))

    def _keep(self, samples: int, rng: Generator) -> Samples:
        """What to listen to: all, or all but up to two gaps of which each is less than a quarter."""
        keep = np.ones(samples, np.float32)
        if rng.random() < self._hearing.gaps:
            for _ in range(rng.integers(1, 3)):
                begin = int(rng.uniform(0, 1) * samples)
                keep[begin : begin + int(rng.uniform(0.05, 0.22) * samples)] = 0
        return keep


def _level(samples: Samples) -> float:
    """Mean power in dB of full scale."""
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def _notched(samples: Samples, rng: Generator) -> Samples:
    """Without a band of 200 to 1500 Hz somewhere."""
    spectrum = np.fft.rfft(samples)
    begin = rng.uniform(0, 7500) / RATE * 2 * len(spectrum)
    spectrum[int(begin) : int(begin + rng.uniform(200, 1500) / RATE * 2 * len(spectrum))] *= 0.01
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)
