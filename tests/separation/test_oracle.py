"""Sources that are looked up: the true tracks, each to whom it belongs, to the sample, and never for another recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.pipeline import Take
from sepdiar.separation.oracle import Oracle, paired
from sepdiar.separation.stage import Separate

RATE, SAMPLES = 8000, 4000
TURNS = mark_overlaps([Turn("ann", Span(0, 2000)), Turn("bob", Span(1500, 4000))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A truth with a track for each of two, in noise that is all different."""
    place = tmp_path / "truths" / "talk"
    place.mkdir(parents=True)
    channels = np.random.default_rng(0).integers(-9000, 9000, (SAMPLES, 2), np.int16)
    soundfile.write(place / "channels.flac", channels, RATE)
    whole = Span(0, SAMPLES)
    tracks = tuple(Track(name, "channels.flac", number, whole) for number, name in enumerate(("ann", "bob")))
    truth = Conversation(Recording("talk", "talk.flac", "f00d", RATE, SAMPLES, 1), TURNS, tracks)
    (place / "conversation.json").write_text(truth.to_json(), encoding="utf-8")
    return tmp_path / "truths"


def separated(folder: Path, scratch: Path, turns: tuple[Turn, ...], recording: Recording) -> Take:
    channels, _ = soundfile.read(folder / "talk" / "channels.flac", dtype="float32")
    stage = Separate("oracle", oracle={"tracks": str(folder)})
    stage.check()
    stage.open()
    audio = ArrayAudio(channels.sum(axis=1, keepdims=True), RATE)
    return stage.run(Take(Conversation(recording, turns), scratch, scratch, scratch, audio), silence)


def test_overlap_is_given_as_it_was_said(folder: Path, tmp_path: Path) -> None:
    named = {"ann": "S2", "bob": "S1"}
    turns = mark_overlaps(replace(turn, speaker=named[turn.speaker], overlap=()) for turn in TURNS)
    take = separated(folder, tmp_path, turns, Recording("x", "here/talk.flac", "", RATE, SAMPLES, 1))
    channels, _ = soundfile.read(folder / "talk" / "channels.flac", dtype="float32")
    crossed = Span(1500, 2000)
    assert take.sources.origin == "separated"
    for column, speaker in enumerate(("S2", "S1")):
        assert np.array_equal(take.sources.audio[speaker].read(crossed)[:, 0], channels[crossed.start : crossed.end, column])


@pytest.mark.parametrize("found", [{"sha256": "f00d"}, {"id": "talk"}, {"path": "elsewhere/talk.flac"}])
def test_a_recording_is_known_by_content_id_or_name(folder: Path, tmp_path: Path, found: dict[str, str]) -> None:
    known = {"id": "x", "path": "x.flac", "sha256": "", **found}
    assert separated(folder, tmp_path, TURNS, Recording(**known, rate=RATE, samples=SAMPLES, channels=1)).sources


@pytest.mark.parametrize(("name", "rate"), [("other", RATE), ("talk", 2 * RATE)], ids=["another recording", "another rate"])
def test_another_recording_is_refused(folder: Path, tmp_path: Path, name: str, rate: int) -> None:
    with pytest.raises(SepdiarError) as refused:
        separated(folder, tmp_path, TURNS, Recording("x", f"{name}.flac", "", rate, SAMPLES, 1))
    assert refused.value.code == "SD601"


def test_it_needs_a_folder() -> None:
    with pytest.raises(SepdiarError) as refused:
        Oracle()
    assert refused.value.code == "SD202"


def test_who_is_found_twice_is_the_same_person_both_times() -> None:
    made = Conversation(
        Recording("x", "", ""), (Turn("S1", Span(0, 1000)), Turn("S2", Span(1600, 4000)), Turn("S3", Span(1000, 1500)))
    )
    assert paired(made, Conversation(Recording("x", "", ""), TURNS)) == {"S1": "ann", "S2": "bob", "S3": "ann"}


def test_nobody_is_paired_with_nobody() -> None:
    made = Conversation(Recording("x", "", ""), (Turn("S1", Span(5000, 6000)),))
    assert paired(made, Conversation(Recording("x", "", ""), TURNS)) == {}


def test_other_tracks_have_another_hash(folder: Path) -> None:
    before = Oracle(str(folder)).model_sha256
    file = folder / "talk" / "conversation.json"
    value = json.loads(file.read_text(encoding="utf-8"))
    value["tracks"][0]["sha256"] = "other"
    file.write_text(json.dumps(value), encoding="utf-8")
    assert Oracle(str(folder)).model_sha256 != before
