"""Word error rates: by hand, against jiwer and an exhaustive search, and the cases of others."""

from __future__ import annotations

from itertools import permutations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sepdiar.conversation import Span
from sepdiar.errors import SepdiarError
from sepdiar.formats import read_segments, read_uem
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.result import added

pytest.importorskip("meeteval", reason="needs meeteval: pip install 'sepdiar[wer]'")
from sepdiar.metrics.recognition import word_error


def said(speaker, words, start=0.0, end=1.0, session="talk"):
    return Segment(session, speaker, Span(round(start * TICKS), round(end * TICKS)), words)


FOXES = [said("A", "The quick brown fox"), said("B", "jumps over the lazy dog")]
KWICK = [said("1", "The kwick brown fox"), said("2", "jump over lazy ")]


@pytest.mark.parametrize("kind", ["cp", "tcp", "orc"])
def test_the_fox(kind):
    # kwick for quick, jump for jumps; "the" and "dog" are missing: 4 of 9
    result = word_error(FOXES, KWICK, kind=kind)
    assert result.value == 4 / 9
    counts = {"errors": 4, "length": 9, "insertions": 0, "deletions": 2, "substitutions": 2}
    speakers = {} if kind == "orc" else {"scored_speaker": 2, "missed_speaker": 0, "falarm_speaker": 0}
    assert result.counts == counts | speakers
    assert "normalizer none: words compared as written" in result.protocol
    assert "no words at all" not in result.protocol


def test_speakers_missed_and_invented():
    assert word_error(FOXES, KWICK[:1]).counts["missed_speaker"] == 1
    invented = word_error(FOXES[:1], [*KWICK[:1], said("3", "hm")])
    assert (invented.counts["falarm_speaker"], invented.counts["insertions"], invented.value) == (1, 1, 2 / 4)


def test_words_given_to_the_wrong_speaker_cost_in_cp_and_not_in_orc():
    # "fine" is one word too few for A and one too many for B
    reference = [said("A", "how are you", 0, 1), said("A", "fine", 2, 3), said("B", "good", 1, 2)]
    hypothesis = [said("1", "how are you", 0, 1), said("2", "good", 1, 2), said("2", "fine", 2, 3)]
    assert word_error(reference, hypothesis, kind="cp").counts["errors"] == 2
    assert word_error(reference, hypothesis, kind="orc").counts["errors"] == 0


def test_a_word_too_far_off_is_no_match_in_tcp():
    # 20 s late: within a collar of 30 s a match, within 5 s one deleted and one inserted
    late = [said("1", "hello", 20, 21)]
    assert word_error([said("A", "hello")], late, kind="tcp", collar=30).value == 0
    result = word_error([said("A", "hello")], late, kind="tcp")
    assert (result.counts["deletions"], result.counts["insertions"], result.value) == (1, 1, 2)
    assert "collar of 5 s" in result.protocol
    assert word_error([said("A", "hello")], late).value == 0


def test_normalizer():
    reference, hypothesis = [said("A", "Well, it\u2019s \u2014 OK!")], [said("1", "well it's ok")]
    assert word_error(reference, hypothesis, normalizer="basic").value == 0
    assert word_error(reference, hypothesis).value == 1
    assert "punctuation removed" in word_error(reference, hypothesis, normalizer="basic").protocol


def test_silent_sides():
    for kind in ("cp", "tcp", "orc"):
        for nothing in ([], [said("1", "")]):
            result = word_error(FOXES, nothing, kind=kind)
            assert result.counts["deletions"] == 9
            assert "no words at all" in result.protocol
        with pytest.raises(SepdiarError, match="SD602"):
            word_error([said("A", "")], KWICK, kind=kind)


def test_sessions_add():
    more = [*FOXES, said("A", "one two", session="other"), said("A", "three", session="silent")]
    result = word_error(more, [*KWICK, said("1", "one too", session="other")])
    assert result.counts == added(one.counts for one in result.per_session.values())
    assert result.value == (4 + 1 + 1) / 12
    assert "1 sessions have no hypothesis" in result.protocol


def test_uem():
    reference = [said("A", "in", 0, 1), said("A", "across", 1.5, 2.5), said("A", "out", 3, 4), said("A", "x", 0, 1, "other")]
    result = word_error(reference, [said("1", "in across"), said("1", "off", 9, 10)], uem={"talk": (Span(0, 2 * TICKS),)})
    assert (result.counts["length"], result.value, list(result.per_session)) == (2, 0, ["talk"])


def test_settings_that_mean_nothing_are_refused():
    for wrong in ({"kind": "wer"}, {"normalizer": "chime"}, {"collar": 5.0}):
        with pytest.raises(SepdiarError, match="SD202"):
            word_error(FOXES, KWICK, **wrong)


PHRASES = st.lists(st.sampled_from("abcde"), min_size=1, max_size=6).map(" ".join)


@given(PHRASES, PHRASES)
def test_one_speaker_is_what_jiwer_says(reference, hypothesis):
    assert word_error([said("A", reference)], [said("1", hypothesis)]).value == pytest.approx(jiwer.wer(reference, hypothesis))


@settings(max_examples=50, deadline=None)
@given(st.lists(PHRASES, min_size=1, max_size=3), st.lists(PHRASES, min_size=0, max_size=3))
def test_cp_is_the_best_of_all_permutations(reference, hypothesis):
    size = max(len(reference), len(hypothesis))
    true, made = reference + [""] * (size - len(reference)), hypothesis + [""] * (size - len(hypothesis))
    best = min(sum(_distance(one, other) for one, other in zip(true, order, strict=True)) for order in permutations(made))
    result = word_error(
        [said(f"r{number}", words) for number, words in enumerate(reference)],
        [said(f"h{number}", words) for number, words in enumerate(hypothesis)],
    )
    assert result.counts["errors"] == best


def _distance(reference, hypothesis):
    if not reference:
        return len(hypothesis.split())
    counted = jiwer.process_words(reference, hypothesis)
    return counted.substitutions + counted.deletions + counted.insertions


def test_cases_of_meeteval(shared):
    folder = shared / "scoring" / "meeteval"
    reference, hypothesis = read_segments(folder / "ref.stm"), read_segments(folder / "hyp.stm")
    assert word_error(reference, hypothesis).counts["errors"] == 25
    lists = read_segments(folder / "ref.seglst.json"), read_segments(folder / "hyp.seglst.json")
    assert word_error(*lists).counts == word_error(reference, hypothesis).counts
    streams = read_segments([folder / "hyp1.ctm", folder / "hyp2.ctm"])
    assert word_error(reference, streams).counts["length"] == 92
    only = word_error(reference, hypothesis, uem=read_uem(folder / "uem.uem"))
    assert only.counts["length"] < 92
