"""Turns into utterances, words into turns: the laws, on audio whose quiet places are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.asr.utterances import place, utterances
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Word, merged

RATE = 1000
LONGEST, JOIN, CONTEXT = 2.0, 0.3, 0.15
SPANS = st.lists(st.tuples(st.integers(0, 9999), st.integers(1, 6000)), max_size=8).map(
    lambda pairs: [Span(start, start + length) for start, length in pairs]
)


def noise(samples: int = 10_000, quiet: Span | None = None) -> ArrayAudio:
    frames = np.random.default_rng(1).standard_normal(samples).astype(np.float32) * 0.1
    if quiet:
        frames[quiet.start : quiet.end] = 0
    return ArrayAudio(frames, RATE)


def cut(audio: ArrayAudio, spans: list[Span]) -> list[tuple[Span, Span]]:
    return [(made.span, made.heard) for made in utterances(audio, spans, LONGEST, JOIN, CONTEXT)]


@given(SPANS)
def test_utterances_cover_the_turns_once_are_bounded_and_hear_nothing_twice(spans: list[Span]) -> None:
    audio = noise()
    made = cut(audio, spans)
    inside = [part for span in spans if (part := span & Span(0, audio.samples))]
    assert merged(span for span, _ in made) == merged(inside, int(JOIN * RATE))
    assert all(len(span) <= LONGEST * RATE for span, _ in made)
    assert all(heard.start <= span.start < span.end <= heard.end <= audio.samples for span, heard in made)
    assert all(before.end <= after.start for (_, before), (_, after) in pairwise(made))
    assert cut(audio, spans[::-1]) == made


def test_a_long_turn_is_cut_where_it_is_quiet() -> None:
    made = cut(noise(quiet=Span(1500, 1700)), [Span(0, 3000)])
    assert len(made) == 2
    assert abs(made[0][0].end - 1600) <= 20


def test_of_two_places_that_are_equally_quiet_the_later_one_is_cut() -> None:
    audio = noise(quiet=Span(1100, 1300))
    audio.frames[1700:1900] = 0
    assert abs(cut(audio, [Span(0, 3000)])[0][0].end - 1800) <= 20


def test_context_stops_half_way_to_the_neighbour() -> None:
    made = cut(noise(), [Span(1000, 2000), Span(2310, 3000), Span(5000, 6000)])
    assert made == [
        (Span(1000, 2000), Span(850, 2150)),
        (Span(2310, 3000), Span(2160, 3150)),
        (Span(5000, 6000), Span(4850, 6150)),
    ]


@given(SPANS, SPANS)
def test_each_word_goes_into_the_turn_that_holds_most_of_it(said: list[Span], turns: list[Span]) -> None:
    words = [Word(str(number), span) for number, span in enumerate(said)]
    placed, outside = place(words, turns)
    found = {word.text: (index, word) for index, own in enumerate(placed) for word in own}
    assert len(found) + outside == len(words) == sum(map(len, placed)) + outside
    for word in words:
        held = [len(part) if (part := word.span & turn) else 0 for turn in turns]
        if word.text not in found:
            assert not any(held)
            continue
        index, kept = found[word.text]
        assert held[index] == max(held) == len(kept.span)
        assert kept.span == word.span & turns[index]
    assert all(list(own) == sorted(own, key=lambda word: word.span) for own in placed)


def test_of_two_turns_that_hold_equally_much_the_first_gets_the_word() -> None:
    placed, _ = place([Word("even", Span(5, 15))], [Span(10, 20), Span(0, 10)])
    assert [len(own) for own in placed] == [0, 1]
