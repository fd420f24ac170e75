"""Mixtures of two speakers, drawn from a corpus: who is heard in them when, and what makes them hard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from sepdiar.audio.source import Samples
from sepdiar.training import augment, lines
from sepdiar.training.corpus import RATE, Clip, Corpus
from sepdiar.training.pitch import CANDIDATES, Pitches

FULL, PARTIAL, ALONE, ANCHORED, PACKED, ASIDES = range(6)  # what a mixture is, in the order of the shares
FADE = 320  # samples in which somebody becomes heard in a packed window
FAR = 15.0  # dB between the two at most, where one is far from the microphone


@dataclass(frozen=True)
class Mixing:
    """How mixtures are drawn. The shares are of full overlap, of turns that overlap in part, of one talker alone, of mixtures
    before which each of the two is heard alone, of short windows behind such a beginning, as the joiner packs them, and of
    long turns behind it into which the other says a word now and then.

    In the share `alike` of mixtures, the second speaker is that of several whose pitch is nearest to the first's: voices that
    are alike are what is hard. In the share `far` one of them is up to 15 dB louder. The share `clip` is cut off at its
    peaks, and the share `line` goes through a line and its codec (`lines`): the sources too are as they are heard behind it.
    """

    full: float = 0.6
    partial: float = 0.28
    alone: float = 0.12
    anchored: float = 0.0
    packed: float = 0.0
    asides: float = 0.0
    level: float = 5.0
    speed: float = 0.12
    room: float = 0.25
    noise: float = 0.3
    band: float = 0.25
    alike: float = 0.0
    far: float = 0.0
    clip: float = 0.0
    line: float = 0.0


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
        shares = mixing.full, mixing.partial, mixing.alone, mixing.anchored, mixing.packed, mixing.asides
        kind = rng.choice(len(shares), p=shares)
        if kind == PARTIAL:
            _take_turns(one, two, rng)
        elif kind == ANCHORED:
            _anchor(one, two, rng)
        elif kind == PACKED:
            _pack(one, two, rng)
        elif kind == ASIDES:
            _asides(one, two, rng)
        spread = rng.uniform(-1, 1) * (mixing.level if rng.random() < 0.75 else 2 * mixing.level)
        if mixing.far and rng.random() < mixing.far:
            spread = rng.uniform(-FAR, FAR)
        two *= augment.gain(spread)
        floor = max(floor_one, floor_two + spread)
        edge = min(band_one, band_two)
        if kind == ALONE:
            two[:] = 0
        pair = np.stack([one, two])
        if rng.random() < mixing.room:
            pair = np.stack([augment.heard_in(source, self._place(rng)) for source in pair])
        if rng.random() < mixing.band:
            edge = min(edge, rng.choice([3400, 4000, rng.uniform(3000, 8000)]))
        if edge < 7500:
            pair = augment.low_pass(pair, edge)
        pair += self._noise(rng, samples, floor) / 2
        if mixing.clip and rng.random() < mixing.clip:
            pair = lines.clipped(pair, rng.uniform(0.2, 0.8))
        if mixing.line and rng.random() < mixing.line:
            pair = lines.drawn(rng).carry(pair, peak=-rng.uniform(1, 20))
        pair *= augment.gain(rng.uniform(-12, 8))
        return pair[rng.permutation(2)]

    def _two(self, rng: Generator) -> tuple[int, int]:
        count = min(1 + CANDIDATES, len(self._speakers))
        first, *others = (int(i) for i in rng.choice(len(self._speakers), count, replace=False))
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


def _pack(one: Samples, two: Samples, rng: Generator) -> None:
    """The first alone, then the second alone, then one short window after the other, each of another moment: one goes on while
    the other says a little, one takes over from the other, or just one speaks."""
    count = len(one)
    sounds, at = _each_alone(count, rng)
    while at < count:
        both = rng.uniform(0.15, 0.8) if rng.random() < 0.6 else rng.uniform(0.8, 2.5)
        lead, rest = rng.uniform(0.2, 0.9, 2)
        begin, end, until = (at + round(seconds * RATE) for seconds in (lead, lead + both, lead + both + rest))
        for talk in (one, two):
            talk[at:] = np.roll(talk[at:], rng.integers(count - at))
        first, what = int(rng.integers(2)), rng.choice(["aside", "takeover", "alone"], p=[0.5, 0.4, 0.1])
        sounds[first, at : end if what == "takeover" else until] = 1
        if what != "alone":
            sounds[1 - first, begin : until if what == "takeover" else end] = 1
        at = until
    _only(one, two, sounds)


def _asides(one: Samples, two: Samples, rng: Generator) -> None:
    """The first alone, then the second alone, then turns of 3 to 10 s, into each of which the other says short things."""
    count = len(one)
    sounds, at = _each_alone(count, rng)
    first = int(rng.integers(2))
    while at < count:
        until = at + round(rng.uniform(3, 10) * RATE)
        sounds[first, at:until] = 1
        at += round(rng.uniform(0.2, 1.5) * RATE)
        while at < until:
            end = at + round(rng.uniform(0.2, 1.0) * RATE)
            sounds[1 - first, at:end] = 1
            at = end + round(rng.uniform(0.4, 2.5) * RATE)
        at, first = until, 1 - first
    _only(one, two, sounds)


def _each_alone(count: int, rng: Generator) -> tuple[Samples, int]:
    """Who is heard when, as (2, count) of 0 and 1, so far: each alone for a tenth to a fifth; and where that ends."""
    at = round(rng.uniform(0.1, 0.2) * count)
    sounds = np.zeros((2, count), np.float32)
    sounds[0, :at] = sounds[1, at : 2 * at] = 1
    return sounds, 2 * at


def _only(one: Samples, two: Samples, sounds: Samples) -> None:
    """Silence each where it is not heard, softly."""
    ramp = np.hanning(FADE + 2)[1:-1]
    for talk, mask in zip((one, two), sounds, strict=True):
        talk *= np.convolve(mask, ramp / ramp.sum(), "same").astype(np.float32)
