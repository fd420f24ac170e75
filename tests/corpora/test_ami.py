"""AMI in its real layout: headsets, the mix, and NXT XML with what real annotations have in it."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.metrics.sides import open_tracks

NITE = 'xmlns:nite="http://nite.sourceforge.net/"'
MEETINGS = f"""<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<nite:root nite:id="meetings" {NITE}>
  <meeting nite:id="meet_1" observation="ES2002a" duration="4.0" type="scenario">
    <speaker nite:id="ES2002a_2" channel="1" nxt_agent="B" global_name="MEE006" role="PM"/>
    <speaker nite:id="ES2002a_1" channel="0" nxt_agent="A" global_name="FEE005" role="ID"/>
    <speaker nite:id="ES2002a_3" channel="2" nxt_agent="C" global_name="MEE007" role="UI"/>
  </meeting>
</nite:root>"""
A = [
    ("w", 'starttime="0.5" endtime="0.7"', "O_K"),
    ("w", 'starttime="0.7" endtime="0.7" punc="true"', ","),
    ("w", "", "we&#39;re"),
    ("w", 'starttime="1.1" endtime="1.5"', "here"),
    ("vocalsound", 'starttime="1.6" endtime="1.9" type="laugh"', ""),
    ("vocalsound", 'starttime="2.0" endtime="2.2" type="cough"', ""),
]
B = [("w", 'starttime="1.2" endtime="1.6" trunc="true"', "Y"), ("gap", 'starttime="1.6" endtime="1.7"', "")]


def words(place, agent, rows):
    place.joinpath("words").mkdir(parents=True, exist_ok=True)
    lines = [
        f'<{tag} nite:id="ES2002a.{agent}.words{number}" {attributes}>{text}</{tag}>'
        for number, (tag, attributes, text) in enumerate(rows)
    ]
    _xml(place / "words" / f"ES2002a.{agent}.words.xml", lines)


def segments(place, agent, rows):
    place.joinpath("segments").mkdir(parents=True, exist_ok=True)
    name = f"ES2002a.{agent}.words"
    lines = [
        f'<segment nite:id="ES2002a.sync.{number}" transcriber_start="{start}" transcriber_end="{end}">'
        f'<nite:child href="{name}.xml#id({name}{first})..id({name}{last})"/></segment>'
        for number, (start, end, first, last) in enumerate(rows)
    ]
    _xml(place / "segments" / f"ES2002a.{agent}.segments.xml", lines)


def _xml(file, lines):
    text = "\n".join(['<?xml version="1.0" encoding="ISO-8859-1"?>', f'<nite:root nite:id="x" {NITE}>', *lines, "</nite:root>"])
    file.write_text(text, encoding="iso-8859-1")


@pytest.fixture
def place(tmp_path, speak):
    audio = tmp_path / "amicorpus" / "ES2002a" / "audio"
    speak(audio / "ES2002a.Headset-0.wav", [(0.5, 1.5)], rate=16000)
    speak(audio / "ES2002a.Headset-1.wav", [(1.2, 1.6)], rate=16000, seconds=3.5)
    speak(audio / "ES2002a.Headset-2.wav", [], rate=16000)
    speak(audio / "ES2002a.Mix-Headset.wav", [(0.5, 1.6)], rate=16000)
    place = tmp_path / "ami_public_manual_1.6.2"
    (place / "corpusResources").mkdir(parents=True)
    (place / "corpusResources" / "meetings.xml").write_text(MEETINGS, encoding="iso-8859-1")
    words(place, "A", A)
    segments(place, "A", [(0.4, 1.95, 0, 4), (2.0, 2.2, 5, 5)])
    words(place, "B", B)
    segments(place, "B", [(1.1, 1.7, 0, 1)])
    return place


def test_a_meeting_has_the_mix_and_a_headset_for_each_person(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    recording = truth.conversation.recording
    assert (truth.name, recording.path) == ("ES2002a", "amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav")
    assert (recording.rate, recording.samples, recording.channels, recording.notes) == (16000, 64000, 1, ())
    assert {track.speaker: track.file[-13:] for track in truth.conversation.tracks} == {
        "FEE005": "Headset-0.wav",
        "MEE006": "Headset-1.wav",
        "MEE007": "Headset-2.wav",
    }


def test_a_turn_is_a_segment_from_its_first_word_to_its_last(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    assert [(turn.speaker, turn.span) for turn in truth.conversation.turns] == [
        ("FEE005", Span(8000, 24000)),  # and no turn for the cough
        ("MEE006", Span(19200, 25600)),
    ]


def test_words_are_without_punctuation_and_sounds_and_have_a_time_each(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    assert [(word.text, word.span) for word in truth.conversation.turns[0].words] == [
        ("OK", Span(8000, 11200)),
        ("we're", Span(11200, 17600)),
        ("here", Span(17600, 24000)),
    ]
    assert [word.text for word in truth.conversation.turns[1].words] == ["Y"]


def test_a_shorter_headset_is_silent_behind_its_end_and_cuts_nobody_off(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    assert [len(track.span) for track in truth.conversation.tracks] == [56000, 64000, 64000]
    tracks = open_tracks(truth.conversation, truth.folder)
    assert (tracks.samples, tracks.channels) == (64000, 3)
    assert abs(tracks.read(Span(54000, 60000))).max() == 0
    assert abs(tracks.read(Span(20000, 24000))).max(0)[:2].min() > 0.1


def test_with_the_mix_alone_there_are_no_tracks_and_with_the_headsets_alone_it_is_mixed(tmp_path, place):
    audio = tmp_path / "amicorpus" / "ES2002a" / "audio"
    mix = (audio / "ES2002a.Mix-Headset.wav").rename(tmp_path / "away")
    (truth,) = corpora.read(tmp_path)
    assert truth.conversation.recording.path == "" and len(truth.conversation.tracks) == 3
    mix.rename(audio / "ES2002a.Mix-Headset.wav")
    for headset in audio.glob("*Headset-*.wav"):
        headset.unlink()
    (truth,) = corpora.read(tmp_path)
    assert truth.conversation.tracks == () and len(truth.conversation.turns) == 2


def test_one_missing_headset_is_noted_beside_a_mix_and_refused_without(tmp_path, place):
    audio = tmp_path / "amicorpus" / "ES2002a" / "audio"
    (audio / "ES2002a.Headset-1.wav").unlink()
    (truth,) = corpora.read(tmp_path)
    assert truth.conversation.recording.notes == ("no audio of its own: ES2002a.Headset-1.wav",)
    (audio / "ES2002a.Mix-Headset.wav").unlink()
    _refused(tmp_path, "SD603", r"ES2002a\.Headset-1\.wav")


def test_missing_annotations_are_named(tmp_path, place):
    (place / "words" / "ES2002a.A.words.xml").unlink()
    _refused(tmp_path, "SD603", r"words/ES2002a\.A\.words\.xml")
    for file in (place / "segments").iterdir():
        file.unlink()
    (place / "segments").rmdir()
    _refused(tmp_path, "SD603", "segments/")


def test_a_segment_that_points_to_no_word_is_refused(tmp_path, place):
    segments(place, "B", [(1.1, 1.7, 0, 7)])
    _refused(tmp_path, "SD502", "words7")


def test_a_turn_behind_the_end_of_the_audio_is_left_out_and_noted(tmp_path, place):
    words(place, "B", [*B, ("w", 'starttime="4.5" endtime="4.8"', "late")])
    segments(place, "B", [(1.1, 1.7, 0, 1), (4.4, 4.9, 2, 2)])
    (truth,) = corpora.read(tmp_path)
    assert len(truth.conversation.turns) == 2 and "left out: 1" in truth.conversation.recording.notes[0]


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "ami"))
    assert refused.value.code == code


@pytest.mark.parametrize("agent", ["B/../../../elsewhere/B", "../B"])
def test_a_speaker_whose_name_leads_to_another_folder_is_refused(place, agent):
    meetings = place / "corpusResources" / "meetings.xml"
    meetings.write_text(MEETINGS.replace('nxt_agent="B"', f'nxt_agent="{agent}"'), encoding="iso-8859-1")
    with pytest.raises(SepdiarError, match="SD401"):
        list(corpora.read(place.parent, "ami"))
