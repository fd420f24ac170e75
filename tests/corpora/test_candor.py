"""CANDOR: both speakers in one file or each in their own, and three transcripts, of which the finest is read."""

from __future__ import annotations

import json

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.metrics.sides import open_tracks

ID, LEFT, RIGHT = "0020a0c5-1658", "5eb30be2", "5c9d0b51"
AUDIOPHILE = f"""turn_id,speaker,start,stop,utterance,interval,delta,questions,end_question,overlap,n_words
0,{RIGHT},0.5,1.5,"Hi, how are -- you?",,1.0,1,TRUE,FALSE,4
1,{LEFT},1.25,2.0,Good.,-0.25,0.75,0,FALSE,TRUE,1
"""
BACKBITER = f"""speaker,start,stop,utterance,backchannel,backchannel_count,backchannel_speaker,backchannel_start,backchannel_stop
{RIGHT},0.5,2.0,So it is.,Yeah.,1,{LEFT},1.0,1.25
{LEFT},2.5,3.0,Right.,,0,,,
"""


@pytest.fixture
def place(tmp_path, speak):
    place = tmp_path / ID
    speak(place / "processed" / f"{ID}.mp3", [(1.25, 2.0)], [(0.5, 1.5)], rate=16000)
    (place / "processed" / "channel_map.json").write_text(json.dumps({"L": LEFT, "R": RIGHT}), encoding="utf-8")
    (place / "transcription").mkdir()
    (place / "transcription" / "transcript_audiophile.csv").write_text(AUDIOPHILE, encoding="utf-8")
    (place / "transcription" / "transcript_backbiter.csv").write_text(BACKBITER, encoding="utf-8")
    return place


def test_a_conversation_has_its_speakers_left_and_right(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    assert truth.name == ID
    assert [(track.speaker, track.channel) for track in truth.conversation.tracks] == [(LEFT, 0), (RIGHT, 1)]
    assert [(turn.speaker, turn.span, [word.text for word in turn.words]) for turn in truth.conversation.turns] == [
        (RIGHT, Span(8000, 24000), ["Hi", "how", "are", "you"]),
        (LEFT, Span(20000, 32000), ["Good"]),
    ]
    heard = abs(open_tracks(truth.conversation, truth.folder).read(Span(26000, 31000))).max(0)
    assert heard[0] > 0.1 > 10 * heard[1]


def test_of_a_backbiter_transcript_backchannels_are_turns(tmp_path, place):
    (place / "transcription" / "transcript_audiophile.csv").unlink()
    (truth,) = corpora.read(tmp_path)
    assert [(turn.speaker, turn.span.start, turn.words[0].text) for turn in truth.conversation.turns] == [
        (RIGHT, 8000, "So"),
        (LEFT, 16000, "Yeah"),
        (LEFT, 40000, "Right"),
    ]


def test_files_of_each_speaker_do_as_well(tmp_path, place, speak):
    (place / "processed" / f"{ID}.mp3").unlink()
    speak(place / "processed" / f"{LEFT}.wav", [(1.25, 2.0)], rate=16000, seconds=3.0)
    speak(place / "processed" / f"{RIGHT}.wav", [(0.5, 1.5)], rate=16000)
    (truth,) = corpora.read(tmp_path)
    assert {track.speaker: track.file for track in truth.conversation.tracks} == {
        LEFT: f"{ID}/processed/{LEFT}.wav",
        RIGHT: f"{ID}/processed/{RIGHT}.wav",
    }
    assert truth.conversation.recording.samples == 64000


def test_who_is_left_is_said_in_the_metadata_too(tmp_path, place):
    (place / "processed" / "channel_map.json").unlink()
    _refused(tmp_path, "SD603", "channel_map")
    people = [{"user_id": RIGHT, "channel": "L"}, {"user_id": LEFT, "channel": "R"}]
    (place / "metadata.json").write_text(json.dumps({"id": ID, "speakers": people}), encoding="utf-8")
    (truth,) = corpora.read(tmp_path)
    assert truth.conversation.tracks[0].speaker == RIGHT


def test_without_audio_the_command_that_takes_it_out_of_the_videos_is_named(tmp_path, place):
    (place / "processed" / f"{ID}.mp3").unlink()
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path))
    assert refused.value.code == "SD603" and f"{RIGHT}.mp4 -vn" in refused.value.hint


def test_a_turn_of_somebody_who_is_on_no_channel_is_refused(tmp_path, place):
    (place / "processed" / "channel_map.json").write_text(json.dumps({"L": LEFT, "R": "somebody"}), encoding="utf-8")
    _refused(tmp_path, "SD601", RIGHT)


def test_a_speaker_whose_name_leads_to_another_folder_is_refused(tmp_path, place, speak):
    (place / "processed" / f"{ID}.mp3").unlink()
    speak(tmp_path / "elsewhere.wav", [(1.25, 2.0)], rate=16000)
    file = place / "transcription" / "transcript_audiophile.csv"
    file.write_text(AUDIOPHILE.replace(LEFT, "../../elsewhere"), encoding="utf-8")
    _refused(tmp_path, "SD401", "elsewhere")


@pytest.mark.parametrize("content", ["[" * 100_000, "{"])
def test_a_map_of_channels_that_no_parser_can_hold_is_refused(tmp_path, place, content):
    (place / "processed" / "channel_map.json").write_text(content, encoding="utf-8")
    _refused(tmp_path, "SD502", "channel_map.json")


def test_a_line_that_cannot_be_read_is_named(tmp_path, place):
    file = place / "transcription" / "transcript_audiophile.csv"
    file.write_text(AUDIOPHILE + f"2,{LEFT},soon,2.5,Oh.\n", encoding="utf-8")
    _refused(tmp_path, "SD502", "line 4")


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "candor"))
    assert refused.value.code == code
