"""Parakeet and Canary through the real path: tiny ones of NeMo's classes, saved as at their homes, on a real clip."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sepdiar.asr.canary import Canary
from sepdiar.asr.nemo import words
from sepdiar.asr.parakeet import Parakeet
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Word
from sepdiar.errors import SepdiarError
from sepdiar.registry import load

RATE = 16_000
SPANS = [Span(RATE // 2, 4 * RATE), Span(6 * RATE, 9 * RATE), Span(12 * RATE, 28 * RATE)]


@pytest.fixture(scope="module")
def audio(clip):
    return ArrayAudio(clip, RATE)


def test_they_are_found_by_their_entry_points():
    assert load("recognizer", "parakeet") is Parakeet and load("recognizer", "canary") is Canary


def test_words_of_parakeet_lie_within_the_spans_and_are_the_same_every_time(parakeet, audio, pull):
    pull("parakeet-tdt-0.6b-v3", parakeet)
    recognizer = Parakeet(batch=2)
    assert recognizer.model == "parakeet-tdt-0.6b-v3" and len(recognizer.model_sha256) == 64
    found = recognizer.transcribe(audio, SPANS)
    assert len(found) > 3 and list(found) == sorted(found, key=lambda word: word.span)
    assert all(any(word.span & span == word.span for span in SPANS) and len(word.span) for word in found)
    assert all(word.text == word.text.strip() and word.confidence is not None for word in found)
    assert recognizer.transcribe(audio, SPANS) == found == Parakeet(path=str(parakeet), batch=1).transcribe(audio, SPANS)
    assert recognizer.transcribe(audio, []) == []


def test_what_parakeet_hears_is_what_the_package_hears(parakeet, clip):
    recognizer = Parakeet(path=str(parakeet))
    (heard,) = recognizer._heard([clip])
    (told,) = recognizer._network.transcribe([clip], timestamps=True, verbose=False)
    stamps = [stamp for stamp in told.timestamp["word"] if any(char.isalnum() for char in stamp["word"])]
    assert [word.text for word in heard] == [stamp["word"].strip() for stamp in stamps]
    assert [word.span.start for word in heard] == [round(stamp["start"] * RATE) for stamp in stamps]


def test_canary_is_asked_for_times_in_a_language_that_it_knows(canary, audio, pull):
    pull("canary-180m-flash", canary)
    recognizer = Canary("canary-180m-flash", language="de")
    assert recognizer.of(None, []).facts == {"language": "de"}
    pieces = [recognizer._network.tokenizer.ids_to_tokens([token])[0] for token in recognizer._prompt[0].tolist()]
    assert pieces[:5] == ["<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>", "<|de|>", "<|de|>"]
    assert "<|timestamp|>" in pieces and "<|pnc|>" in pieces
    assert all(any(word.span & span for span in SPANS) for word in recognizer.transcribe(audio, SPANS))
    with pytest.raises(SepdiarError, match="SD202"):
        Canary(path=str(canary), language="xx")
    with pytest.raises(SepdiarError, match="SD202"):
        Canary(path=str(canary), beam=0)


def test_times_that_canary_writes_are_those_of_its_words(canary, clip, monkeypatch):
    from nemo.collections.asr.parts.utils.rnnt_utils import Hypothesis

    recognizer = Canary(path=str(canary))
    said = "<|3|> so<|7|><|9|> well,<|20|><|21|> ...<|22|>"
    answers = [Hypothesis(score=0.0, y_sequence=[], text=said)]
    monkeypatch.setattr(recognizer._network.decoding, "decode_predictions_tensor", lambda *_, **__: answers)
    expected = [Word("so", Span(3 * 1280, 7 * 1280)), Word("well,", Span(9 * 1280, 20 * 1280))]
    assert recognizer._heard([clip[: 3 * RATE]]) == [expected]


def test_a_second_network_finds_the_words_of_canary_again(canary_with_aligner, clip, monkeypatch):
    from nemo.collections.asr.parts.utils.rnnt_utils import Hypothesis

    recognizer = Canary(path=str(canary_with_aligner))
    pieces = [recognizer._network.tokenizer.ids_to_tokens([token])[0] for token in recognizer._prompt[0].tolist()]
    assert "<|notimestamp|>" in pieces
    answers = [Hypothesis(score=0.0, y_sequence=[], text="the rain on the shore")]
    monkeypatch.setattr(recognizer._network.decoding, "decode_predictions_tensor", lambda *_, **__: answers)
    (found,) = recognizer._heard([clip[: 5 * RATE]])
    assert [word.text for word in found] == ["the", "rain", "on", "the", "shore"]
    assert all(0 <= before.span.start < after.span.start < 5 * RATE for before, after in pairwise(found))


def test_what_is_no_word_and_what_has_no_time_is_left_out():
    told = [{"word": word, "start": start, "end": start} for word, start in ((" so ", 1.0), ("?", 2.0), ("x", -1))]
    assert words(told, [0.5, 0.5, 0.5]) == [Word("so", Span(16_000, 17_280), 0.5)]
    assert words(told) == [Word("so", Span(16_000, 17_280))]


@pytest.mark.parametrize("kind", [Parakeet, Canary])
def test_what_they_cannot_do_is_refused(kind, parakeet, canary):
    right, wrong = (parakeet, canary) if kind is Parakeet else (canary, parakeet)
    with pytest.raises(SepdiarError, match="SD264"):
        kind(path=str(wrong))
    for batch in (0, 1.5):
        with pytest.raises(SepdiarError, match="SD202"):
            kind(path=str(right), batch=batch)
    with pytest.raises(SepdiarError, match="SD251"):
        kind("nonesuch")
