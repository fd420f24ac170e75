"""Where people speak: rooms, levels and noise, and two channels that grow on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sepdiar.assemble.flac import write_flac
from sepdiar.audio.source import BLOCK, RawAudio, Samples
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.simulation.speech import channels_of, facts_of

ENDINGS = frozenset((".flac", ".wav", ".ogg", ".opus", ".mp3"))
TAIL = 2.0  # seconds of a room's response
LOOP = 30.0  # seconds of noise, repeated with a cross-fade
CROSSFADE = 0.1
PEAK = 0.98  # of full scale, which neither the channels nor their sum pass
STEPS = 1 << 15  # of a 16-bit sample, to full scale


def audio_files(folder: str | Path, what: str) -> list[Path]:
    """The audio files below a folder, by their names' endings, in order; SD206 where there are none."""
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise SepdiarError("SD206", f"no {what} in this folder", where=str(folder))
    return files


@dataclass(frozen=True)
class Room:
    """How each of the speakers is heard in the same place."""

    name: str
    responses: tuple[Samples, ...]
    _gains: dict[int, float] = field(default_factory=dict)

    def hear(self, speaker: int, samples: Samples) -> Samples:
        """Speech as it arrives, the response's tail behind it; it begins when it did.

        What is heard first of a speaker keeps its energy, and all that follows gets the same gain: how much louder a room
        makes a voice depends on the voice.
        """
        from scipy.signal import fftconvolve

        heard = fftconvolve(samples, self.responses[speaker])
        gain = self._gains.setdefault(speaker, (_energy(samples) / _energy(heard)) ** 0.5)
        return (heard * gain).astype(np.float32)  # type: ignore[no-any-return]


def draw_room(files: Sequence[Path], rate: int, rng: Generator) -> Room:
    """One of the files for both speakers: its channels are responses at different places of one room.

    To a file of one channel, another of the same folder gives the second place. A response begins at its direct sound.
    """
    first = files[int(rng.integers(len(files)))]
    responses = list(channels_of(first, rate).T)
    if len(responses) < 2:
        others = [file for file in files if file != first and file.parent == first.parent] or [first]
        responses += list(channels_of(others[int(rng.integers(len(others)))], rate).T)
    chosen = rng.permutation(len(responses))[:2]
    return Room(first.stem, tuple(_direct(responses[i], rate) for i in chosen))


def draw_noise(files: Sequence[Path], rate: int, rng: Generator) -> tuple[str, Samples]:
    """A stretch of one of the files at a power of 1, that can be repeated without a seam."""
    file = files[int(rng.integers(len(files)))]
    info = facts_of(file)
    frames = min(info.frames, round(LOOP * info.samplerate))
    start = int(rng.integers(info.frames - frames + 1))
    noise = channels_of(file, rate, frames, start).mean(axis=1)
    fade = min(round(CROSSFADE * rate), len(noise) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    head, tail = noise[:fade], noise[len(noise) - fade :]
    loop = np.concatenate([head * ramp + tail * ramp[::-1], noise[fade : len(noise) - fade]]).astype(np.float32)
    power = float(np.mean(loop.astype(np.float64) ** 2)) if len(loop) else 0.0
    if not power:
        raise SepdiarError("SD110", "noise that is silent", where=str(file))
    return file.stem, loop / np.float32(power**0.5)


@dataclass(frozen=True)
class Booth:
    """Two channels of `samples` in scratch files, silent where nothing was added."""

    folder: Path
    rate: int
    samples: int

    def add(self, channel: int, start: int, samples: Samples) -> None:
        """Mix into a channel from sample `start` on; what lies behind the end is dropped."""
        if span := Span(start, start + len(samples)) & Span(0, self.samples):
            audio = self._audio(channel)
            there = audio.read(span)[:, 0]
            with audio.path.open("r+b") as file:
                file.seek(4 * span.start)
                file.write((there + samples[: len(span)]).astype(np.float32).data)

    def blocks(self) -> Iterator[tuple[Span, Samples]]:
        """Both channels in order, as (frames, 2)."""
        for start in range(0, self.samples, BLOCK):
            span = Span(start, min(start + BLOCK, self.samples))
            yield span, np.concatenate([self._audio(channel).read(span) for channel in (0, 1)], axis=1)

    def _audio(self, channel: int) -> RawAudio:
        path = self.folder / f"channel-{channel}.f32"
        path.touch()
        return RawAudio(path, self.rate, self.samples)


def write_audio(booth: Booth, channels: Path, mixture: Path, loop: Samples | None = None, noise_gain: float = 0.0) -> float:
    """Write the two channels, and the mixture: their sum, and the noise where there is any; returns the gain against clipping.

    Channels and noise are rounded to 16 bits before they are added: the mixture is exactly the sum of what is written.
    """
    peak = 0.0
    for span, frames in booth.blocks():
        speech = frames.sum(axis=1)
        peak = max(peak, *(float(np.abs(heard).max()) for heard in (frames, speech, speech + _noise(loop, span, noise_gain))))
    gain = min(1.0, PEAK / peak) if peak else 1.0
    write_flac(channels, booth.rate, 16, (_rounded(frames, gain) for _, frames in booth.blocks()))
    sums = (
        _rounded(frames, gain).sum(axis=1) + _rounded(_noise(loop, span, noise_gain), gain) for span, frames in booth.blocks()
    )
    write_flac(mixture, booth.rate, 16, sums, channels=1)
    return gain


def mean_power(booth: Booth, spoken: int) -> float:
    """The mean power of both channels together over the `spoken` samples in which anybody speaks."""
    energy = sum(float(np.sum(frames.sum(axis=1, dtype=np.float64) ** 2)) for _, frames in booth.blocks())
    return energy / spoken if spoken else 0.0


def decibels(level: float) -> float:
    """A level in dB as a factor of amplitude.

    >>> decibels(-20.0)
    0.1
    """
    return float(10 ** (level / 20))


def _rounded(samples: Samples, gain: float) -> Samples:
    levels: Samples = np.rint(samples * np.float32(gain * STEPS))
    return levels / np.float32(STEPS)


def _noise(loop: Samples | None, span: Span, gain: float) -> Samples:
    if loop is None:
        return np.zeros(len(span), np.float32)
    return loop[np.arange(span.start, span.end) % len(loop)] * np.float32(gain)


def _direct(response: Samples, rate: int) -> Samples:
    begin = max(0, int(np.argmax(np.abs(response))) - rate // 1000)
    kept = response[begin : begin + round(TAIL * rate)]
    return kept if kept.any() else np.ones(1, np.float32)


def _energy(samples: Samples) -> float:
    return float(np.sum(samples.astype(np.float64) ** 2))
