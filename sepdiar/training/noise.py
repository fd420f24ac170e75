"""Noise that nobody recorded: a background, and what falls, knocks, rattles, rushes and scrapes in it; all at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from sepdiar.audio.source import Samples
from sepdiar.training.augment import coloured, even, gain, hilly, response
from sepdiar.training.corpus import RATE

EVENTFUL = 0.6  # of all noise: how much has more in it than a background
A_SECOND = 0.15, 3.0  # so many things happen then
ABOVE = -3.0, 28.0  # dB by which they are louder than the background
ROOM = 0.5  # of what happens: how much is heard in a room


def invented(count: int, rng: Generator) -> Samples:
    """So many samples of it, of power 1."""
    noise = _background(count, rng)
    if rng.random() < EVENTFUL:
        level = rng.uniform(*ABOVE)
        kinds = rng.permutation(len(EVENTS))[: rng.integers(1, len(EVENTS) + 1)]
        place = response(rng) if rng.random() < ROOM else None
        often = np.exp(rng.uniform(*np.log(A_SECOND)))
        for at in rng.integers(-RATE // 4, count, rng.poisson(often * count / RATE)).tolist():
            event = EVENTS[int(rng.choice(kinds))](rng)
            if place is not None:
                event = fftconvolve(event, place).astype(np.float32)
            event = even(event) * gain(level + rng.uniform(-12, 3))
            piece = event[max(0, -at) : count - at]
            noise[max(0, at) : max(0, at) + len(piece)] += piece
    return even(noise)


def _background(count: int, rng: Generator) -> Samples:
    """Coloured noise, at times of a colour with hills in it, a hum below it, or parts that come and go by themselves."""
    noise = coloured(count, rng.uniform(-2, 10), rng)
    if rng.random() < 0.4:
        noise = even(hilly(noise, rng, 10.0))
    if rng.random() < 0.4:
        noise *= _swing(count, rng, rng.uniform(1, 12))
    if rng.random() < 0.2:
        beating = hilly(rng.standard_normal(count, np.float32), rng, 20.0)
        noise += even(beating * _beats(count, rng)) * gain(rng.uniform(-6, 9))
    if rng.random() < 0.2:
        noise += even(_tones(count, rng.uniform(40, 250) * np.arange(1, rng.integers(2, 9)), rng)) * gain(rng.uniform(-12, 6))
    return noise


def rattle(rng: Generator) -> Samples:
    """One to a dozen knocks of a thing that rings a little, one soon after the other."""
    count = int(rng.uniform(0.1, 0.6) * RATE)
    ring = int(rng.uniform(0.02, 0.25) * RATE)
    tones = _tones(ring, rng.uniform(300, 7500, int(rng.integers(3, 20))), rng)
    struck = (even(tones) + rng.uniform(0, 1.5) * rng.standard_normal(ring, np.float32)) * _fall(ring, rng.uniform(2, 8))
    hits = np.zeros(count, np.float32)
    hits[rng.integers(count, size=rng.integers(1, 13))] = rng.uniform(0.2, 1)
    hits[0] = 1
    knocks: Samples = fftconvolve(hits, hilly(struck, rng, 8.0)).astype(np.float32)
    return knocks


def rush(rng: Generator) -> Samples:
    """A stretch of noise of its own colour, which begins and ends at once or little by little: a tap, a plate that slides."""
    count = int(np.exp(rng.uniform(np.log(0.05), np.log(1.5))) * RATE)
    noise = hilly(rng.standard_normal(count, np.float32), rng, 15.0)
    sides = np.minimum(np.arange(count), np.arange(count)[::-1]).astype(np.float32)
    ends: Samples = np.minimum(sides / np.float32(rng.uniform(8, 0.2 * RATE)), 1)
    return noise * ends * _fall(count, rng.uniform(0, 5))


def scrape(rng: Generator) -> Samples:
    """A tone with overtones that glides, rougher or purer than a voice, and mostly higher."""
    count = int(rng.uniform(0.1, 0.8) * RATE)
    ends = np.exp(rng.uniform(np.log(250), np.log(3000))) * np.exp(rng.uniform(-0.4, 0.4, 4))
    pitch = np.interp(np.arange(count), np.linspace(0, count, 4), ends)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    over = [np.sin(n * phase) * (n * pitch < RATE / 2) * rng.uniform(0, 1) for n in range(1, rng.integers(2, 8))]
    rough = 1 + rng.uniform(0, 1) * coloured(count, 6.0, rng)
    whole: Samples = (np.sum(over, axis=0) * rough * np.sin(np.pi * np.arange(count) / count)).astype(np.float32)
    return whole


def thud(rng: Generator) -> Samples:
    """Something heavy, or a hand at the microphone."""
    count = int(rng.uniform(0.05, 0.4) * RATE)
    return coloured(count, rng.uniform(9, 18), rng) * _fall(count, rng.uniform(3, 8))


Event = Callable[[Generator], Samples]
EVENTS: tuple[Event, ...] = (rattle, rush, scrape, thud)


def _fall(count: int, by: float) -> Samples:
    """From 1 down to `by` times 8.7 dB less."""
    fall: Samples = np.exp(-by * np.arange(count, dtype=np.float32) / np.float32(max(1, count)))
    return fall


def _swing(count: int, rng: Generator, points: float) -> Samples:
    """A level that wanders by 15 dB, `points` times in so many samples."""
    places = np.linspace(0, count, max(2, int(points)))
    swing: Samples = gain(1.0) ** np.interp(np.arange(count), places, rng.uniform(-9, 6, len(places))).astype(np.float32)
    return swing


def _beats(count: int, rng: Generator) -> Samples:
    """A level that comes and goes with a machine, 0.5 to 12 times a second."""
    wave: Samples = np.sin(2 * np.pi * rng.uniform(0.5, 12) * np.arange(count, dtype=np.float32) / RATE + rng.uniform(0, 6))
    beats: Samples = np.maximum(wave + np.float32(rng.uniform(-0.5, 0.5)), 0) ** np.float32(rng.uniform(0.5, 4))
    return beats


def _tones(count: int, hertz: NDArray[np.floating[Any]], rng: Generator) -> Samples:
    """Tones of these frequencies, each as loud as it happens to be."""
    seconds = np.arange(count, dtype=np.float32) / RATE
    waves = [np.sin(np.float32(2 * np.pi * tone) * seconds + rng.uniform(0, 6)) * rng.uniform(0.1, 1) for tone in hertz.tolist()]
    tones: Samples = np.sum(waves, axis=0).astype(np.float32)
    return tones
