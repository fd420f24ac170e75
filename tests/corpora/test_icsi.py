"""ICSI in its real layout: headsets in NIST Sphere, and transcripts in the original form or with a time for every word."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.metrics.sides import open_tracks

MRT = """<?xml version="1.0" encoding="UTF-8"?>
<Meeting Session="Bmr001" DateTimeStamp="2000-02-02-1700" Version="1">
  <Preamble>
    <Channels>
      <Channel Name="chan0" Mic="l1" Transmission="w1" AudioFile="chan0.sph"/>
      <Channel Name="chan3" Mic="c2" Transmission="w2" AudioFile="chan3.sph"/>
    </Channels>
    <Participants DB="icsi1.spk">
      <Participant Name="me011" Channel="chan3"/>
      <Participant Name="fe008" Channel="chan0"/>
      <Participant Name="mn055"/>
    </Participants>
  </Preamble>
  <Transcript StartTime="0.0" EndTime="4.0">
    <Segment StartTime="0.500" EndTime="1.500" Participant="me011">
      O_K, <Pause/> so we <Uncertain> were, </Uncertain> -- th-
      <VocalSound Description="breath"/> @@ live.
    </Segment>
    <Segment StartTime="1.200" EndTime="2.000" Participant="fe008"> Yeah. </Segment>
    <Segment StartTime="2.000" EndTime="2.400" Participant="me011"><VocalSound Description="laugh"/></Segment>
    <Segment StartTime="2.500" EndTime="3.000" Participant="mn055"> Off. </Segment>
    <Segment StartTime="3.000" EndTime="3.200"><NonVocalSound Description="mike noise"/></Segment>
  </Transcript>
</Meeting>
"""
NITE = 'xmlns:nite="http://nite.sourceforge.net/"'
WORDS = [
    ("w", 'c="W" starttime="0.6" endtime="0.8"', "you"),
    ("w", 'c="APOSS" starttime="0.8" endtime="0.9"', "'re"),
    ("w", 'c="CM"', ","),
    ("w", 'c="W" starttime="1.0" endtime="1.1"', "mm"),
    ("w", 'c="HYPH"', "-"),
    ("w", 'c="W" starttime="1.1" endtime="1.2"', "hmm"),
    ("vocalsound", 'description="laugh"', ""),
    ("w", 'c="CD" starttime="1.2"', "two"),
    ("w", 'c="W" endtime="1.5"', "hours"),
    ("w", 'c="W"', "@@"),
    ("w", 'c="W"', "now"),
]


@pytest.fixture
def place(tmp_path, speak):
    audio = tmp_path / "Signals" / "Bmr001"
    speak(audio / "chan0.sph", [(1.2, 2.0)], rate=16000, coding="pcm")
    speak(audio / "chan3.sph", [(0.5, 1.5)], rate=16000, coding="pcm", seconds=3.0)
    (tmp_path / "transcripts").mkdir()
    (tmp_path / "transcripts" / "Bmr001.mrt").write_text(MRT, encoding="utf-8")
    return tmp_path


def test_the_transcript_says_whose_channel_is_which(place):
    (truth,) = corpora.read(place)
    recording = truth.conversation.recording
    assert (truth.name, recording.path, recording.rate, recording.samples) == ("Bmr001", "", 16000, 64000)
    assert {track.speaker: track.file for track in truth.conversation.tracks} == {
        "me011": "Signals/Bmr001/chan3.sph",
        "fe008": "Signals/Bmr001/chan0.sph",
    }
    heard = open_tracks(truth.conversation, truth.folder).read(Span(10000, 16000))
    assert [track.speaker for track in truth.conversation.tracks][int(abs(heard).max(0).argmax())] == "me011"


def test_words_are_what_was_said_and_who_has_no_channel_is_left_out_and_noted(place):
    (truth,) = corpora.read(place)
    assert [(turn.speaker, turn.span, [word.text for word in turn.words]) for turn in truth.conversation.turns] == [
        ("me011", Span(8000, 24000), ["OK", "so", "we", "were", "th-", "live"]),
        ("fe008", Span(19200, 32000), ["Yeah"]),
    ]
    assert truth.conversation.recording.notes == ("no channel, so that what they say is left out: mn055",)


def test_with_the_mix_everybody_is_heard(place, speak):
    speak(place / "Signals" / "Bmr001.interaction.wav", [(0.5, 2.0)], rate=16000)
    (truth,) = corpora.read(place)
    assert truth.conversation.recording.path == "Signals/Bmr001.interaction.wav"
    assert {turn.speaker for turn in truth.conversation.turns} == {"me011", "fe008", "mn055"}
    assert len(truth.conversation.tracks) == 2


def test_timed_words_are_taken_where_they_are(place):
    _nxt(place)
    (truth,) = corpora.read(place)
    (turn,) = truth.conversation.turns
    assert (turn.speaker, turn.span) == ("me011", Span(9600, 32000))
    assert [(word.text, word.span) for word in turn.words] == [
        ("you're", Span(9600, 14400)),
        ("mm-hmm", Span(16000, 19200)),
        ("two", Span(19200, 21000)),
        ("hours", Span(21000, 24000)),
        ("now", Span(24000, 32000)),
    ]


def test_without_the_transcript_the_mix_is_needed(place, speak):
    _nxt(place)
    (place / "transcripts" / "Bmr001.mrt").unlink()
    _refused(place, "SD603", r"Bmr001\.mrt")
    speak(place / "Bmr001.interaction.wav", [(0.5, 2.0)], rate=16000)
    (truth,) = corpora.read(place)
    assert truth.conversation.tracks == () and truth.conversation.speakers == ("me011",)


def test_a_missing_channel_is_named(place):
    (place / "Signals" / "Bmr001" / "chan0.sph").unlink()
    _refused(place, "SD603", "chan0 of Bmr001, which fe008 wears")


def test_compressed_sphere_is_refused_with_the_command_that_unpacks_it_and_the_wav_is_found(place, speak):
    file = place / "Signals" / "Bmr001" / "chan0.sph"
    file.write_bytes(file.read_bytes().replace(b"-s3 pcm", b"-s26 pcm,embedded-shorten-v2.00", 1))
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(place))
    assert refused.value.code == "SD105" and "sph2pipe -f wav" in refused.value.hint
    speak(file.with_suffix(".wav"), [(1.2, 2.0)], rate=16000)
    (truth,) = corpora.read(place)
    assert truth.conversation.tracks[0].file == "Signals/Bmr001/chan0.wav"


def _nxt(place):
    (place / "ICSI-metadata.xml").write_text("<corpus/>", encoding="utf-8")
    words = [f'<{tag} nite:id="Bmr001.w.1,{number}" {about}>{text}</{tag}>' for number, (tag, about, text) in enumerate(WORDS)]
    href = "Bmr001.B.words.xml#id(Bmr001.w.1,0)..id(Bmr001.w.1,10)"
    segment = f'<segment nite:id="Bmr001.segment.1" starttime="0.5" endtime="2.0" participant="me011"><nite:child href="{href}"/>'
    for name, lines in (("Words/Bmr001.B.words.xml", words), ("Segments/Bmr001.B.segs.xml", [segment, "</segment>"])):
        (place / name).parent.mkdir()
        text = "\n".join([f'<nite:root nite:id="x" {NITE}>', *lines, "</nite:root>"])
        (place / name).write_text(text, encoding="utf-8")


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "icsi"))
    assert refused.value.code == code
