"""Recordings for corpora that the tests write themselves: a tone of its own for each channel where somebody speaks there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

Spoken = Sequence[tuple[float, float]]
"""From and to, in seconds."""


@pytest.fixture(scope="session")
def speak() -> Callable[..., Path]:
    """Writes one channel for each list of stretches, which sound in it, and gives the path; `.sph` is NIST Sphere, mu-law."""

    def write(path: Path, *channels: Spoken, seconds: float = 4.0, rate: int = 8000, coding: str = "ulaw") -> Path:
        time = np.arange(round(seconds * rate)) / rate
        frames = np.zeros((len(time), len(channels)))
        for number, stretches in enumerate(channels):
            tone = 0.2 * np.sin(2 * np.pi * (200 + 100 * number) * time)
            for start, end in stretches:
                inside = (time >= start) & (time < end)
                frames[inside, number] = tone[inside]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".sph":
            path.write_bytes(_sphere(frames, rate, coding))
        else:
            soundfile.write(path, frames, rate)
        return path

    return write


def _sphere(frames: np.ndarray, rate: int, coding: str) -> bytes:
    width = 2 if coding == "pcm" else 1
    header = (
        f"NIST_1A\n   1024\nsample_rate -i {rate}\nchannel_count -i {frames.shape[1]}\nsample_n_bytes -i {width}\n"
        f"sample_byte_format -s{width} {'10' if width == 2 else '1'}\nsample_coding -s{len(coding)} {coding}\n"
        f"sample_count -i {len(frames)}\nend_head\n"
    )
    linear = np.round(frames * 32767).astype(">i2")
    return header.encode().ljust(1024) + (linear.tobytes() if width == 2 else _mu_law(linear).tobytes())


def _mu_law(linear: np.ndarray) -> np.ndarray:
    level = np.minimum(np.abs(linear.astype(int)), 32635) + 132
    exponent = np.floor(np.log2(level)).astype(int) - 7
    mantissa = (level >> (exponent + 3)) & 15
    return (~(np.where(linear < 0, 128, 0) | exponent << 4 | mantissa) & 255).astype(np.uint8)
