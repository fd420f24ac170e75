"""Words by place and takeovers, worked out by hand."""

from __future__ import annotations

import pytest

from sepdiar.conversation import Span
from sepdiar.formats.segments import TICKS, Segment
from sepdiar.metrics.spoken import word_places

pytest.importorskip("meeteval")


def said(speaker: str, start: float, end: float, text: str = "") -> Segment:
    return Segment("talk", speaker, Span(round(start * TICKS), round(end * TICKS)), text)


# A  0 ========== 4        both from 3 to 4
# B           3 ======== 6
TURNS = [said("A", 0, 4), said("B", 3, 6)]
WORDS = [
    said("A", 0.0, 1.0, "One"),
    said("A", 1.2, 2.0, "two,"),
    said("A", 3.1, 3.9, "three"),
    said("B", 3.2, 3.8, "red"),
    said("B", 4.2, 5.0, "green"),
    said("B", 5.1, 5.9, "blue"),
]


def heard(*words: Segment) -> list[Segment]:
    names = {"A": "S1", "B": "S2"}
    return [Segment("talk", names[one.speaker], one.span, one.words) for one in words]


def counts(found: list[Segment]) -> dict[str, float]:
    return word_places(TURNS, heard(*TURNS), WORDS, found)


def test_every_word_heard_is_no_error_in_either_place() -> None:
    made = counts(heard(*WORDS))
    assert (made["clean_words"], made["overlap_words"]) == (4, 2)
    assert made["clean_errors"] == made["overlap_errors"] == 0


def test_errors_lie_where_the_word_was_said() -> None:
    lost_in_overlap = [one for one in WORDS if one.words != "red"]
    wrong_in_clean = [said("A", 0, 1, "bun") if one.words == "One" else one for one in WORDS]
    assert counts(heard(*lost_in_overlap)) | {} == {**counts(heard(*WORDS)), "overlap_errors": 1.0}
    assert counts(heard(*wrong_in_clean))["clean_errors"] == 1


def test_words_too_many_count_where_they_are_heard() -> None:
    made = counts(heard(*WORDS, said("A", 3.4, 3.5, "ghost"), said("B", 5.95, 6.0, "ghost")))
    assert (made["overlap_errors"], made["clean_errors"]) == (1, 1)


def test_a_word_far_off_in_time_is_not_the_same_word() -> None:
    late = [said("A", 30.0, 31.0, "One") if one.words == "One" else one for one in WORDS]
    assert counts(heard(*late))["clean_errors"] == 2


def test_the_words_of_a_speaker_who_is_nobody_are_too_many() -> None:
    stranger = Segment("talk", "S3", Span(TICKS, 2 * TICKS), "boo")
    assert counts([*heard(*WORDS), stranger])["clean_errors"] == 1


def test_nothing_heard_is_every_word_lost() -> None:
    made = counts([])
    assert (made["clean_errors"], made["overlap_errors"]) == (4, 2)


@pytest.mark.parametrize(
    ("spoken", "takes"),
    [
        ([("yes", 0.0, 0.4)], False),
        ([("oh", 0.0, 0.2), ("I", 0.2, 0.4), ("see", 0.4, 0.9)], False),
        ([("oh", 0.0, 0.2), ("now", 0.2, 0.4), ("I", 0.4, 0.5), ("see", 0.5, 0.9)], True),
        ([("well", 0.0, 1.0)], True),
    ],
    ids=["one short word", "three short words", "more than three words", "a second"],
)
def test_the_rule_of_a_takeover(spoken: list[tuple[str, float, float]], takes: bool) -> None:
    words = [said("A", start, end, text) for text, start, end in spoken]
    turns = [said("A", 0, 2)]
    made = word_places(turns, heard(*turns), words, heard(*words))
    assert (made["takeovers"], made["others"]) == ((1, 0) if takes else (0, 1))
    assert made["takeovers_kept"] + made["others_kept"] == 1
    lost = word_places(turns, heard(*turns), words, [])
    assert (lost["takeovers_kept"], lost["others_kept"]) == ((0, 0) if takes else (0, 1))
