"""What a separator hears: every overlapped sample in a window, with context, by a plan of turns and settings alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import Span, Turn, mark_overlaps, merged
from sepdiar.separation.plan import Activity, everything, overlapped, plan

RATE = 1000


def turns_of(*rows: tuple[str, float, float]) -> tuple[Turn, ...]:
    return mark_overlaps(Turn(speaker, Span(round(start * RATE), round(end * RATE))) for speaker, start, end in rows)


def planned(turns: tuple[Turn, ...], seconds: float, window: float = 8.0, context: float = 1.5, everywhere: bool = False):
    samples = round(seconds * RATE)
    found = everything(turns, samples) if everywhere else overlapped(turns)
    return plan(found, Activity(turns, samples), RATE, window, context)


def test_a_stretch_has_context_on_both_sides():
    (region,) = planned(turns_of(("A", 5, 20), ("B", 19, 40)), 60)
    (window,) = region.windows
    assert region.stretches == (Span(19000, 20000),) and region.pair == ("A", "B")
    assert window.span == window.part == Span(17500, 21500)


def test_stretches_near_each_other_are_heard_together_unless_others_speak():
    rows = [("A", 0, 10), ("B", 9, 20), ("A", 12, 13), ("C", 18, 30), ("A", 40, 50), ("B", 45, 46)]
    regions = planned(turns_of(*rows), 60)
    assert [region.stretches for region in regions] == [
        (Span(9000, 10000), Span(12000, 13000)),
        (Span(18000, 20000),),
        (Span(45000, 46000),),
    ]
    assert regions[0].windows[0].span.end <= 18000  # C is not heard


def test_context_grows_until_somebody_is_heard_alone():
    near, far = (planned(turns_of(("A", 10, 12), ("B", 10, 12), ("A", at, 30)), 60)[0].windows[0].span for at in (12.5, 14.4))
    assert len(near) == 5000 and len(far) == 8000


def test_a_long_stretch_is_heard_in_windows_with_a_common_part():
    (region,) = planned(turns_of(("A", 10, 50), ("B", 11, 51)), 60)
    spans, parts = ([getattr(window, name) for window in region.windows] for name in ("span", "part"))
    assert len(spans) > 5 and all(len(span) <= 8000 for span in spans)
    assert all(before.end - after.start >= 1500 for before, after in pairwise(spans))
    assert all(before.end - after.start == 250 for before, after in pairwise(parts))


def test_the_main_speaker_is_one_of_the_pair_where_more_than_two_speak():
    (region,) = planned(turns_of(("A", 0, 20), ("B", 10, 13), ("C", 12, 18)), 60)
    assert region.speakers == ("A", "B", "C") and region.pair == ("A", "C")


speech = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 60), st.integers(1, 25)), min_size=1, max_size=12)


@given(speech, st.sampled_from([2.0, 5.0, 8.0]), st.sampled_from([0.0, 0.5, 1.5]), st.booleans())
def test_all_that_should_be_is_heard_once(rows, window, context, everywhere):
    turns = turns_of(*((speaker, start, start + length) for speaker, start, length in rows))
    if len({turn.speaker for turn in turns}) < 2:
        return
    regions = planned(turns, 90, window, context, everywhere)
    wanted = [Span(0, 90 * RATE)] if everywhere else [part for turn in turns for part in turn.overlap]
    stretches = [span for region in regions for span in region.stretches]
    assert merged(stretches) == merged(wanted) and sum(map(len, stretches)) == sum(map(len, merged(wanted)))
    for region in regions:
        assert len(set(region.pair)) == 2
        used = merged(window.part for window in region.windows)
        assert len(used) == 1 and all(used[0] & span == span for span in region.stretches)
        for one in region.windows:
            assert 0 <= one.span.start <= one.part.start < one.part.end <= one.span.end <= 90 * RATE
            assert len(one.span) <= window * RATE
        assert len({len(one.span) for one in region.windows}) == 1
        for first, third in zip(region.windows, region.windows[2:], strict=False):
            assert first.part.end <= third.part.start


@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_a_recording_shorter_than_a_window_is_heard_whole(seconds):
    (region,) = planned(turns_of(("A", 0, seconds), ("B", 0, seconds)), seconds)
    assert region.windows[0].span == Span(0, round(seconds * RATE))
