"""Fisher and Switchboard: calls in two channels of mu-law, in NIST Sphere, with their transcribers' conventions."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.metrics.sides import open_tracks

FISHER = """# fe_03_00001.sph
# Transcribed at the LDC

0.50 1.50 A: and i [laughter] gener- -- generally ((prefer))

1.20 1.60 B: (( ))

1.60 2.40 B: o_k yeah
"""
TRANS = {
    "A": [
        "sw2001A-ms98-a-0001 0.000000 0.500000 [silence]",
        "sw2001A-ms98-a-0002 0.500000 1.500000 hi um [laughter-yeah] th[at]-",
        "sw2001A-ms98-a-0003 1.500000 4.000000 [noise] [silence]",
    ],
    "B": ["sw2001B-ms98-a-0001 0.000000 4.000000 <b_aside> [it'n/isn't] <e_aside> about_1"],
}
WORD = {
    "A": [
        "sw2001A-ms98-a-0001 0.000000 0.500000 [silence]",
        "sw2001A-ms98-a-0002 0.500000 0.625000 hi",
        "sw2001A-ms98-a-0002 0.625000 0.750000 [silence]",
        "sw2001A-ms98-a-0002 0.750000 1.000000 [laughter-yeah]",
        "sw2001A-ms98-a-0002 1.000000 1.250000 th[at]-",
        "sw2001A-ms98-a-0003 1.500000 4.000000 [noise]",
    ],
    "B": [
        "sw2001B-ms98-a-0001 1.000000 1.000000 <b_aside>",
        "sw2001B-ms98-a-0001 1.000000 1.500000 [it'n/isn't]",
        "sw2001B-ms98-a-0001 2.000000 2.500000 about_1",
    ],
}


@pytest.fixture
def fisher(tmp_path, speak):
    speak(tmp_path / "fisher_eng_tr_sp_d1" / "audio" / "000" / "fe_03_00001.sph", [(0.5, 1.5)], [(1.6, 2.4)])
    file = tmp_path / "fe_03_p1_tran" / "data" / "trans" / "000" / "fe_03_00001.txt"
    file.parent.mkdir(parents=True)
    file.write_text(FISHER, encoding="utf-8")
    return tmp_path


@pytest.fixture
def switchboard(tmp_path, speak):
    speak(tmp_path / "swb1_d1" / "data" / "sw02001.sph", [(0.5, 1.25)], [(1.0, 1.5), (2.0, 2.5)])
    place = tmp_path / "swb_ms98_transcriptions" / "20" / "2001"
    place.mkdir(parents=True)
    for kind, sides in (("trans", TRANS), ("word", WORD)):
        for side, lines in sides.items():
            (place / f"sw2001{side}-ms98-a-{kind}.text").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_a_fisher_call_has_two_sides_and_the_words_that_were_said(fisher):
    (truth,) = corpora.read(fisher)
    recording = truth.conversation.recording
    assert (truth.name, recording.path, recording.rate, recording.samples) == ("fe_03_00001", "", 8000, 32000)
    assert [(turn.speaker, turn.span, [word.text for word in turn.words]) for turn in truth.conversation.turns] == [
        ("A", Span(4000, 12000), ["and", "i", "gener-", "generally", "prefer"]),
        ("B", Span(12800, 19200), ["ok", "yeah"]),
    ]
    assert [(track.speaker, track.channel) for track in truth.conversation.tracks] == [("A", 0), ("B", 1)]


def test_mu_law_in_sphere_is_heard_on_the_side_of_who_speaks(fisher):
    (truth,) = corpora.read(fisher)
    tracks = open_tracks(truth.conversation, truth.folder)
    for span, speaking in ((Span(5000, 11000), 0), (Span(13000, 19000), 1)):
        loudest = abs(tracks.read(span)).max(0)
        assert loudest[speaking] == pytest.approx(0.2, abs=0.01) and loudest[1 - speaking] < 0.001


def test_a_call_without_transcript_and_transcripts_without_a_call_are_refused(fisher, speak):
    audio = fisher / "fisher_eng_tr_sp_d1" / "audio" / "000"
    other = speak(audio / "fe_03_00002.sph", [], [])
    _refused(fisher, "fisher", "SD603", r"fe_03_00002\.txt")
    for file in (other, audio / "fe_03_00001.sph"):
        file.unlink()
    _refused(fisher, "fisher", "SD603", r"fe_03_00001\.sph")


def test_a_call_of_one_channel_and_a_strange_line_are_refused(fisher, speak):
    audio = fisher / "fisher_eng_tr_sp_d1" / "audio" / "000"
    (audio / "fe_03_00001.sph").unlink()
    speak(audio / "fe_03_00001.wav", [(0.5, 1.5)])
    _refused(fisher, "fisher", "SD601", "none for B")
    file = next(fisher.rglob("fe_03_00001.txt"))
    file.write_text(FISHER + "3.0 3.5 C: who\n", encoding="utf-8")
    _refused(fisher, "fisher", "SD502", "line 9")


def test_a_switchboard_turn_is_an_utterance_from_its_first_word_to_its_last(switchboard):
    (truth,) = corpora.read(switchboard)
    assert (truth.name, truth.conversation.recording.samples) == ("sw02001", 32000)
    first, second = truth.conversation.turns
    assert (first.speaker, first.span) == ("A", Span(4000, 10000))
    assert [(word.text, word.span) for word in first.words] == [
        ("hi", Span(4000, 5000)),
        ("yeah", Span(6000, 8000)),
        ("th-", Span(8000, 10000)),
    ]
    assert (second.speaker, second.span, [word.text for word in second.words]) == ("B", Span(8000, 20000), ["it'n", "about"])
    assert first.overlap == (Span(8000, 10000),)


def test_without_the_times_of_words_they_share_their_utterance(switchboard):
    for file in switchboard.rglob("*-word.text"):
        file.unlink()
    (truth,) = corpora.read(switchboard)
    (first,) = (turn for turn in truth.conversation.turns if turn.speaker == "A")
    assert first.span == Span(4000, 12000) and [word.text for word in first.words] == ["hi", "um", "yeah", "th-"]


def test_a_missing_side_of_a_call_is_named(switchboard):
    next(switchboard.rglob("sw2001B-ms98-a-trans.text")).unlink()
    _refused(switchboard, "switchboard", "SD603", "sw2001B-ms98-a-trans")


def _refused(folder, layout, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, layout))
    assert refused.value.code == code
