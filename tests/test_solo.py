"""One recording in this process: the chain cut in two, and the tracks of a speaker put back on the recording's clock."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sepdiar import solo
from sepdiar.audio.source import ArrayAudio, FileAudio
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn
from sepdiar.errors import SepdiarError
from sepdiar.pipeline import Take

RATE, SAMPLES = 8000, 1000


def take_of(tmp_path, tracks, speakers, subtype="PCM_16", channels=1) -> Take:
    """A take whose dialogues are FLACs of noise, one for each span of its tracks."""
    rng = np.random.default_rng(0)
    for file, span in {track.file: track.span for track in tracks}.items():
        noise = rng.integers(-(2**15), 2**15, (len(span), 2), np.int32) << 16
        soundfile.write(tmp_path / file, noise, RATE, subtype)
    turns = tuple(Turn(name, Span(at, at + 1)) for at, name in enumerate(speakers))
    recording = Recording("talk", "talk.wav", "", RATE, SAMPLES, channels)
    sound = ArrayAudio(rng.normal(0, 0.1, (SAMPLES, channels)).astype(np.float32), RATE)
    return Take(Conversation(recording, turns, tuple(tracks)), tmp_path / "talk.wav", tmp_path, tmp_path, sound)


def samples(path, **options):
    return soundfile.read(path, dtype="int32", **options)[0]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_every_dialogue_of_a_speaker_is_at_its_place_bit_for_bit(tmp_path, subtype):
    first, second = Span(100, 300), Span(500, 1000)
    tracks = [
        Track("S1", "dialogue-000.flac", 0, first),
        Track("S2", "dialogue-000.flac", 1, first),
        Track("S3", "dialogue-001.flac", 0, second),
        Track("S1", "dialogue-001.flac", 1, second),
    ]
    take = take_of(tmp_path, tracks, ("S1", "S2", "S3"), subtype)
    written = solo.write_speakers(take, tmp_path / "new" / "folder", "talk")
    assert [path.name for path in written.values()] == ["talk-1.wav", "talk-2.wav", "talk-3.wav"]
    for speaker, path in written.items():
        expected = np.zeros(SAMPLES, np.int32)
        for track in tracks:
            if track.speaker == speaker:
                expected[track.span.start : track.span.end] = samples(tmp_path / track.file)[:, track.channel]
        assert np.array_equal(samples(path), expected)
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (RATE, 1, subtype, "WAV")


def test_speakers_who_share_a_channel_share_a_file(tmp_path):
    whole = Span(0, SAMPLES)
    tracks = [Track(name, "dialogue-000.flac", channel, whole) for name, channel in (("S2", 0), ("S1", 1), ("S3", 1))]
    written = solo.write_speakers(take_of(tmp_path, tracks, ("S1", "S2", "S3")), tmp_path, "talk")
    assert {name: path.name for name, path in written.items()} == {"S1": "talk-1.wav", "S2": "talk-2.wav", "S3": "talk-1.wav"}


def test_a_folder_that_cannot_be_written_has_a_code(tmp_path):
    (tmp_path / "file").write_text("")
    take = take_of(tmp_path, [Track("S1", "dialogue-000.flac", 0, Span(0, SAMPLES))], ("S1",))
    with pytest.raises(SepdiarError) as refused:
        solo.write_speakers(take, tmp_path / "file" / "below", "talk")
    assert refused.value.exit == 74


@pytest.mark.parametrize(("channels", "speaker", "channel"), [(1, "S1", 0), (2, "LEFT", 0), (2, "RIGHT", 1)])
def test_a_monologue_is_a_track_as_it_was_recorded(tmp_path, channels, speaker, channel):
    take = take_of(tmp_path, [], (speaker,), channels=channels)
    (track,) = solo.undivided(take).conversation.tracks
    assert (track.speaker, track.channel, track.span) == (speaker, channel, Span(0, SAMPLES))
    file = FileAudio.open(tmp_path / track.file)
    assert np.array_equal(file.read(track.span), take.sound.read(track.span))


def test_the_chain_is_cut_where_it_was_asked(tmp_path):
    front, rest = solo.split(resolve(environ={}), "diarize", "assemble")
    assert [stage.name for stage in front.stages] == ["decode", "diarize"]
    assert [stage.name for stage in rest.stages] == ["separate", "assemble"]


def test_a_chain_without_the_stage_is_refused():
    config = resolve(environ={}, flags={"chain": ["decode", "diarize"]})
    with pytest.raises(SepdiarError, match=r"SD204.*'assemble'"):
        solo.split(config, "diarize", "assemble")


@pytest.mark.parametrize(("content", "code"), [(None, "SD101"), (b"", "SD104")])
def test_what_is_no_recording_is_refused_by_its_path(tmp_path, content, code):
    path = tmp_path / "my talk.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SepdiarError, match=code) as refused, solo.opened(path):
        pass
    assert refused.value.where == str(path)


def test_nothing_is_left_behind(tmp_path):
    path = tmp_path / "my talk.wav"
    path.write_bytes(b"sound")
    with solo.opened(path) as take:
        assert take.conversation.recording.id == "my_talk" and take.item.is_dir()
    assert not take.item.exists() and list(tmp_path.iterdir()) == [path]
