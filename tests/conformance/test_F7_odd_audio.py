"""F7: good but odd files are never refused, and keep their length: containers, rates, channels and depths."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import soxr

from sepdiar.audio.decode_process import Order, decode_open
from sepdiar.audio.source import ArrayAudio, at_rate
from sepdiar.conversation import Span

RATES = (8000, 11127, 16000, 22050, 44100, 48000, 96000, 192000)
CHANNELS = (1, 2, 6, 8)
SECONDS = 1.3

Case = tuple[str, int, int, str | None]


def cases() -> list[Case]:
    """Every rate with every depth, the number of channels going round."""
    channels = cycle(CHANNELS)
    pcm = [("wav", rate, next(channels), depth) for depth in ("PCM_16", "PCM_24", "FLOAT") for rate in RATES]
    flac = [("flac", rate, next(channels), depth) for depth in ("PCM_16", "PCM_24") for rate in RATES]
    odd_pcm = [("wav", 8000, 1, depth) for depth in ("PCM_U8", "ULAW", "ALAW", "DOUBLE", "PCM_32")]
    old = [
        (ending, rate, count, depth)
        for ending, depths in (
            ("au", ("PCM_16", "ULAW", "FLOAT")),
            ("caf", ("PCM_24", "ALAW", "ALAC_16")),
            ("aiff", ("PCM_16", "FLOAT")),
        )
        for depth, rate, count in zip(depths, (8000, 44100, 48000), (1, 2, 1), strict=False)
    ]
    ogg = [("ogg", rate, count, None) for rate, count in zip(RATES, (1, 2, 2, 1, 6, 8, 2, 1), strict=True)]
    opus = [("opus", rate, 1 + rate % 3 % 2, None) for rate in (8000, 12000, 16000, 24000, 48000)]
    mp3 = [("mp3", rate, count, None) for count in (1, 2) for rate in (8000, 11025, 16000, 44100, 48000)]
    m4a = [
        ("m4a", rate, count, None)
        for count, rate in zip((1, 2, 6, 2, 1, 2), (8000, 11025, 48000, 16000, 96000, 44100), strict=True)
    ]
    webm = [("webm", 48000, count, None) for count in CHANNELS]
    return [*pcm, *flac, *odd_pcm, *old, *ogg, *opus, *mp3, *m4a, *webm]


def test_there_are_at_least_60() -> None:
    assert len(set(cases())) >= 60


@pytest.mark.parametrize(("ending", "rate", "channels", "depth"), cases())
def test_read_in_full(
    tmp_path: Path, encode: Callable[..., Path], ending: str, rate: int, channels: int, depth: str | None
) -> None:
    count = int(SECONDS * rate) + 7
    time = np.arange(count) / rate
    sound = np.column_stack([0.1 * np.sin(2 * np.pi * (200 + 20 * channel) * time) for channel in range(channels)])
    with encode(tmp_path / f"a.{ending}", sound.astype(np.float32), rate, depth).open("rb") as file:
        made = decode_open(file, Order(str(tmp_path / "out")), lambda message: None)
    assert (made["rate"], made["channels"], made["kept"]) == (rate, channels, 2 if channels == 2 else 1)
    assert abs(made["samples"] - count) <= 1
    assert made["bits"] == (24 if depth in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE") else 16)
    assert made["damaged"] == []
    heard = np.fromfile(tmp_path / "out", np.float32).reshape(made["samples"], -1).mean(axis=1)
    said = sound.mean(axis=1)[: len(heard)]
    heard = heard[: len(said)]
    assert np.corrcoef(heard, said)[0, 1] > (0.9999 if ending in ("wav", "flac") and rate > 8000 else 0.9)


@pytest.mark.parametrize("old", RATES)
@pytest.mark.parametrize("new", [8000, 16000])
def test_resampling_by_stretches_is_resampling_at_once(tmp_path: Path, old: int, new: int) -> None:
    sound = (0.3 * np.random.default_rng(old).standard_normal(3 * old + 11)).astype(np.float32)
    made = at_rate(ArrayAudio(sound, old), new, tmp_path / "out")
    once = soxr.resample(sound.astype(np.float64), old, new, quality="HQ")
    assert abs(made.samples - len(sound) * new / old) <= 1
    length = min(made.samples, len(once))
    difference = made.read(Span(0, length))[:, 0] - once[:length]
    assert 10 * np.log10(np.mean(difference**2) / np.mean(once**2) + 1e-30) < -90
