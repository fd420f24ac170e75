"""Words of a whole example dialogue, against what was said: its true channels and turns, no diarizer in between."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median

from sepdiar.asr.stage import Transcribe
from sepdiar.conversation import Conversation
from sepdiar.events import silence
from sepdiar.pipeline import Take


def test_most_words_of_a_synthetic_dialogue_are_right_and_in_their_place(podcasts: Path, tmp_path: Path) -> None:
    folder = podcasts.parent / "truth" / "bread"
    truth = Conversation.from_json((folder / "conversation.json").read_text())
    untold = replace(truth, turns=tuple(replace(turn, words=()) for turn in truth.turns))
    stage = Transcribe()
    stage.open()
    made = stage.run(Take(untold, folder, folder, tmp_path), silence).conversation.turns
    assert [(turn.speaker, turn.span) for turn in made] == [(turn.speaker, turn.span) for turn in truth.turns]
    pairs = [
        (true.words[block.a + word], heard.words[block.b + word])
        for true, heard in zip(truth.turns, made, strict=True)
        for block in SequenceMatcher(None, _texts(true.words), _texts(heard.words), False).get_matching_blocks()
        for word in range(block.size)
    ]
    said = sum(len(turn.words) for turn in truth.turns)
    assert len(pairs) > 0.6 * said
    assert sum(len(turn.words) for turn in made) < 1.3 * said
    assert abs(median(heard.span.start - true.span.start for true, heard in pairs)) < 0.005 * truth.recording.rate
    assert median(abs(heard.span.end - true.span.end) for true, heard in pairs) < 0.03 * truth.recording.rate


def _texts(words: tuple[object, ...]) -> list[str]:
    return [word.text for word in words]  # type: ignore[attr-defined]
