"""A consonant of noise and a vowel of harmonics under three formants, one after the other: nobody's language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from wave import open as open_wave

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Samples = NDArray[np.float32]

VOWELS = {"a": (730, 1240, 2500), "e": (480, 1900, 2550), "i": (290, 2250, 3000), "o": (500, 880, 2450), "u": (310, 800, 2250)}
CONSONANTS = {"s": 5500, "k": 2200, "t": 3800, "p": 900, "": 0, "m": 0}  # the centre of their noise in Hz; 0: none
WIDTHS = (70, 110, 170)  # of the formants, in Hz
FLOOR = 10 ** (-70 / 20)  # the noise under everything
LOUDNESS = 0.1  # of vowels
SHORT_SAYINGS = ("mi", "oka")


@dataclass(frozen=True)
class Speaker:
    """A voice: pitch in Hz, length of the vocal tract against the average, and by how many dB an octave its harmonics fall."""

    name: str
    pitch: float
    tract: float
    tilt: float


def speaker(index: int) -> Speaker:
    """The voice of a number: deep and high ones in turn, no two alike.

    >>> speaker(0).pitch < speaker(1).pitch
    True
    """
    step = (index // 2 * 0.618) % 1
    pitch, tract = (95 + 45 * step, 1.1 + 0.1 * step) if index % 2 == 0 else (180 + 60 * step, 0.84 + 0.1 * step)
    return Speaker(f"voice{index}", pitch, tract, 7 + 4 * step)


def speech(
    words: Sequence[str], voice: Speaker, *, rate: int = 16000, seed: int = 0
) -> tuple[Samples, list[tuple[float, float]]]:
    """Words spoken, and begin and end of each in seconds: short breaks between them, a pause after each tenth or so.

    Words are made of the letters of `VOWELS` and `CONSONANTS`.

    >>> samples, times = speech(["sami", "koto"], speaker(0))
    >>> len(times), samples.dtype.name
    (2, 'float32')
    """
    rng = np.random.default_rng([seed, *map(ord, voice.name)])
    parts: list[Samples] = [np.zeros(rate // 4, np.float32)]
    length, times = len(parts[0]), []
    for word in words:
        spoken = np.concatenate([_syllable(consonant, vowel, voice, rate, rng) for consonant, vowel in _syllables(word)])
        silence = rng.uniform(0.4, 0.7) if rng.random() < 0.1 else rng.uniform(0.02, 0.06)
        times.append((length / rate, (length + len(spoken)) / rate))
        parts += [spoken, np.zeros(round(silence * rate), np.float32)]
        length += len(spoken) + len(parts[-1])
    parts.append(np.zeros(rate // 4, np.float32))
    samples = np.concatenate(parts)
    return samples + (FLOOR * rng.standard_normal(len(samples))).astype(np.float32), times


def voices(folder: str | Path, *, speakers: int = 2, utterances: int = 8, seed: int = 0, rate: int = 16000) -> Path:
    """Write utterances as WAV files, with manifest.tsv and the words' times in manifest.ctm; returns the manifest.

    The last two of each speaker's utterances are of one word, as backchannels are, if there are more than four.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rows, times = ["utt\tspeaker\tfile\ttext\tseconds"], []
    for voice in map(speaker, range(speakers)):
        for number in range(utterances):
            utt = f"{voice.name}-{number:02}"
            brief = utterances > 4 and number >= utterances - 2
            words = [SHORT_SAYINGS[number % 2]] if brief else _words(rng)
            samples, spans = speech(words, voice, rate=rate, seed=int(rng.integers(2**31)))
            _write(folder / f"{utt}.wav", samples, rate)
            rows.append(f"{utt}\t{voice.name}\t{utt}.wav\t{' '.join(words)}\t{len(samples) / rate:.3f}")
            times += [f"{utt} 1 {begin:.4f} {end - begin:.4f} {word}" for word, (begin, end) in zip(words, spans, strict=True)]
    (folder / "manifest.ctm").write_text("\n".join(times) + "\n")
    (folder / "manifest.tsv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.tsv"


def _words(rng: Generator) -> list[str]:
    """Five to fifteen words of one to three syllables."""
    consonants, vowels = [letter for letter in CONSONANTS if letter], list(VOWELS)
    lengths = rng.integers(1, 4, size=int(rng.integers(5, 16)))
    return ["".join(str(rng.choice(consonants)) + str(rng.choice(vowels)) for _ in range(length)) for length in lengths]


def _syllables(word: str) -> list[tuple[str, str]]:
    found, consonant = [], ""
    for letter in word:
        if letter in VOWELS:
            found.append((consonant, letter))
            consonant = ""
        elif letter in CONSONANTS:
            consonant = letter
        else:
            raise ValueError(f"{word!r} has a letter that cannot be said; there are: {''.join((*VOWELS, *CONSONANTS))}")
    if consonant or not found:
        raise ValueError(f"{word!r} does not end in a vowel")
    return found


def _syllable(consonant: str, vowel: str, voice: Speaker, rate: int, rng: Generator) -> Samples:
    begin = _noise(CONSONANTS[consonant] / voice.tract, rate, rng) if CONSONANTS[consonant] else np.zeros(0, np.float32)
    count = round(rng.uniform(0.11, 0.2) * rate)
    pitch = voice.pitch * (1 + 0.12 * np.sin(np.linspace(0, np.pi, count)) + rng.uniform(-0.08, 0.08))
    middle, sound = float(np.mean(pitch)), np.zeros(count)
    turning = np.exp(2j * np.pi * np.cumsum(pitch) / rate)
    wave = np.ones(count, complex)
    for harmonic in range(1, int(0.45 * rate / middle)):
        wave *= turning
        sound += _gain(harmonic * middle, vowel, voice) * harmonic ** (-voice.tilt / 6.02) * wave.imag
    envelope = np.sin(np.linspace(0, np.pi, count)) ** 0.4
    sound *= envelope * LOUDNESS * rng.uniform(0.8, 1.2) / np.sqrt(np.mean(sound**2))
    return np.concatenate([begin, sound.astype(np.float32)])


def _gain(frequency: float, vowel: str, voice: Speaker) -> float:
    """How much of a frequency the formants of a vowel let through."""
    return sum(
        width / math.hypot(frequency - formant / voice.tract, width) / (1 + place)
        for place, (formant, width) in enumerate(zip(VOWELS[vowel], WIDTHS, strict=True))
    )


def _noise(centre: float, rate: int, rng: Generator) -> Samples:
    count = round(rng.uniform(0.05, 0.09) * rate)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / rate)
    shaped = np.fft.irfft(spectrum * np.exp(-(((frequency - min(centre, 0.4 * rate)) / 900) ** 2)), count)
    noise: Samples = (0.3 * LOUDNESS * np.hanning(count) * shaped / shaped.std()).astype(np.float32)
    return noise


def _write(path: Path, samples: Samples, rate: int) -> None:
    with open_wave(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
