"""Where a channel can be heard at all, and how loud it usually is: in what is quiet, recognisers hear words that nobody said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sepdiar.audio.runs import runs
from sepdiar.audio.source import Audio, blocks
from sepdiar.conversation import Span, merged

FRAME = 0.02  # seconds
RANGE = 40.0  # dB below the channel's own level: quieter is quiet
SILENT = -70.0  # dB of full scale: quieter is quiet in any channel
PAUSE = 0.5  # seconds: a shorter quiet stretch is a pause of speech
MARGIN = 0.1  # seconds on each side, since words have soft beginnings and recognisers' times err

Powers = NDArray[np.float64]


@dataclass(frozen=True)
class Sounding:
    """`spans` in which a channel is not quiet, and its `level`: the power that a twentieth of its speech exceeds."""

    spans: tuple[Span, ...]
    level: float


def sounding(audio: Audio, speech: Sequence[Span]) -> Sounding:
    """Where one channel can be heard within `speech`, each stretch with a margin, on the clock of `audio`."""
    frame, whole = max(1, round(FRAME * audio.rate)), Span(0, audio.samples)
    parts = [part for span in merged(speech) if (part := span & whole)]
    loudness = [np.concatenate(list(_powers(audio, part, frame))) for part in parts]
    level = float(np.percentile(np.concatenate(loudness), 95)) if loudness else 0.0
    least = max(level * 10 ** (-RANGE / 10), 10 ** (SILENT / 10))
    margin = round(MARGIN * audio.rate)
    loud = (
        Span(max(0, part.start + first * frame - margin), min(part.start + last * frame + margin, audio.samples))
        for part, powers in zip(parts, loudness, strict=True)
        for first, last in runs(powers > least).tolist()
    )
    return Sounding(merged(loud, round(PAUSE * audio.rate) - 2 * margin), level)


def power(audio: Audio, span: Span) -> float:
    """The mean power of a channel during `span`."""
    frames = audio.read(span).astype(np.float64)
    return float(np.mean(np.square(frames))) if frames.size else 0.0


def _powers(audio: Audio, span: Span, frame: int) -> Iterator[Powers]:
    for _, frames in blocks(audio, span, frame * 4096):
        padded = np.zeros(-(-len(frames) // frame) * frame)
        padded[: len(frames)] = frames[:, 0]
        yield np.square(padded).reshape(-1, frame).mean(axis=1)
