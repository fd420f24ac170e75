"""A folder of recordings with their truth: its layout is told by what is in it, and nothing is passed over in silence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Conversation, Recording, Span, Stretch, Track, Turn


def test_a_folder_of_no_layout_is_refused_with_the_layouts_there_are(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here", encoding="utf-8")
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path))
    assert refused.value.code == "SD603"
    assert "sepdiar simulate" in str(refused.value)


def test_a_layout_nobody_knows_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, "tapes"))
    assert refused.value.code == "SD201"


def test_a_folder_that_has_no_recording_of_its_layout_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, "simulated"))
    assert refused.value.code == "SD603"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path / "gone"))
    assert refused.value.code == "SD101"


@pytest.mark.parametrize("layout", corpora.LAYOUTS)
def test_every_layout_says_what_it_is_and_finds_nothing_in_an_empty_folder(layout, tmp_path):
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path, layout))
    assert refused.value.code == "SD603" and refused.value.hint
    with pytest.raises(SepdiarError, match="looks like none") as refused:
        list(corpora.read(tmp_path))
    assert f"{layout}: " in str(refused.value)


def test_files_of_several_rates_are_no_recording(tmp_path, speak):
    for name, rate in (("5eb3", 8000), ("5c9d", 16000)):
        speak(tmp_path / "talk" / "processed" / f"{name}.wav", [(0.5, 1.0)], rate=rate)
    (tmp_path / "talk" / "transcription").mkdir()
    rows = "speaker,start,stop,utterance\n5eb3,0.5,1.0,yes\n5c9d,0.5,1.0,yes\n"
    (tmp_path / "talk" / "transcription" / "transcript_cliffhanger.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(SepdiarError) as refused:
        list(corpora.read(tmp_path))
    assert refused.value.code == "SD601"


def test_a_party_whose_speaker_is_named_as_a_path_is_refused(tmp_path, speak):
    speak(tmp_path / "audio" / "dev" / "S02_U01.CH1.wav", [(0.5, 1.5)], rate=16000)
    (tmp_path / "audio" / "dev" / "S02_x").mkdir()
    speak(tmp_path / "elsewhere.wav", [(0.5, 1.5)], rate=16000)
    file = tmp_path / "transcriptions" / "dev" / "S02.json"
    file.parent.mkdir(parents=True)
    said = {"speaker": "P05", "start_time": "0:00:00.50", "end_time": "0:00:01.50", "words": "yes"}
    for change, code in (
        ({"speaker": "x/../../../elsewhere"}, "SD401"),
        ({"start_time": "-1:00:00.50"}, "SD502"),
        ({"end_time": 10**30}, "SD502"),
    ):
        file.write_text(json.dumps([{**said, **change}]), encoding="utf-8")
        with pytest.raises(SepdiarError, match=code):
            list(corpora.read(tmp_path, "chime6"))
    for content in ("5", "[" * 100_000, "{}}"):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(SepdiarError, match="SD502"):
            list(corpora.read(tmp_path, "chime6"))


@pytest.mark.parametrize(
    "name", ["../../channels.wav", "/dev/zero", "x/../../../channels.wav", "https://nowhere.invalid/channels.wav"]
)
@pytest.mark.parametrize("place", ["path", "file"])
def test_a_conversation_of_strangers_names_audio_below_the_corpus_alone(tmp_path, speak, name, place):
    speak(tmp_path / "channels.wav", [(0.5, 1.5)])
    folder = tmp_path / "corpus" / "talk"
    speak(folder / "channels.wav", [(0.5, 1.5)])
    files = {"path": "channels.wav", "file": "channels.wav", place: name}
    about = Recording("talk", files["path"], "", 8000, 32000, 1)
    track = Track("A", files["file"], 0, Span(0, 32000), (Stretch(Span(0, 32000), "recorded"),))
    value = Conversation(about, (Turn("A", Span(4000, 12000)),), (track,))
    (folder / "conversation.json").write_text(value.to_json(), encoding="utf-8")
    with pytest.raises(SepdiarError, match=r"SD40[12]"):
        list(corpora.read(tmp_path / "corpus"))
    fair = replace(value, recording=replace(about, path="channels.wav"), tracks=(replace(track, file="channels.wav"),))
    (folder / "conversation.json").write_text(fair.to_json(), encoding="utf-8")
    assert [truth.conversation for truth in corpora.read(tmp_path / "corpus")] == [fair]
