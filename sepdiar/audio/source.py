"""Audio that is read by stretches: nothing here ever holds a whole recording."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sepdiar.conversation import Span

Samples = NDArray[np.float32]
BLOCK = 1 << 18


class Audio(Protocol):
    """A recording that can be read anywhere; frames come as float32 of shape (frames, channels), full scale 1.

    `bits` is 16 or 24: the PCM that holds its samples exactly, for whoever writes them.
    """

    @property
    def rate(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def bits(self) -> int: ...
    def read(self, span: Span) -> Samples: ...


@dataclass(frozen=True)
class RawAudio:
    """Interleaved float32 in a scratch file. A file with holes reads as silence there."""

    path: Path
    rate: int
    samples: int
    channels: int = 1
    bits: int = 16

    def read(self, span: Span) -> Samples:
        width = 4 * self.channels
        count = len(span) * self.channels
        frames = np.fromfile(self.path, np.float32, count, offset=span.start * width)
        if frames.size < count:  # beyond the end of a sparse file that was never written to its end
            frames = np.concatenate([frames, np.zeros(count - frames.size, np.float32)])
        return frames.reshape(-1, self.channels)


@dataclass(frozen=True)
class FileAudio:
    """A WAV or FLAC file, in which any sample can be reached exactly."""

    path: Path
    rate: int
    samples: int
    channels: int
    bits: int = 16

    @classmethod
    def open(cls, path: Path) -> FileAudio:
        """The file at `path`; it must be WAV or FLAC and whole: foreign files go through `decode` first."""
        info = soundfile.info(os.fsencode(path))
        return cls(path, info.samplerate, info.frames, info.channels, 16 if info.subtype == "PCM_16" else 24)

    def read(self, span: Span) -> Samples:
        frames, _ = soundfile.read(os.fsencode(self.path), len(span), span.start, dtype="float32", always_2d=True)
        return frames  # type: ignore[no-any-return]


@dataclass(frozen=True)
class ArrayAudio:
    """Samples in memory, for short things and for tests."""

    frames: Samples
    rate: int
    bits: int = 16

    @property
    def samples(self) -> int:
        return len(self.frames)

    @property
    def channels(self) -> int:
        return 1 if self.frames.ndim == 1 else self.frames.shape[1]

    def read(self, span: Span) -> Samples:
        return self.frames[span.start : span.end].reshape(-1, self.channels).astype(np.float32)


@dataclass(frozen=True)
class View:
    """Audio seen through another: as `whole` is, but for what a kind of view changes."""

    whole: Audio

    @property
    def rate(self) -> int:
        return self.whole.rate

    @property
    def samples(self) -> int:
        return self.whole.samples

    @property
    def channels(self) -> int:
        return self.whole.channels

    @property
    def bits(self) -> int:
        return self.whole.bits

    def read(self, span: Span) -> Samples:
        return self.whole.read(span)


@dataclass(frozen=True)
class OneChannel(View):
    """One channel of another audio."""

    channel: int

    @property
    def channels(self) -> int:
        return 1

    def read(self, span: Span) -> Samples:
        return self.whole.read(span)[:, self.channel : self.channel + 1]


@dataclass(frozen=True)
class Within(View):
    """A span of another audio, on its own clock."""

    span: Span

    @property
    def samples(self) -> int:
        return len(self.span)

    def read(self, span: Span) -> Samples:
        return self.whole.read(span.shift(self.span.start))


@dataclass(frozen=True)
class Placed(View):
    """Another audio on the clock of a longer one: it begins at sample `at`, and the rest of `length` is silence."""

    at: int
    length: int

    @property
    def samples(self) -> int:
        return self.length

    def read(self, span: Span) -> Samples:
        frames = np.zeros((len(span), self.channels), np.float32)
        if here := span & Span(self.at, self.at + self.whole.samples):
            frames[here.start - span.start : here.end - span.start] = self.whole.read(here.shift(-self.at))
        return frames


@dataclass(frozen=True)
class InARow:
    """Recordings of one rate and of as many channels, one behind the other."""

    parts: Sequence[Audio]

    @property
    def rate(self) -> int:
        return self.parts[0].rate

    @property
    def samples(self) -> int:
        return sum(part.samples for part in self.parts)

    @property
    def channels(self) -> int:
        return self.parts[0].channels

    @property
    def bits(self) -> int:
        return self.parts[0].bits

    def read(self, span: Span) -> Samples:
        frames, at = [np.zeros((0, self.channels), np.float32)], 0
        for part in self.parts:
            if here := span & Span(at, at + part.samples):
                frames.append(part.read(here.shift(-at)))
            at += part.samples
        return np.concatenate(frames)


def blocks(audio: Audio, span: Span | None = None, size: int = BLOCK) -> Iterator[tuple[Span, Samples]]:
    """The audio (or a span of it) in order, `size` frames at a time, each with its place."""
    span = span or Span(0, audio.samples)
    for start in range(span.start, span.end, size):
        part = Span(start, min(start + size, span.end))
        yield part, audio.read(part)


def at_rate(audio: Audio, rate: int, path: Path) -> Audio:
    """The same audio at another rate, written to the scratch file `path` by stretches; itself where the rate is right.

    Sample n of the result is at time n / rate exactly: the resampler's delay is taken out.
    """
    if audio.rate == rate:
        return audio
    resampler = soxr.ResampleStream(audio.rate, rate, audio.channels, dtype="float32", quality="HQ")
    samples = Span(0, audio.samples).at_rate(audio.rate, rate).end
    written = 0
    with path.open("wb") as file:
        for part, frames in blocks(audio):
            made = resampler.resample_chunk(frames, last=part.end == audio.samples)[: samples - written]
            file.write(np.ascontiguousarray(made).data)  # tofile() would hide why a disk refuses
            written += len(made)
    return RawAudio(path, rate, samples, audio.channels, audio.bits)
