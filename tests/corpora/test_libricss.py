"""LibriCSS in the layout of its release: which channel is whose is heard, and either of the two recordings may be missing."""

from __future__ import annotations

import pytest

from sepdiar import SepdiarError, corpora
from sepdiar.conversation import Span
from sepdiar.metrics.sides import open_tracks

SESSION = "OV40/overlap_ratio_40.0_sil0.1_1.0_session0_actual39.8"
INFO = (
    "start_time\tend_time\tspeaker\tutterance_id\ttranscription\n"
    "0.5\t1.5\t1089\t1089-134686-0001\tSTUFF IT\n"
    "1.0\t2.0\t121\t121-121726-0000\tALSO\n"
    "2.5\t3.0\t1089\t1089-134686-0002\tHELLO\n"
)


@pytest.fixture
def place(tmp_path, speak):
    place = tmp_path / "for_release" / SESSION
    speak(place / "record" / "raw_recording.wav", *[[(0.5, 2.0), (2.5, 3.0)]] * 7, rate=16000)
    speak(place / "clean" / "each_spk.wav", [], [(1.0, 2.0)], [(0.5, 1.5), (2.5, 3.0)], rate=16000)
    (place / "transcription").mkdir()
    (place / "transcription" / "meeting_info.txt").write_text(INFO, encoding="utf-8")
    return place


def test_a_session_has_its_recording_its_turns_and_each_speakers_own_channel(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    recording = truth.conversation.recording
    assert (truth.name, recording.rate, recording.samples, recording.channels) == ("OV40_session0", 16000, 64000, 7)
    assert recording.path == f"for_release/{SESSION}/record/raw_recording.wav" and len(recording.sha256) == 64
    assert [(turn.speaker, turn.span) for turn in truth.conversation.turns] == [
        ("1089", Span(8000, 24000)),
        ("121", Span(16000, 32000)),
        ("1089", Span(40000, 48000)),
    ]
    assert truth.conversation.turns[0].overlap == (Span(16000, 24000),)
    words = truth.conversation.turns[0].words
    assert [word.text for word in words] == ["STUFF", "IT"] and words[0].span.end == words[1].span.start == 19429
    assert {track.speaker: track.channel for track in truth.conversation.tracks} == {"1089": 2, "121": 1}
    assert (truth.folder / truth.conversation.tracks[0].file).is_file()


def test_the_tracks_open_as_the_channels_of_one_recording(tmp_path, place):
    (truth,) = corpora.read(tmp_path)
    heard = open_tracks(truth.conversation, truth.folder).read(Span(40000, 48000))
    by_speaker = dict(zip((track.speaker for track in truth.conversation.tracks), abs(heard).max(0), strict=True))
    assert by_speaker["1089"] > 0.1 and by_speaker["121"] == 0


def test_without_the_clean_sources_there_are_no_tracks(tmp_path, place):
    (place / "clean" / "each_spk.wav").unlink()
    (truth,) = corpora.read(tmp_path / "for_release")
    assert truth.conversation.tracks == () and truth.conversation.recording.path == f"{SESSION}/record/raw_recording.wav"


def test_without_the_recording_the_tracks_are_mixed_down(tmp_path, place):
    (place / "record" / "raw_recording.wav").unlink()
    (truth,) = corpora.read(tmp_path)
    assert truth.conversation.recording.path == "" and truth.conversation.recording.samples == 64000
    assert len(truth.conversation.tracks) == 2


def test_a_session_without_audio_or_transcript_is_refused_with_what_is_missing(tmp_path, place):
    for part in ("record/raw_recording.wav", "clean/each_spk.wav"):
        (place / part).unlink()
    _refused(tmp_path, "SD603", "each_spk.wav")
    (place / "transcription" / "meeting_info.txt").unlink()
    _refused(tmp_path, "SD603", "meeting_info.txt")


def test_sources_that_do_not_sound_when_their_speaker_speaks_are_refused(tmp_path, place, speak):
    speak(place / "clean" / "each_spk.wav", [(0.0, 4.0)], [(0.5, 1.5), (2.5, 3.0)], rate=16000)
    _refused(tmp_path, "SD601", "121")


def test_a_line_that_cannot_be_read_is_named(tmp_path, place):
    (place / "transcription" / "meeting_info.txt").write_text(INFO + "3.5\t3.2\t121\tx\tNO\n", encoding="utf-8")
    _refused(tmp_path, "SD502", "ends at 3.2")


@pytest.mark.parametrize("columns", ["1089-134686-0001 STUFF IT", "1089-134686-0001\tSTUFF\tIT"])
def test_words_behind_no_tab_or_one_too_many_are_not_passed_over(columns, tmp_path, place):
    wrong = INFO.replace("1089-134686-0001\tSTUFF IT", columns)
    (place / "transcription" / "meeting_info.txt").write_text(wrong, encoding="utf-8")
    _refused(tmp_path, "SD502", "columns")


def _refused(folder, code, what):
    with pytest.raises(SepdiarError, match=what) as refused:
        list(corpora.read(folder, "libricss"))
    assert refused.value.code == code
