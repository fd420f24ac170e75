"""Words that are looked up: those of the truth where turns and channels are true, and the wrong speaker's where a turn is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sepdiar.asr.channel import channels_of
from sepdiar.asr.oracle import Oracle
from sepdiar.asr.stage import Transcribe
from sepdiar.conversation import Conversation, Recording, Span, Turn, Word, mark_overlaps
from sepdiar.errors import SepdiarError
from sepdiar.formats import ctm, read_conversation, seglst
from sepdiar.formats.segments import of_conversation
from sepdiar.pipeline import Take


@pytest.fixture(scope="module")
def folder(podcasts: Path) -> Path:
    return podcasts.parent / "truth" / "bread"


@pytest.fixture(scope="module")
def truth(folder: Path) -> Conversation:
    return read_conversation(folder / "conversation.json")


def told(words: Path, folder: Path, truth: Conversation, turns: Sequence[Turn], tmp_path: Path) -> tuple[Conversation, dict]:
    bare = replace(truth, turns=mark_overlaps(replace(turn, words=()) for turn in turns))
    stage = Transcribe("oracle", oracle={"words": str(words)})
    stage.check()
    stage.open()
    (tmp_path / "scratch").mkdir(exist_ok=True)
    done = stage.run(Take(bare, folder, folder, tmp_path / "scratch"), lambda event: None)
    assert not list((tmp_path / "scratch").iterdir()), "nothing is resampled for somebody who does not listen"
    return done.conversation, dict(stage.provenance().parameters)


def texts(conversation: Conversation) -> list[tuple[str, str]]:
    return [(turn.speaker, word.text) for turn in conversation.turns for word in turn.words]


def test_with_true_turns_every_word_is_in_its_place(folder: Path, truth: Conversation, tmp_path: Path) -> None:
    done, record = told(folder, folder, truth, truth.turns, tmp_path)
    assert texts(done) == texts(truth) and record["unheard"] == 0
    assert record["quiet"] == record["leaked"] == record["outside"] == 0
    moved = [
        max(abs(one.span.start - other.span.start), abs(one.span.end - other.span.end))
        for turn, true in zip(done.turns, truth.turns, strict=True)
        for one, other in zip(turn.words, true.words, strict=True)
    ]
    assert max(moved) <= 2, "to the sample, but for the way through another rate"


@pytest.mark.parametrize("form", ["ctm", "seglst"])
def test_other_formats_and_other_names_of_speakers(folder: Path, truth: Conversation, tmp_path: Path, form: str) -> None:
    named = replace(truth, turns=tuple(replace(turn, speaker=f"x{turn.speaker}") for turn in truth.turns))
    segments = of_conversation(named, each="word" if form == "ctm" else "turn")
    file = tmp_path / f"truth.{form}"
    file.write_text(ctm.dumps(segments) if form == "ctm" else seglst.dumps(segments))
    done, record = told(file, folder, truth, truth.turns, tmp_path)
    assert sorted(texts(done)) == sorted(texts(truth)) and record["unheard"] == 0


def test_of_a_whole_segment_each_word_has_its_share_of_the_time(tmp_path: Path) -> None:
    file = tmp_path / "talk.seglst"
    file.write_text(json.dumps([{"session_id": "talk", "speaker": "A", "start_time": 1, "end_time": 2, "words": "on the road"}]))
    (only,) = Oracle(str(file))._sessions.values()
    assert [(one.words, one.span) for one in only] == [
        ("on", Span(1_000_000, 1_222_222)),
        ("the", Span(1_222_222, 1_555_555)),
        ("road", Span(1_555_555, 2_000_000)),
    ]


def test_it_needs_words_and_the_recording_they_are_of(folder: Path, truth: Conversation, tmp_path: Path) -> None:
    for words, code in (("", "SD202"), (str(tmp_path), "SD206"), (str(tmp_path / "no.ctm"), "SD101")):
        with pytest.raises(SepdiarError) as refused:
            Oracle(words)
        assert refused.value.code == code
    with pytest.raises(SepdiarError, match="SD601"):
        Oracle(str(folder)).of(Conversation(Recording("x", "y.wav", "", 16_000)), [])


def test_a_recording_is_known_by_its_hash_its_id_and_its_name(folder: Path, truth: Conversation, tmp_path: Path) -> None:
    shutil.copy(folder / "conversation.json", tmp_path)
    oracle = Oracle(str(tmp_path))
    known = truth.recording
    for recording in (
        Recording("x", "x", known.sha256, known.rate),
        Recording(known.id, "x", "", known.rate),
        Recording("x", f"shows/{Path(known.path).name}", "", known.rate),
    ):
        assert oracle.of(Conversation(recording), []).unheard == sum(len(turn.words) for turn in truth.turns)


def heard(folder: Path, truth: Conversation, tmp_path: Path, turns: str, said: str) -> tuple[dict[str, str], int]:
    """The words on each channel, and how many on none; "A 1-5" is somebody's turn, "A yes 1-2" a word, all in seconds."""
    names = dict(zip("AB", (track.speaker for track in sorted(truth.tracks, key=lambda track: track.channel)), strict=True))

    def span(text: str) -> Span:
        start, end = (round(float(part) * truth.recording.rate) for part in text.split("-"))
        return Span(start, end)

    words = [(names[name], Word(text, span(time))) for name, text, time in (one.split() for one in said.split(", "))]
    true = replace(truth, turns=tuple(Turn(name, word.span, (word,)) for name, word in words))
    (tmp_path / "conversation.json").write_text(true.to_json())
    mine = mark_overlaps(Turn(names[name], span(time)) for name, time in (one.split() for one in turns.split(", ")))
    take = Take(replace(truth, turns=mine), folder, folder, tmp_path)
    channels = channels_of(take, 16_000, lambda *_: None)
    session = Oracle(str(tmp_path)).of(take.conversation, channels)
    by_channel = {channel.tracks[0].channel: session.transcribe(channel) for channel in channels}
    return {name: " ".join(word.text for word in by_channel[number]) for number, name in enumerate("AB")}, session.unheard


def test_one_who_only_says_yes_meanwhile_keeps_the_own_channel(folder: Path, truth: Conversation, tmp_path: Path) -> None:
    found = heard(folder, truth, tmp_path, "A 0-40, B 4-4.4", "A well 2-3, B yes 4-4.4, A then 4.1-5")
    assert found == ({"A": "well then", "B": "yes"}, 0)


def test_what_is_said_in_anothers_turn_is_heard_on_the_others_channel(folder: Path, truth: Conversation, tmp_path: Path) -> None:
    found = heard(folder, truth, tmp_path, "A 0-5, B 6-9", "A one 1-2, B two 2-3, A four 5.2-5.8, B three 7-8, A five 4.8-5.4")
    assert found == ({"A": "one two five", "B": "three"}, 1)
