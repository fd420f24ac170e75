"""The figures that need no truth, against one conversation worked out by hand."""

from __future__ import annotations

from dataclasses import replace

from sepdiar.conversation import Conversation, Provenance, Recording, Span, Stretch, Track, Turn, Word, mark_overlaps
from sepdiar.metrics.judge import judge


def turn(speaker: str, start: int, end: int, *words: Word) -> Turn:
    return Turn(speaker, Span(start, end), words)


TURNS = mark_overlaps(
    [
        turn("A", 0, 400, Word("well", Span(0, 100), 0.5), Word("yes", Span(100, 200), 1.0), Word("so", Span(200, 300))),
        turn("B", 300, 700),
        turn("A", 800, 900),
    ]
)


def tracks(origin: str) -> tuple[Track, ...]:
    left = (Stretch(Span(0, 300), "copied"), Stretch(Span(300, 400), origin), Stretch(Span(400, 1000), "silent"))
    right = (Stretch(Span(0, 300), "silent"), Stretch(Span(300, 400), origin), Stretch(Span(400, 1000), "copied"))
    whole = Span(0, 1000)
    return Track("A", "dialogue-000.flac", 0, whole, left), Track("B", "dialogue-000.flac", 1, whole, right)


def values(conversation: Conversation) -> dict[str, tuple[float, float]]:
    return {score.name: (score.numerator, score.denominator) for score in judge(conversation)}


def test_a_conversation_worked_out_by_hand() -> None:
    recording = Recording("talk", "talk.wav", "", 100, 1000, 1, damaged=(Span(950, 960),))
    assert values(Conversation(recording, TURNS, tracks("mixed"))) == {
        "speech": (8.0, 10.0),
        "overlap": (1.0, 8.0),
        "damaged": (0.1, 10.0),
        "mixed": (2.0, 9.0),
        "left": (5.0, 9.0),
        "turns": (3, 10 / 60),
        "overlapped-transfers": (1, 2),
        "confidence": (1.5, 2),
    }
    assert values(Conversation(recording, TURNS, tracks("separated")))["mixed"] == (0.0, 9.0)


def test_speakers_who_share_a_channel_count_once() -> None:
    recording = Recording("talk", "talk.wav", "", 100, 1000, 1)
    turns = mark_overlaps([turn("A", 0, 500), turn("B", 500, 800), turn("C", 700, 1000)])
    whole = Span(0, 1000)
    right = (Stretch(Span(0, 500), "silent"), Stretch(Span(500, 1000), "copied"))
    three = tuple(Track(name, "dialogue-000.flac", number > 0, whole, right) for number, name in enumerate("ABC"))
    figures = values(Conversation(recording, turns, three))
    assert figures["left"] == (5.0, 10.0)
    assert figures["overlapped-transfers"] == (1, 2)  # B begins where A ends, which is no overlap


def test_nobody_speaking_divides_by_nothing_and_says_so() -> None:
    scores = judge(Conversation(Recording("talk", "talk.wav", "", 100, 1000, 1)))
    assert [score.name for score in scores if score.value is None] == [
        "overlap",
        "mixed",
        "left",
        "overlapped-transfers",
        "confidence",
    ]


def test_a_backchannel_within_a_turn_takes_no_floor() -> None:
    recording = Recording("talk", "talk.wav", "", 100, 1000, 1)
    gap = (turn("A", 0, 100), turn("B", 40, 60), turn("A", 110, 120), turn("B", 150, 180))
    overlapped = (turn("A", 0, 100), turn("B", 90, 200), turn("A", 200, 220))
    shares = []
    for turns in (gap, overlapped):
        score = next(one for one in judge(Conversation(recording, turns)) if one.name == "overlapped-transfers")
        shares.append((score.numerator, score.denominator))
    assert shares == [(0, 1), (1, 2)]


def test_where_overlap_was_not_listened_for_its_figures_are_left_out() -> None:
    recording = Recording("talk", "talk.wav", "", 100, 1000, 1)
    deaf = (Provenance("diarize", "0", parameters={"hears_overlap": False}),)
    mono = Conversation(recording, TURNS, tracks("mixed"), provenance=deaf)
    assert not {"overlap", "mixed", "overlapped-transfers"} & values(mono).keys()
    recorded = tuple(replace(track, stretches=(Stretch(track.span, "recorded"),)) for track in mono.tracks)
    assert "overlap" in values(replace(mono, tracks=recorded))
