"""The number of people, from vectors that have a large common part, and what the segmenter says of them."""

from __future__ import annotations

import numpy as np
import pytest

from sepdiar.diarization import counting
from sepdiar.diarization.counting import who_speaks
from sepdiar.diarization.linking import unit
from sepdiar.diarization.stretches import Stretches
from sepdiar.diarization.windows import FULL, Plan, Windows

PLAN = Plan(hop=270, length=592, step=148)
LONG = 80  # frames of a stretch, 1.35 s


def talk(people: int, line: float, turns: int = 40, told_apart: bool = True) -> tuple[Windows, Stretches, np.ndarray]:
    """People who speak two stretches each in turn; `line` is the size of what their voices have in common, noise and own are 1.

    Where it does not tell them apart, the segmenter hears one local speaker only.
    """
    rng = np.random.default_rng(0)
    own = unit(rng.normal(size=(people, 64)).astype(np.float32))
    order = np.repeat([turn % people for turn in range(turns)], 2)
    common = line * unit(rng.normal(size=(1, 64)).astype(np.float32))
    vectors = unit(own[order] + common + unit(rng.normal(size=(len(order), 64)).astype(np.float32)))
    starts = np.arange(len(order)) * (LONG + 5) + 10
    heard = np.zeros((starts[-1] + LONG + 700, 3), np.uint8)
    for start, person in zip(starts, order, strict=True):
        heard[start : start + LONG, person % 3 if told_apart else 0] = FULL
    begins = np.array(PLAN.starts(len(heard) * PLAN.hop))
    windows = Windows(PLAN, len(heard) * PLAN.hop, begins, np.stack([heard[at : at + PLAN.length] for at in begins]))
    return windows, Stretches(starts, starts + LONG, np.arange(len(order)) // 2, vectors), order


def same_people(found: np.ndarray, truth: np.ndarray) -> bool:
    return len({*zip(found.tolist(), truth.tolist(), strict=True)}) == len(set(truth.tolist())) == len(set(found.tolist()))


@pytest.mark.parametrize(("people", "line"), [(1, 0.0), (2, 0.0), (3, 0.0), (5, 0.0), (1, 1.2), (2, 1.2), (3, 1.2)])
def test_people_are_counted_whatever_their_line_has_in_common(people, line):
    windows, stretches, order = talk(people, line)
    names, voices = who_speaks(windows, stretches)
    assert len(voices) == people
    assert same_people(names, order)


def test_a_number_that_is_known_counts():
    windows, stretches, _ = talk(4, 0.5)
    assert [len(who_speaks(windows, stretches, known=known)[1]) for known in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_there_are_no_more_than_may_be():
    windows, stretches, _ = talk(5, 0.0)
    assert len(who_speaks(windows, stretches, most=3)[1]) == 3


def test_a_voice_that_scatters_is_one_where_the_segmenter_hears_one():
    """Two moods of one person, half as like as stretches of one mood: as one local speaker they are one, as two they are two."""
    assert [len(who_speaks(*talk(2, 1.35, told_apart=apart)[:2])[1]) for apart in (False, True)] == [1, 2]


def test_a_stray_stretch_is_nobody():
    windows, stretches, _ = talk(2, 0.5)
    stretches.vectors[7] = unit(np.random.default_rng(5).normal(size=(1, 64)).astype(np.float32))[0]
    assert len(who_speaks(windows, stretches)[1]) == 2


def test_of_a_long_talk_a_sample_is_compared_and_all_is_named(monkeypatch):
    monkeypatch.setattr(counting, "SAMPLE", 64)
    windows, stretches, order = talk(3, 0.5, turns=150)
    names, _ = who_speaks(windows, stretches)
    assert len(names) == 300 and same_people(names, order)


def test_nothing_and_a_single_stretch():
    windows, stretches, _ = talk(2, 0.0)
    for count in (0, 1):
        names, voices = who_speaks(windows, stretches.some(np.arange(count)))
        assert names.tolist() == [0] * count and len(voices) == count
