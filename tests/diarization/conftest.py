"""Conversations of synthetic voices whose turns are known, for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.testing import speaker, speech

LETTERS = "aeiou", "sktpm"


def phrase(voice: int, syllables: int, rate: int, seed: int) -> tuple[Samples, Span]:
    """One utterance without a pause of 0.3 s, and where in it the voice is heard."""
    rng = np.random.default_rng([voice, syllables, seed])
    words = [
        "".join(rng.choice(list(LETTERS[1])) + rng.choice(list(LETTERS[0])) for _ in range(2)) for _ in range(syllables // 2)
    ]
    samples, times = speech(words, speaker(voice), rate=rate, seed=seed)
    first = round(times[0][0] * rate)
    last = next((i for i in range(1, len(times)) if times[i][0] - times[i - 1][1] > 0.25), len(times))
    end = round(times[last - 1][1] * rate)
    return samples[first:end], Span(0, end - first)


def conversation(
    voices: Sequence[int],
    seconds: float,
    rate: int = 16000,
    seed: int = 0,
    noise: float = 1e-3,
    gaps: tuple[float, float] = (0.35, 0.8),
) -> tuple[ArrayAudio, list[Turn]]:
    """Voices in random order, gaps (seconds, negative for overlap) between turns, under white noise."""
    rng = np.random.default_rng(seed)
    whole = (noise * rng.standard_normal(round(seconds * rate))).astype(np.float32)
    turns, at, last = [], round(0.6 * rate), -1
    while True:
        last = int(rng.choice([voice for voice in voices if voice != last] or voices))
        samples, span = phrase(last, int(rng.integers(6, 20)), rate, int(rng.integers(10**6)))
        if at + len(samples) > len(whole):
            return ArrayAudio(whole, rate), turns
        whole[at : at + len(samples)] += samples
        turns.append(Turn(f"voice{last}", span.shift(at)))
        at += len(samples) + round(rng.uniform(*gaps) * rate)


def error_rate(truth: Sequence[Turn], found: Sequence[Turn], audio: ArrayAudio) -> float:
    """The diarization error rate without a collar, by pyannote.metrics."""
    whole = Timeline([Segment(0, audio.samples / audio.rate)])
    return float(DiarizationErrorRate()(_annotation(truth, audio.rate), _annotation(found, audio.rate), uem=whole))


def _annotation(turns: Sequence[Turn], rate: int) -> Annotation:
    made = Annotation()
    for number, turn in enumerate(turns):
        made[Segment(turn.span.start / rate, turn.span.end / rate), number] = turn.speaker
    return made


@pytest.fixture(scope="session", name="conversation")
def _conversation() -> Callable[..., tuple[ArrayAudio, list[Turn]]]:
    return conversation


@pytest.fixture(scope="session", name="error_rate")
def _error_rate() -> Callable[..., float]:
    return error_rate
