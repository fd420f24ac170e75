"""The timing of turns against what it is drawn from, on thousands of changes without any audio."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import Span, merged
from sepdiar.metrics.floor import Talk, transfers
from sepdiar.simulation.speech import PAUSE, Speech
from sepdiar.simulation.turntaking import GAP, Floor, drawn

RATE = 1000  # only lengths matter here


def silent(seconds: float) -> Speech:
    length = round(seconds * RATE)
    return Speech(np.zeros(length, np.float32), (Span(0, length),))


def talk(overlap: float, changes: int, seed: int = 0) -> dict[str, tuple[Span, ...]]:
    """Two people in turn, each turn 2 to 6 s, with a token of the other in every turn that has room."""
    rng = np.random.default_rng(seed)
    floor = Floor(RATE, overlap, rng)
    spans: dict[str, list[Span]] = {"a": [], "b": []}
    for index in range(changes):
        speaker, other = ("a", "b") if index % 2 else ("b", "a")
        if said := floor.say(speaker, silent(rng.uniform(2, 6))):
            spans[speaker] += said.spans
        if floor.owed_by_backchannels > 0.3 and (token := floor.interject(other, silent(0.5))):
            spans[other] += token.spans
    return {name: tuple(sorted(own)) for name, own in spans.items()}


def seconds_of_changes(spans: dict[str, tuple[Span, ...]]) -> np.ndarray:
    """The offset of each change of speaker."""
    turns = sorted(Talk(span, name) for name, own in spans.items() for span in own)
    return np.array([one.offset for one in transfers(turns)]) / RATE


@pytest.fixture(scope="module")
def offsets() -> np.ndarray:
    return seconds_of_changes(talk(0.2, 4000))


def test_every_change_of_speaker_is_found(offsets: np.ndarray) -> None:
    assert len(offsets) == 3999


def test_two_in_five_changes_are_overlapped(offsets: np.ndarray) -> None:
    assert np.mean(offsets < 0) == pytest.approx(0.4, abs=0.03)


def test_the_most_common_offset_is_a_gap_of_a_fifth_of_a_second(offsets: np.ndarray) -> None:
    counts, edges = np.histogram(offsets, np.arange(-2, 3, 0.1))
    assert 0.1 - 1e-9 <= edges[np.argmax(counts)] <= 0.2 + 1e-9


def test_gaps_follow_their_distribution(offsets: np.ndarray) -> None:
    gaps = offsets[offsets >= 0]
    expected = np.array([drawn(np.random.default_rng([9, index]), GAP) for index in range(4000)])
    for share in (10, 25, 50, 75, 90):
        assert np.percentile(gaps, share) == pytest.approx(np.percentile(expected, share), rel=0.12)


def test_longer_overlaps_are_rarer_than_short_ones(offsets: np.ndarray) -> None:
    overlaps = -offsets[offsets < 0]
    assert 0.3 < np.median(overlaps) < 0.7
    assert np.mean(overlaps > 1.5) < 0.1


@pytest.mark.parametrize("overlap", [0.0, 0.05, 0.1, 0.2])
def test_gaps_do_not_depend_on_the_overlap_asked_for(overlap: float) -> None:
    offsets = seconds_of_changes(talk(overlap, 2000))
    assert np.median(offsets[offsets >= 0]) == pytest.approx(GAP[0], abs=0.03)


def test_without_overlap_nobody_speaks_at_once() -> None:
    spans = talk(0.0, 500)
    together = merged(span for own in spans.values() for span in own)
    assert sum(map(len, together)) == sum(len(span) for own in spans.values() for span in own)


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.2, 0.4]))
def test_a_speaker_never_overlaps_or_touches_himself(seed: int, overlap: float) -> None:
    for own in talk(overlap, 30, seed).values():
        assert all(after.start - before.end >= PAUSE * RATE for before, after in pairwise(own))


def test_a_turn_that_would_pass_the_end_is_not_placed() -> None:
    floor = Floor(RATE, 0.2, np.random.default_rng(0))
    assert floor.say("a", silent(5), until=3 * RATE) is None
    assert floor.end == 0
    assert floor.say("a", silent(2), until=3 * RATE) is not None
