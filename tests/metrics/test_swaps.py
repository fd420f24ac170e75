"""Swaps are counted where they are made, and silence, masks and levels do not make any."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats.rttm import dumps
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics import score as score_files
from sepdiar.metrics.swaps import pooled, swaps

RATE = 1000
TALK = [("A", 0, 10), ("B", 8, 20), ("A", 18, 30), ("B", 27, 40), ("A", 38, 50)]
OVERLAPS = ((8, 10), (18, 20), (27, 30), (38, 40))
TURNS = [Segment("talk", speaker, Span(start * TICKS, end * TICKS)) for speaker, start, end in TALK]


def channels() -> np.ndarray:
    frames = np.zeros((50 * RATE, 2), np.float32)
    rng = np.random.default_rng(0)
    for speaker, start, end in TALK:
        frames[start * RATE : end * RATE, "AB".index(speaker)] = rng.standard_normal((end - start) * RATE)
    return frames


def score(made: np.ndarray, turns=TURNS):
    return swaps(ArrayAudio(channels(), RATE), ArrayAudio(made.astype(np.float32), RATE), turns=turns)


def exchanged(*spans: tuple[float, float]) -> np.ndarray:
    frames = channels()
    for start, end in spans:
        part = slice(round(start * RATE), round(end * RATE))
        frames[part] = frames[part, ::-1]
    return frames


@pytest.mark.parametrize(
    ("spans", "count", "seconds"),
    [
        ([], 0, 0),
        ([(0, 50)], 0, 0),  # the other way round, but always
        ([(18, 20)], 2, 2),  # there and back
        ([(29, 50)], 1, 3),  # within a stretch, and all that follows
        (OVERLAPS, 1, 9),  # all overlap, against all clean speech
    ],
)
def test_swaps_are_counted(spans, count, seconds):
    result = score(exchanged(*spans))
    assert result.counts["swaps"] == count
    assert result.counts["swapped_seconds"] == pytest.approx(seconds)
    assert result.value == pytest.approx(count * 3600 / 50)


def test_it_needs_no_turns():
    assert score(exchanged((18, 20)), turns=None).counts["swaps"] == 2


def test_what_holds_both_speakers_is_undecided():
    both = channels()
    for start, end in OVERLAPS:
        part = slice(start * RATE, end * RATE)
        both[part] = both[part].sum(axis=1, keepdims=True)
    result = score(both)
    assert result.counts["undecided"] == result.counts["pieces"] == 9 and result.value == 0


def test_an_overlap_that_nobody_noticed_is_no_swap():
    whole = channels()
    for start, end in OVERLAPS:
        part = slice(start * RATE, end * RATE)
        whole[part, 0], whole[part, 1] = whole[part].sum(axis=1), 0
    result = score(whole)
    assert result.counts["undecided"] == 9 and result.value == 0


@pytest.mark.parametrize("loud", [1, 4])  # the second speaker, whom the channel of the first holds as well where nobody noticed
@pytest.mark.parametrize("fade", [1, 15, 25])
def test_an_overlap_that_was_noticed_in_part_is_judged_by_that_part(loud, fade):
    truth = channels() * np.array([1, loud], np.float32)
    made = truth.copy()
    for start, end in OVERLAPS:
        part = slice(start * RATE, end * RATE)
        noticed = np.clip((np.arange(-len(made[part]), 0) + RATE / 2 + 3) / fade, 0, 1)[:, None] / 2
        made[part] = made[part].sum(axis=1, keepdims=True) * np.hstack([1 - noticed, noticed])
    made += 1e-6 * np.random.default_rng(1).standard_normal(made.shape)
    result = swaps(ArrayAudio(truth, RATE), ArrayAudio(made.astype(np.float32), RATE), turns=TURNS)
    assert result.counts["undecided"] == result.counts["pieces"] == 9 and result.value == 0


@pytest.mark.parametrize(("wrong", "swapped"), [(0.2, 0), (0.6, 9)])  # seconds of each piece
def test_a_moment_does_not_speak_against_the_rest_of_its_piece(wrong, swapped):
    truth = channels()
    made = truth.copy()
    for start, end in OVERLAPS:
        for second in range(start, end):
            soft = slice(second * RATE, round((second + 1 - wrong) * RATE))
            loud = slice(soft.stop, (second + 1) * RATE)
            truth[soft, 1] *= 0.03
            made[soft], made[loud] = truth[soft], truth[loud, ::-1]
    result = swaps(ArrayAudio(truth, RATE), ArrayAudio(made, RATE), turns=TURNS)
    assert result.counts["swapped_seconds"] == swapped and result.counts["undecided"] == 9 - swapped


def test_level_and_some_leakage_change_nothing():
    leaky = channels() @ np.array([[2.0, 0.5], [0.5, 0.3]])
    assert score(leaky).counts["swaps"] == 0


def test_hours_and_swaps_add_up():
    whole = pooled({"one": score(exchanged((18, 20))), "two": score(channels())})
    assert whole.value == pytest.approx(2 * 3600 / 100) and set(whole.per_session) == {"one", "two"}


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(SepdiarError, match="SD601"):
        score(np.zeros((50 * RATE, 3)))


@pytest.mark.parametrize("with_turns", [True, False])
def test_files_are_scored_as_well(tmp_path, with_turns):
    for name, frames in (("ref", channels()), ("hyp", exchanged((18, 20)))):
        soundfile.write(tmp_path / f"{name}.wav", frames / 10, RATE, "FLOAT")
    (tmp_path / "turns.rttm").write_text(dumps(TURNS))
    turns = {"turns": tmp_path / "turns.rttm"} if with_turns else {}
    result = score_files("swaps", tmp_path / "ref.wav", tmp_path / "hyp.wav", **turns)
    assert result.counts["swaps"] == 2 and result.metric == "swaps"
