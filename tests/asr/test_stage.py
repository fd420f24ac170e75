"""The stage: clocks, channels and turns, with a recogniser that says what it was asked; then the real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.asr.stage import Transcribe
from sepdiar.audio.source import Audio
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, Word, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, silence
from sepdiar.pipeline import Take

RATE = 8000


class Echo:
    """One word for each turn: the loudness that its channel has there."""

    training_grade = True
    model, model_sha256 = "echo", "0" * 64

    def __init__(self, rate: int = RATE, early: int = 0) -> None:
        self.rate, self.early = rate, early

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        level = [f"{np.abs(audio.read(span)).mean():.1f}" for span in spans]
        return [Word(text, Span(max(0, span.start - self.early), span.end)) for text, span in zip(level, spans, strict=True)]


def take(tmp_path: Path, turns: list[Turn], tracks: list[Track], frames: np.ndarray) -> Take:
    item, scratch = tmp_path / "item", tmp_path / "scratch"
    item.mkdir()
    scratch.mkdir()
    for name in {track.file for track in tracks}:
        soundfile.write(item / name, frames, RATE, subtype="PCM_16")
    recording = Recording("talk", "talk.wav", "0" * 64, RATE, 100_000, 1)
    return Take(Conversation(recording, mark_overlaps(turns), tuple(tracks)), tmp_path / "talk.wav", item, scratch)


def levels(seconds: float = 5.0) -> np.ndarray:
    return np.tile(np.float32([0.2, 0.4]), (int(seconds * RATE), 1))


def through(stage: Transcribe, made: Take, recognizer: Echo | None) -> tuple[Take, list[Event]]:
    events: list[Event] = []
    stage.made = recognizer
    return stage.run(made, events.append), events


TWO = [Track("S1", "d.flac", 0, Span(10_000, 50_000)), Track("S2", "d.flac", 1, Span(10_000, 50_000))]


@pytest.mark.parametrize("rate", [8000, 16000, 11025])
def test_words_come_from_the_speakers_own_channel_on_the_clock_of_the_recording(tmp_path: Path, rate: int) -> None:
    turns = [Turn("S1", Span(12_000, 20_000)), Turn("S2", Span(19_000, 30_000)), Turn("S1", Span(40_000, 48_000))]
    done, _ = through(Transcribe(), take(tmp_path, turns, TWO, levels()), Echo(rate))
    told = done.conversation.turns
    assert [[word.text for word in turn.words] for turn in told] == [["0.2"], ["0.4"], ["0.2"]]
    assert all(abs(turn.words[0].span.start - turn.span.start) <= 1 for turn in told)
    assert all(abs(turn.words[0].span.end - turn.span.end) <= 1 for turn in told)
    assert [turn.overlap for turn in told] == [turn.overlap for turn in mark_overlaps(turns)]
    assert list(done.scratch.iterdir()) == []


def test_words_are_clipped_to_their_turn_and_turns_to_their_track(tmp_path: Path) -> None:
    turns = [Turn("S1", Span(5_000, 15_000)), Turn("S2", Span(45_000, 60_000)), Turn("S2", Span(70_000, 80_000))]
    done, _ = through(Transcribe(), take(tmp_path, turns, TWO, levels()), Echo(early=3000))
    spans = [[word.span for word in turn.words] for turn in done.conversation.turns]
    assert spans == [[Span(10_000, 15_000)], [Span(45_000, 50_000)], []]


def test_a_turn_that_two_dialogues_share_gets_the_words_of_both_in_order(tmp_path: Path) -> None:
    tracks = [Track("S1", "b.flac", 0, Span(40_000, 80_000)), Track("S1", "a.flac", 1, Span(0, 40_000))]
    done, _ = through(Transcribe(), take(tmp_path, [Turn("S1", Span(30_000, 50_000))], tracks, levels()), Echo())
    assert [(word.text, word.span) for word in done.conversation.turns[0].words] == [
        ("0.4", Span(30_000, 40_000)),
        ("0.2", Span(40_000, 50_000)),
    ]


def test_speakers_that_share_a_channel_are_heard_once(tmp_path: Path) -> None:
    tracks = [*TWO, Track("S3", "d.flac", 1, Span(10_000, 50_000))]
    turns = [Turn("S2", Span(12_000, 20_000)), Turn("S3", Span(30_000, 40_000)), Turn("S3", Span(31_000, 39_000))]

    class Once(Echo):
        asked = 0

        def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
            Once.asked += 1
            return [Word("one", Span(32_000, 33_000).shift(-10_000))] if spans else []

    done, _ = through(Transcribe(), take(tmp_path, turns, tracks, levels()), Once())
    assert Once.asked == 1  # S1 says nothing
    assert [[word.text for word in turn.words] for turn in done.conversation.turns] == [[], ["one"], []]


def test_words_outside_every_turn_are_left_out_and_counted(tmp_path: Path) -> None:
    class Stray(Echo):
        def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
            return [Word("stray", Span(30_000, 31_000))]

    done, events = through(Transcribe(), take(tmp_path, [Turn("S1", Span(12_000, 20_000))], TWO[:1], levels()), Stray())
    assert not done.conversation.turns[0].words
    notes = [event.facts["message"] for event in events if event.kind == "note"]
    assert notes == ["words outside every turn of their speaker, left out: 1"]


def test_none_loads_nothing_and_says_so(tmp_path: Path) -> None:
    stage = Transcribe("none")
    stage.check()
    stage.open()
    made = take(tmp_path, [Turn("S1", Span(12_000, 20_000))], TWO, levels())
    done, events = through(stage, made, None)
    assert (done, events, stage.packages) == (made, [], ())
    assert stage.provenance().parameters == {"backend": "none"}
    assert stage.provenance().model == ""


def test_it_is_refused_before_it_is_loaded() -> None:
    with pytest.raises(SepdiarError, match="SD201"):
        Transcribe("whisper-of-nobody").check()
    with pytest.raises(SepdiarError, match="SD202"):
        Transcribe("pocketsphinx", pocketsphinx={"beams": 3}).check()


def test_the_real_one_tells_that_its_words_are_no_training_data(tmp_path: Path) -> None:
    stage = Transcribe(pocketsphinx={"active": 2500})
    stage.check()
    stage.open()
    quiet = np.zeros((5 * RATE, 2), np.float32)
    events: list[Event] = []
    done = stage.run(take(tmp_path, [Turn("S1", Span(12_000, 20_000))], TWO, quiet), events.append)
    notes = [event.facts["message"] for event in events if event.kind == "note"]
    assert len(notes) == 1
    assert "do not train on them" in notes[0] and "--recognizer none" in notes[0]
    assert not done.conversation.turns[0].words
    made = stage.provenance()
    none = {"words": 0, "outside": 0, "quiet": 0, "leaked": 0, "twice": 0}
    assert made.parameters == {"backend": "pocketsphinx", "active": 2500, **none}
    assert made.model.startswith("pocketsphinx") and len(made.model_sha256) == 64
    assert stage.packages == ("pocketsphinx",)


def test_a_stage_that_was_not_opened_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="open"):
        Transcribe().run(take(tmp_path, [], TWO, levels()), silence)
