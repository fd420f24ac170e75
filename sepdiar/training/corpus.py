"""Single-speaker speech to train on: every utterance at 16 kHz in one file of 16-bit samples, read through memory maps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.source import Samples
from sepdiar.environment import without_tokens
from sepdiar.errors import SepdiarError
from sepdiar.simulation.manifest import Utterance, choose
from sepdiar.simulation.speech import load

RATE = 16_000
FEWEST = 2  # speakers of a split: less make no mixture
FRAME = 512  # samples of the spectrum in which band edge and noise floor are measured


@dataclass(frozen=True)
class Clip:
    """One utterance of the corpus. `band` is where its spectrum ends, in Hz; `floor` the level of its quietest parts, in dB."""

    id: str
    speaker: str
    start: int
    samples: int
    band: float
    floor: float


@dataclass(frozen=True)
class Corpus:
    """The utterances of one split; samples come as float32, full scale 1."""

    clips: tuple[Clip, ...]
    file: Path

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(clip.speaker for clip in self.clips))

    @property
    def hours(self) -> float:
        return sum(clip.samples for clip in self.clips) / RATE / 3600

    def by_speaker(self) -> dict[str, tuple[Clip, ...]]:
        """The clips of each speaker, in the order of the corpus."""
        found: dict[str, list[Clip]] = {}
        for clip in self.clips:
            found.setdefault(clip.speaker, []).append(clip)
        return {speaker: tuple(clips) for speaker, clips in found.items()}

    def read(self, clip: Clip, start: int = 0, samples: int | None = None) -> Samples:
        """An utterance, or `samples` of it from `start` on; what lies behind its end is left out."""
        count = max(0, min(clip.samples - start, clip.samples if samples is None else samples))
        at = 2 * (clip.start + start)
        return np.fromfile(self.file, np.int16, count, offset=at).astype(np.float32) / np.float32(1 << 15)


def held_back(corpus: Corpus, count: int) -> tuple[Corpus, Corpus]:
    """The corpus without `count` of its speakers, and these, which shall choose nothing: the first by the hash of the name."""
    if count and not FEWEST <= count <= len(corpus.speakers) - FEWEST:
        raise SepdiarError(
            "SD202", f"{count} of {len(corpus.speakers)} speakers; {FEWEST} are needed on each side", where="test_speakers"
        )
    held = set(sorted(corpus.speakers, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])
    parts = [tuple(clip for clip in corpus.clips if (clip.speaker in held) == kept) for kept in (False, True)]
    return Corpus(parts[0], corpus.file), Corpus(parts[1], corpus.file)


def gather(manifest: Path, split: str, cache: Path, speakers: Sequence[str] | None = None) -> Corpus:
    """The utterances of one split of a manifest, `decoded`."""
    return decoded(choose(manifest, split=split, speakers=speakers), split, cache)


def decoded(rows: Sequence[Utterance], name: str, cache: Path) -> Corpus:
    """Utterances as a corpus; decoded into `cache` once, as long as they and their files are the same."""
    key = hashlib.sha256(
        json.dumps([[row.id, row.speaker, str(row.file), row.file.stat().st_mtime_ns] for row in rows]).encode()
    ).hexdigest()[:16]
    file, index = cache / f"{name}-{key}.i16", cache / f"{name}-{key}.json"
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _decode(rows, file, index)
    return Corpus(tuple(Clip(*row) for row in json.loads(index.read_text())), file)


def _decode(rows: Sequence[Utterance], file: Path, index: Path) -> None:
    clips: list[tuple[str, str, int, int, float, float]] = []
    at = 0
    part = file.with_suffix(f".{os.getpid()}")
    with without_tokens(), ProcessPoolExecutor(mp_context=get_context("spawn")) as pool, part.open("wb") as out:
        for row, (samples, band, floor) in zip(rows, pool.map(_one, [row.file for row in rows], chunksize=32), strict=True):
            if len(samples) < RATE // 10:
                continue
            out.write(samples.data)
            clips.append((row.id, row.speaker, at, len(samples), band, floor))
            at += len(samples)
    if not clips:
        raise SepdiarError("SD202", "no utterance of a tenth of a second or more", where=str(rows[0].file.parent))
    part.replace(file)
    part.write_text(json.dumps(clips))
    part.replace(index)


def _one(path: Path) -> tuple[NDArray[np.int16], float, float]:
    """An utterance at -25 dB of mean power, its band edge and its noise floor."""
    samples = load(path, RATE)
    samples = samples - samples.mean()
    power = float(np.mean(samples**2))
    samples *= np.float32((10**-2.5 / power) ** 0.5 if power else 0.0)
    samples /= max(1.0, float(np.abs(samples).max(initial=0.0)) / 0.99)
    return np.rint(samples * 32767).astype(np.int16), *measured(samples)


def measured(samples: Samples) -> tuple[float, float]:
    """The band edge in Hz, above which no 250 Hz come within 60 dB of the loudest, and the noise floor in dB."""
    frames = len(samples) // FRAME
    if not frames:
        return RATE / 2, -100.0
    spectra = np.abs(np.fft.rfft(samples[: frames * FRAME].reshape(frames, FRAME) * np.hanning(FRAME).astype(np.float32))) ** 2
    bands = spectra[:, :256].reshape(frames, 32, 8).mean(axis=(0, 2))
    heard = np.flatnonzero(bands > bands.max() * 1e-6)
    level = 10 * np.log10(np.mean(samples[: frames * FRAME].reshape(frames, FRAME) ** 2, axis=1) + 1e-10)
    return float((heard[-1] + 1) * 250 if len(heard) else RATE / 2), float(np.percentile(level, 5))
