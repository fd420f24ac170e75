"""Turns that are looked up: by id or by name, to the sample, and never for another recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Conversation, Recording, Span, Turn, mark_overlaps
from sepdiar.diarization.oracle import Oracle
from sepdiar.diarization.stage import Diarize
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.formats import rttm
from sepdiar.formats.segments import of_conversation
from sepdiar.pipeline import Take

TURNS = mark_overlaps([Turn("ann", Span(1, 20_001)), Turn("bob", Span(15_007, 40_000)), Turn("ann", Span(43_333, 44_099))])


def diarized(folder: Path, name: str = "shows/talk.flac", channels: int = 1, rate: int = 44_100, speakers: int = 0) -> Take:
    known = Conversation(Recording("talk", "", "", rate, 44_100), TURNS)
    (folder / "deep").mkdir()
    (folder / "deep" / "truth.rttm").write_text(rttm.dumps(of_conversation(known)))
    stage = Diarize("oracle", speakers, oracle={"turns": str(folder)})
    stage.check()
    stage.open()
    audio = ArrayAudio(np.zeros((44_100, channels), np.float32), rate)
    return stage.run(
        Take(Conversation(Recording("x-0", name, "", rate, 44_100, channels)), folder, folder, folder, audio), silence
    )


def test_turns_are_those_of_the_file_to_the_sample(tmp_path: Path) -> None:
    found = diarized(tmp_path).conversation.turns
    assert [(turn.span, turn.overlap) for turn in found] == [(turn.span, turn.overlap) for turn in TURNS]
    assert [turn.speaker for turn in found] == ["S1", "S2", "S1"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"name": "talks.flac"}, "SD601"), ({"channels": 2}, "SD202"), ({"speakers": 3}, "SD202")],
    ids=["another recording", "a speaker a channel", "another number"],
)
def test_what_the_file_does_not_know_is_refused(tmp_path: Path, settings: dict[str, object], code: str) -> None:
    with pytest.raises(SepdiarError) as refused:
        diarized(tmp_path, **settings)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_other_turns_have_another_hash(tmp_path: Path) -> None:
    files = [tmp_path / "one.rttm", tmp_path / "two.rttm"]
    for number, file in enumerate(files, 1):
        file.write_text(f"SPEAKER talk 1 0.5 {number} <NA> <NA> A <NA> <NA>\n")
    assert Oracle(str(files[0])).model_sha256 != Oracle(str(files[1])).model_sha256


def test_it_needs_a_file_that_is_there(tmp_path: Path) -> None:
    for turns, code in (("", "SD202"), (str(tmp_path), "SD206"), (str(tmp_path / "no.rttm"), "SD101")):
        with pytest.raises(SepdiarError) as refused:
            Oracle(turns)
        assert refused.value.code == code
