"""Heard a second time behind anchors: whose voice is whose is known in every window, whatever number it has there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sepdiar.audio.runs import runs
from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.activity import RATE
from sepdiar.diarization.anchored import ANCHOR, anchored
from sepdiar.diarization.windows import Activity, Plan

PLAN = Plan(hop=160, length=400, step=150)
FRAMES = 6000


def talk() -> np.ndarray:
    """Who of two speaks in each frame of a minute, at times both."""
    who = np.zeros((FRAMES, 2), bool)
    rng = np.random.default_rng(0)
    at = 20
    for number in range(24):
        length = int(rng.integers(100, 300))
        who[at : at + length, number % 2] = True
        at += length + int(rng.integers(-60, 60))
    return who


def sound(who: np.ndarray) -> ArrayAudio:
    """The first is heard in every sample, the second with the sign of every other one turned."""
    one, other = 0.1 * np.repeat(who.T, PLAN.hop, axis=1)
    other[1::2] *= -1
    return ArrayAudio((one + other).astype(np.float32), RATE)


def hears(places: Sequence[Span], samples: Samples) -> Activity:
    """Who speaks, by the samples alone, each window in an order of its own."""
    frames = samples.reshape(len(samples), -1, PLAN.hop)
    even, odd = frames[:, :, ::2].mean(2), frames[:, :, 1::2].mean(2)
    made = np.zeros((*even.shape, 3), np.float32)
    for heard, place, voices in zip(made, places, np.stack([even + odd, even - odd], 2), strict=True):
        heard[:, np.random.default_rng(place.start).permutation(3)[:2]] = voices > 0.05
    return made


def turns(who: np.ndarray, names: Sequence[str]) -> list[Turn]:
    return [Turn(name, Span(*run)) for name, row in zip(names, who.T, strict=True) for run in (PLAN.hop * runs(row)).tolist()]


@pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
def test_each_speaker_is_found_in_the_order_of_their_names(names: tuple[str, str]) -> None:
    who = talk()
    rough = np.roll(who, 12, axis=0)  # the first time everything was found a little late
    found = anchored(sound(who), PLAN, hears, turns(rough, names))
    assert found is not None and found.shape == who.shape
    assert (found == (who if names == ("1", "2") else who[:, ::-1])).all()


def test_it_takes_two_and_enough_of_each_alone() -> None:
    who = talk()
    alone = turns(who, ("1", "2"))
    assert anchored(sound(who), PLAN, hears, [turn for turn in alone if turn.speaker == "1"]) is None
    assert anchored(sound(who), PLAN, hears, [*alone, Turn("3", Span(0, 100))]) is None
    short = [turn for turn in alone if turn.speaker == "1"] + [Turn("2", Span(0, ANCHOR * PLAN.hop // 2))]
    assert anchored(sound(who), PLAN, hears, short) is None
