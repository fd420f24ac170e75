"""Packs: what is said in an utterance comes back to its place, wherever in a pack it was heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sepdiar.asr.packs import Pack, packed
from sepdiar.asr.utterances import Utterance, utterances
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Word

COUNT = ArrayAudio(np.arange(1, 4001, dtype=np.float32), 100)
LENGTHS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 300)), min_size=1, max_size=12)


def spans(lengths: list[tuple[int, int]]) -> list[Span]:
    made, at = [], 0
    for gap, length in lengths:
        made.append(Span(at + gap, at + gap + length))
        at += gap + length
    return made


@given(LENGTHS)
def test_packs_hold_every_utterance_once_in_order_and_no_more_than_fits(lengths: list[tuple[int, int]]) -> None:
    told = list(utterances(COUNT, spans(lengths), 2.0, 0.1, 0.05))
    packs = list(packed(told, 300, 10))
    assert [one for pack in packs for one in pack.utterances] == told
    assert all(len(pack.samples(COUNT)) <= 300 for pack in packs)
    assert all(Pack((*one.utterances, other.utterances[0]), 10).starts[-1] - 10 > 300 for one, other in pairwise(packs))


@given(LENGTHS, st.integers(0, 30))
def test_a_word_goes_back_to_where_its_samples_are(lengths: list[tuple[int, int]], gap: int) -> None:
    for pack in packed(utterances(COUNT, spans(lengths), 2.0, 0.1, 0.05), 500, gap):
        heard = pack.samples(COUNT)
        everywhere = [Word(str(int(value)), Span(at, at + 1)) for at, value in enumerate(heard)]
        back = list(pack.back(everywhere))
        assert all(COUNT.read(word.span)[0, 0] == float(word.text) for word in back)
        assert [word.span.start for word in back] == [at for one in pack.utterances for at in range(one.span.start, one.span.end)]


def test_a_word_over_the_gap_belongs_to_the_utterance_with_most_of_it() -> None:
    pack = Pack((Utterance(Span(10, 20), Span(10, 20)), Utterance(Span(50, 60), Span(50, 60))), 5)
    words = [Word("one", Span(4, 17)), Word("two", Span(8, 25)), Word("none", Span(11, 14))]
    assert list(pack.back(words)) == [Word("one", Span(14, 20)), Word("two", Span(50, 60))]


def test_utterances_of_a_failed_pack_are_packs_of_their_own() -> None:
    told = [Utterance(Span(at, at + 4), Span(at, at + 4)) for at in (0, 10)]
    assert [one.utterances for one in Pack(tuple(told), 5).apart()] == [(told[0],), (told[1],)]
