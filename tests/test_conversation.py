"""The values: the same value is the same bytes, and the arithmetic of spans is that of sets of samples."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.conversation import (
    ORIGINS,
    Conversation,
    Provenance,
    Recording,
    Score,
    Span,
    Stretch,
    Track,
    Turn,
    Word,
    canonical_json,
    intersected,
    mark_overlaps,
    merged,
)

END = 40
texts = st.text(max_size=12)
counts = st.integers(0, 10**12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
spans = st.tuples(counts, counts).map(lambda pair: Span(min(pair), max(pair)))
short_spans = st.tuples(st.integers(0, END), st.integers(0, END)).map(lambda pair: Span(min(pair), max(pair)))
short_turns = st.lists(st.builds(Turn, st.sampled_from("ABC"), short_spans.filter(len)), max_size=8)


def tuples_of(value):
    return st.lists(value, max_size=3).map(tuple)


words = st.builds(Word, texts, spans, st.none() | numbers)
turns = st.builds(Turn, texts, spans, tuples_of(words), tuples_of(spans))
tracks = st.builds(
    Track, texts, texts, st.integers(0, 1), spans, tuples_of(st.builds(Stretch, spans, st.sampled_from(ORIGINS))), texts
)
recordings = st.builds(Recording, texts, texts, texts, counts, counts, counts, tuples_of(texts), tuples_of(spans))
scores = st.builds(Score, texts, numbers, numbers, texts)
settings = st.dictionaries(texts, st.none() | st.booleans() | counts | numbers | texts, max_size=3)
provenances = st.builds(Provenance, texts, texts, texts, texts, settings, counts, texts)
conversations = st.builds(
    Conversation, recordings, tuples_of(turns), tuples_of(tracks), tuples_of(scores), tuples_of(provenances)
)


@given(conversations)
def test_what_is_written_is_read_back_and_written_the_same(conversation):
    text = conversation.to_json()
    back = Conversation.from_json(text)
    assert back == conversation
    assert back.to_json() == text
    assert text.isascii() and "\n" not in text
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_written(bad):
    with pytest.raises(ValueError, match="JSON"):
        Conversation(Recording("a", "a.wav", ""), scores=(Score("s", bad, 1, "u"),)).to_json()


GOOD = Conversation(Recording("a", "a.wav", "")).to_json()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"schema":2}', '{"schema":1}', GOOD.replace('"turns":[]', '"turns":[{}]'),
     GOOD.replace('"rate":0', '"rated":0'), GOOD.replace('"turns":[]', '"turns":0'), GOOD[:-1],
     GOOD.replace('"recording":{', '"recording":[],"other":{')],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        Conversation.from_json(text)


@pytest.mark.parametrize("ends", [(-1, 3), (4, 3)])
def test_a_span_runs_forward_from_zero(ends):
    with pytest.raises(ValueError, match="start <= end"):
        Span(*ends)


def test_a_stretch_has_a_known_origin():
    with pytest.raises(ValueError, match="guessed"):
        Stretch(Span(0, 1), "guessed")


def samples(*some: Span) -> set[int]:
    return {at for span in some for at in range(span.start, span.end)}


@given(short_spans, short_spans)
def test_and_is_what_lies_in_both(left, right):
    both = left & right
    assert samples(*([both] if both else [])) == samples(left) & samples(right)


@given(st.lists(short_spans, max_size=8))
def test_merged_is_the_union_and_nothing_touches(some):
    union = merged(some)
    assert samples(*union) == samples(*some)
    assert all(len(span) for span in union)
    assert all(one.end < other.start for one, other in pairwise(union))
    assert merged(union) == union


@given(st.lists(short_spans, max_size=8), st.integers(0, 5))
def test_merged_closes_gaps_up_to_the_one_given(some, gap):
    union = merged(some, gap)
    closed = samples(*some)
    ordered = sorted(closed)
    for here, there in pairwise(ordered):
        if there - here - 1 <= gap:
            closed |= set(range(here, there))
    assert samples(*union) == closed


@given(st.lists(short_spans, max_size=6), st.lists(short_spans, max_size=6))
def test_intersected_is_what_lies_in_both(left, right):
    common = intersected(left, right)
    assert samples(*common) == samples(*left) & samples(*right)
    assert common == merged(common)
    assert common == intersected(right, left)


@given(short_turns)
def test_overlaps_are_where_somebody_else_speaks(some):
    marked = mark_overlaps(some)
    assert sorted((turn.speaker, turn.span) for turn in marked) == sorted((turn.speaker, turn.span) for turn in some)
    assert [(turn.span, turn.speaker) for turn in marked] == sorted((turn.span, turn.speaker) for turn in marked)
    for turn in marked:
        others = samples(*(other.span for other in some if other.speaker != turn.speaker))
        assert samples(*turn.overlap) == samples(turn.span) & others
        assert turn.overlap == merged(turn.overlap)
    assert mark_overlaps(reversed(marked)) == marked


@given(short_spans, st.sampled_from([8000, 11127, 16000, 44100, 48000]))
def test_a_span_survives_a_higher_rate_and_back(span, rate):
    assert span.at_rate(8000, rate).at_rate(rate, 8000) == span


@given(spans, st.integers(1, 192_000), st.integers(1, 192_000))
def test_at_rate_rounds_each_end_to_the_nearest_sample(span, old, new):
    made = span.at_rate(old, new)
    for before, after in ((span.start, made.start), (span.end, made.end)):
        assert abs(2 * after * old - 2 * before * new) <= old  # exact, in integers: at most half a sample off
    assert span.at_rate(old, old) == span


@given(spans, counts)
def test_a_shift_keeps_the_length(span, by):
    assert len(span.shift(by)) == len(span)
    assert span.shift(by).start == span.start + by


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=8))
def test_scores_add_in_any_order(parts):
    made = [Score("s", top, bottom, "samples") for top, bottom in parts]
    forward, backward = made[0], made[-1]
    for score in made[1:]:
        forward += score
    for score in reversed(made[:-1]):
        backward += score
    top, bottom = (sum(side) for side in zip(*parts, strict=True))
    assert forward == backward == Score("s", top, bottom, "samples")
    assert forward.value == (top / bottom if bottom else None)


@pytest.mark.parametrize("other", [Score("t", 1, 1, "u"), Score("s", 1, 1, "v")])
def test_scores_of_different_things_do_not_add(other):
    with pytest.raises(ValueError, match="do not add"):
        Score("s", 1, 1, "u") + other


def test_a_recording_that_is_not_decoded_has_no_length():
    assert Recording("a", "a.wav", "").seconds == 0
    assert Recording("a", "a.wav", "", rate=8000, samples=12000).seconds == 1.5


def test_speakers_come_in_the_order_of_first_speaking():
    said = tuple(Turn(name, Span(at, at + 2)) for at, name in enumerate("BABC"))
    assert Conversation(Recording("a", "a.wav", ""), said).speakers == ("B", "A", "C")


def test_the_order_of_keys_does_not_matter():
    assert canonical_json({"b": 1, "a": {"d": 2, "c": 3}}) == canonical_json({"a": {"c": 3, "d": 2}, "b": 1})
