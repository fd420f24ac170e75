"""The layout that anybody can make: whose channel is which is told by names, and nothing is left out in silence."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span

RTTM = """SPEAKER talk 1 0.500 1.000 <NA> <NA> bob <NA> <NA>
SPEAKER talk 1 1.200 0.800 <NA> <NA> alice <NA> <NA>
SPEAKER talk 1 2.500 0.500 <NA> <NA> bob <NA> <NA>
"""
CTM = """talk 2 0.50 0.25 so
talk 2 0.75 0.50 it
talk 1 1.30 0.40 yes
talk 2 2.60 0.30 ends
talk 1 3.50 0.10 uh
"""


@pytest.fixture
def talk(tmp_path, speak):
    return speak(tmp_path / "talk.wav", [(1.2, 2.0)], [(0.5, 1.5), (2.5, 3.0)])


def test_names_are_given_channels_in_the_order_of_the_alphabet(tmp_path, talk):
    (tmp_path / "talk.rttm").write_text(RTTM, encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert truth.name == "talk" and truth.conversation.recording.path == ""
    assert {track.speaker: track.channel for track in truth.conversation.tracks} == {"alice": 0, "bob": 1}
    assert [(turn.speaker, turn.span, turn.words) for turn in truth.conversation.turns] == [
        ("bob", Span(4000, 12000), ()),
        ("alice", Span(9600, 16000), ()),
        ("bob", Span(20000, 24000), ()),
    ]


def test_words_beside_turns_are_put_into_them_and_those_in_none_are_noted(tmp_path, talk):
    (tmp_path / "talk.rttm").write_text(RTTM, encoding="utf-8")
    (tmp_path / "talk.ctm").write_text(CTM, encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert [(turn.speaker, [word.text for word in turn.words]) for turn in truth.conversation.turns] == [
        ("bob", ["so", "it"]),
        ("alice", ["yes"]),
        ("bob", ["ends"]),
    ]
    assert truth.conversation.turns[0].words[1].span == Span(6000, 10000)
    assert truth.conversation.recording.notes == ("words that lie in no turn of their speaker, left out: 1",)


def test_of_words_alone_those_that_are_close_are_a_turn(tmp_path, talk):
    (tmp_path / "talk.ctm").write_text(CTM, encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert [(turn.speaker, turn.span) for turn in truth.conversation.turns] == [
        ("2", Span(4000, 10000)),
        ("1", Span(10400, 13600)),
        ("2", Span(20800, 23200)),
        ("1", Span(28000, 28800)),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("talk.stm", "talk 1 B 0.5 1.5 hello there\ntalk 1 A 1.2 2.0 yes\nother 1 Q 1 2 no\n"),
        (
            "talk.seglst.json",
            '[{"session_id": "talk", "speaker": "B", "start_time": 0.5, "end_time": 1.5, "words": "hello there"},'
            ' {"session_id": "talk", "speaker": "A", "start_time": 1.2, "end_time": 2.0, "words": "yes"}]',
        ),
    ],
)
def test_letters_name_the_channel_and_words_share_their_turn(tmp_path, talk, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert [(track.speaker, track.channel) for track in truth.conversation.tracks] == [("A", 0), ("B", 1)]
    assert [(turn.speaker, [(word.text, word.span) for word in turn.words]) for turn in truth.conversation.turns] == [
        ("B", [("hello", Span(4000, 8000)), ("there", Span(8000, 12000))]),
        ("A", [("yes", Span(9600, 16000))]),
    ]


def test_a_speaker_called_2_is_on_the_second_channel_though_nobody_speaks_on_the_first(tmp_path, talk):
    (tmp_path / "talk.stm").write_text("talk 1 2 0.5 1.5 hello\n", encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert [(track.speaker, track.channel) for track in truth.conversation.tracks] == [("1", 0), ("2", 1)]
    assert truth.conversation.speakers == ("2",)


def test_numbers_that_are_no_channels_are_names(tmp_path, talk):
    (tmp_path / "talk.rttm").write_text(RTTM.replace("alice", "1988").replace("bob", "61"), encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert {track.speaker: track.channel for track in truth.conversation.tracks} == {"1988": 0, "61": 1}


def test_what_lies_deeper_is_named_by_its_folders(tmp_path, speak):
    for part in ("day1", "day2"):
        speak(tmp_path / part / "talk.flac", [(0.5, 1.0)], [])
        (tmp_path / part / "talk.stm").write_text("talk 1 A 0.5 1.0 hello\n", encoding="utf-8")
    assert [truth.name for truth in corpora.read(tmp_path)] == ["day1-talk", "day2-talk"]


def test_a_recording_without_truth_is_refused_with_what_is_expected(tmp_path, talk, speak):
    (tmp_path / "talk.rttm").write_text(RTTM, encoding="utf-8")
    speak(tmp_path / "more.wav", [(0.5, 1.0)], [])
    refused = _refused(tmp_path, "SD603", r"more\.rttm")
    assert "NAME.ctm" in refused.hint


def test_names_that_do_not_tell_the_channels_are_refused(tmp_path, talk, speak):
    (tmp_path / "talk.rttm").write_text(RTTM.replace("alice", "bob"), encoding="utf-8")
    _refused(tmp_path, "SD601", "2 channels, and 1 speakers")
    (tmp_path / "talk.rttm").write_text(RTTM, encoding="utf-8")
    speak(tmp_path / "talk.wav", [(0.5, 1.5)])
    _refused(tmp_path, "SD601", "one channel")


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "plain"))
    assert refused.value.code == code
    return refused.value
