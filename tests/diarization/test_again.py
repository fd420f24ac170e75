"""Listening again: a piece goes to whom its voice belongs, where that is clear. A voice is two tones, each of its loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, merged
from sepdiar.diarization.activity import RATE, Values
from sepdiar.diarization.again import listened_again
from sepdiar.diarization.linking import Vectors

HOP = 160
TONES = (200, 300)  # Hz
FIRST, SECOND, BOTH = (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)


@dataclass(frozen=True)
class Said:
    """Whose voice is heard, as an angle between the first speaker's (0) and the second's (90), and who is thought to speak."""

    degrees: float
    thought: tuple[float, float]
    seconds: float = 2.0
    pause: float = 0.5


KNOWN = (Said(0, FIRST), Said(90, SECOND), Said(0, FIRST), Said(90, SECOND))


def voice(degrees: float) -> Vectors:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def hear(samples: Samples, keep: Samples) -> Vectors:
    """How loud each of the tones is, as a vector of length 1."""
    clock = np.arange(len(samples)) / RATE
    loud = np.array([abs(np.mean(samples * keep * np.exp(2j * np.pi * tone * clock))) for tone in TONES], np.float32)
    return loud / np.linalg.norm(loud)


def again(talk: Sequence[Said], speakers: Sequence[float] = (0, 90)) -> tuple[list[Values], list[Values]]:
    """The probability in each part of a talk, before and after."""
    clock = np.arange(3 * RATE) / RATE
    tones = np.sin(2 * np.pi * np.outer(TONES, clock)).astype(np.float32)
    frames, spans, samples = [], [], []
    for said in talk:
        start, count, silence = sum(map(len, samples)), round(said.seconds * RATE), round(said.pause * RATE)
        samples += [voice(said.degrees) @ tones[:, :count], np.zeros(silence, np.float32)]
        frames += [np.tile(said.thought, (count // HOP, 1)), np.zeros((silence // HOP, 2))]
        spans.append(Span(start, start + count))
    before = np.concatenate(frames).astype(np.float32)
    known = np.stack([voice(degrees) for degrees in speakers])
    after = listened_again(ArrayAudio(np.concatenate(samples), RATE), before, HOP, known, merged(spans), hear)
    edges = [slice(span.start // HOP, span.end // HOP) for span in spans]
    return [before[edge] for edge in edges], [after[edge] for edge in edges]


@pytest.mark.parametrize(("degrees", "moves"), [(0, False), (48, False), (60, True), (90, True)])
def test_only_what_is_clearly_in_anothers_voice_is_given_to_them(degrees: float, moves: bool) -> None:
    before, after = again([*KNOWN, Said(degrees, FIRST)])
    assert all(np.array_equal(one, two) for one, two in zip(before[:-1], after[:-1], strict=True))
    assert np.array_equal(after[-1], before[-1][:, ::-1] if moves else before[-1])


@pytest.mark.parametrize("said", [Said(90, BOTH), Said(90, FIRST, seconds=0.5)])
def test_overlap_and_what_is_too_short_stay(said: Said) -> None:
    before, after = again([*KNOWN, said])
    assert np.array_equal(before[-1], after[-1])


def test_of_a_long_part_only_the_piece_in_anothers_voice_moves() -> None:
    long = [Said(0, FIRST, 2.5, pause=0), Said(90, FIRST, 2.5)]
    _, after = again([*KNOWN, *long])
    assert (after[-2] == np.float32(FIRST)).all() and (after[-1] == np.float32(SECOND)).all()


def test_voices_are_learnt_from_what_is_given_to_each() -> None:
    """By the voices it begins with, 30 and 50 degrees, the last part would stay with the first speaker."""
    _, after = again([*KNOWN, Said(56, FIRST, 1.0)], speakers=(30, 50))
    assert (after[-1] == np.float32(SECOND)).all()


def test_one_speaker_is_not_listened_to() -> None:
    probability = np.ones((10, 1), np.float32)
    audio = ArrayAudio(np.zeros(10 * HOP, np.float32), RATE)
    assert listened_again(audio, probability, HOP, np.ones((1, 2), np.float32), [Span(0, 1600)], hear) is probability
