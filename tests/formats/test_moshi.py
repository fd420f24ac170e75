"""What is written for moshi-finetune: the words of each channel, and the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, Word
from sepdiar.events import silence
from sepdiar.formats.moshi import manifest, sidecar
from sepdiar.formats.stage import Write
from sepdiar.pipeline import Take


def word(text: str, start: int, end: int) -> Word:
    return Word(text, Span(start, end), 0.9)


TURNS = (
    Turn("A", Span(0, 500), (word("over", 90, 104), word("hello", 150, 200), word(" there ", 200, 300), word("  ", 300, 310))),
    Turn("B", Span(160, 400), (word('"no"', 180, 190), word("é", 380, 399))),
    Turn("C", Span(600, 700), (word("third", 610, 620),)),
)
TRACKS = (Track("A", "dialogue-001.flac", 0, Span(100, 500)), Track("B", "dialogue-001.flac", 1, Span(100, 500)))
VALUE = Conversation(Recording("talk-0", "talk.wav", "", 100, 1000, 1), TURNS, TRACKS)


def test_words_are_by_start_in_seconds_of_the_dialogue_and_labelled_by_channel() -> None:
    text = sidecar(VALUE, "dialogue-001.flac")
    assert text.isascii() and json.loads(text) == {
        "alignments": [
            ["hello", [0.5, 1.0], "SPEAKER_MAIN"],
            ['"no"', [0.8, 0.9], "SPEAKER_USER"],
            ["there", [1.0, 2.0], "SPEAKER_MAIN"],
            ["é", [2.8, 2.99], "SPEAKER_USER"],
        ]
    }


def test_a_word_over_the_edge_is_cut_where_its_middle_lies_within() -> None:
    tracks = (Track("A", "dialogue-000.flac", 0, Span(95, 160)),)
    words = json.loads(sidecar(Conversation(VALUE.recording, TURNS, tracks), "dialogue-000.flac"))["alignments"]
    assert words == [["over", [0.0, 0.09], "SPEAKER_MAIN"]]


def test_no_words_are_an_empty_list() -> None:
    assert sidecar(Conversation(VALUE.recording, (), TRACKS), "dialogue-001.flac") == '{"alignments":[]}\n'


def test_write_leaves_a_sidecar_for_each_dialogue_and_the_value_itself(tmp_path: Path) -> None:
    tracks = (*TRACKS, Track("C", "dialogue-002.flac", 0, Span(600, 800)))
    value = Conversation(VALUE.recording, TURNS, tracks)
    Write().run(Take(value, tmp_path / "talk.wav", tmp_path, tmp_path), silence)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conversation.json", "dialogue-001.json", "dialogue-002.json"]
    assert Conversation.from_json((tmp_path / "conversation.json").read_text()) == value


def test_the_manifest_is_sorted_relative_and_has_the_durations_of_the_headers(tmp_path: Path) -> None:
    for item, name, frames in (("b-1", "dialogue-000", 11127), ("a-2", "dialogue-001", 4000), ("a-2", "dialogue-000", 7)):
        (tmp_path / "items" / item).mkdir(parents=True, exist_ok=True)
        (tmp_path / "items" / item / "SUMS").touch()
        soundfile.write(tmp_path / "items" / item / f"{name}.flac", np.zeros((frames, 2)), 8000)
    assert manifest(tmp_path) == (
        '{"duration":0.000875,"path":"items/a-2/dialogue-000.flac"}\n'
        '{"duration":0.5,"path":"items/a-2/dialogue-001.flac"}\n'
        '{"duration":1.390875,"path":"items/b-1/dialogue-000.flac"}\n'
    )


def test_a_run_without_items_has_an_empty_manifest(tmp_path: Path) -> None:
    assert manifest(tmp_path) == ""
