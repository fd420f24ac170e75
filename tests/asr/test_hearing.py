"""Words that nobody said on a channel: leaks from the other one, and what is heard in silence. For every recogniser alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sepdiar.asr.channel import Channel
from sepdiar.asr.pocketsphinx import PocketSphinx
from sepdiar.asr.stage import Transcribe
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn, Word, mark_overlaps
from sepdiar.events import Event
from sepdiar.formats import read_conversation
from sepdiar.pipeline import Take

RATE = 8000
WHOLE = Span(0, 10 * RATE)
BOTH = [Turn("A", WHOLE), Turn("B", WHOLE)]


@dataclass
class Says:
    """What it is told to say on each channel, in seconds; and where it was asked to listen."""

    words: tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]
    rate: int = 16_000
    training_grade: bool = True
    asked: list[list[Span]] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=lambda: {"language": "en"})

    def of(self, conversation: Conversation, channels: Sequence[Channel]) -> Says:
        return self

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        self.asked.append(channel.spans)
        told = self.words[channel.tracks[0].channel]
        return [Word(text, Span(round(start * self.rate), round(end * self.rate))) for text, start, end in told]


def voice(levels: Sequence[tuple[float, float, float]], seed: int) -> np.ndarray:
    """Noise of an RMS in stretches of seconds, silence elsewhere."""
    noise = np.random.default_rng(seed).standard_normal(len(WHOLE))
    time = np.arange(len(WHOLE)) / RATE
    return sum(level * noise * ((time >= start) & (time < end)) for start, end, level in levels)


def run(tmp_path: Path, left: np.ndarray, right: np.ndarray, recognizer: Says) -> tuple[Take, Transcribe, list[Event]]:
    for folder in ("item", "scratch"):
        (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / "item" / "d.flac", np.stack([left, right], axis=1), RATE, subtype="PCM_16")
    tracks = tuple(Track(name, "d.flac", channel, WHOLE) for channel, name in enumerate("AB"))
    value = Conversation(Recording("talk", "talk.wav", "0" * 64, RATE, len(WHOLE), 1), mark_overlaps(BOTH), tracks)
    stage, events = Transcribe(), list[Event]()
    stage.made = recognizer
    done = stage.run(Take(value, tmp_path / "talk.wav", tmp_path / "item", tmp_path / "scratch"), events.append)
    return done, stage, events


def told(
    tmp_path: Path, left: np.ndarray, right: np.ndarray, recognizer: Says
) -> tuple[dict[str, list[str]], Mapping[str, Any], list[str]]:
    """The words of each speaker, the record, and what the user is told."""
    done, stage, events = run(tmp_path, left, right, recognizer)
    words: dict[str, list[str]] = {"A": [], "B": []}
    for turn in done.conversation.turns:
        words[turn.speaker] += [word.text for word in turn.words]
    notes = [event.facts["message"] for event in events if event.kind == "note"]
    return words, stage.provenance().parameters, notes


def test_a_word_that_leaked_is_dropped_on_the_channel_where_it_is_soft_and_recorded(tmp_path: Path) -> None:
    left, right = voice([(1, 3, 0.1)], 1), voice([(5, 8, 0.1)], 2)
    recognizer = Says(([("Hello", 1, 2), ("there.", 2, 3), ("Good", 5.1, 6), ("day", 6, 6.9)], [("good,", 5, 6), ("bye", 6, 7)]))
    words, record, notes = told(tmp_path, left + 0.05 * right, right + 0.05 * left, recognizer)
    assert words == {"A": ["Hello", "there.", "day"], "B": ["good,", "bye"]}
    assert {key: record[key] for key in ("words", "leaked", "twice", "quiet", "outside")} == {
        "words": 5, "leaked": 1, "twice": 0, "quiet": 0, "outside": 0
    }  # fmt: skip
    assert record["language"] == "en"
    assert notes == ["words that leaked from the other channel, left out: 1"]


@pytest.mark.parametrize(
    ("soft", "heard"),
    [((5, 8, 0.1), 0.1), ((5, 8, 0.02), 0.1), ((5, 8, 0.1), 0.02)],
    ids=["as loud", "a soft voice", "a lower gain"],
)
def test_what_two_people_say_together_stays_with_both(tmp_path: Path, soft: tuple[float, float, float], heard: float) -> None:
    left, right = voice([soft, (1, 3, soft[2])], 1), voice([(5, 8, heard)], 2)
    words, record, notes = told(tmp_path, left, right, Says(([("yes", 6, 6.4)], [("Yes!", 6.1, 6.5)])))
    assert words == {"A": ["yes"], "B": ["Yes!"]}
    assert (record["leaked"], record["twice"]) == (0, 1)
    assert notes == ["words on both channels at once, which are as loud as each other, left there: 1"]


def test_the_same_word_at_another_time_is_another_word(tmp_path: Path) -> None:
    left, right = voice([(1, 9, 0.01)], 1), voice([(1, 9, 0.2)], 2)
    words, record, _ = told(tmp_path, left, right, Says(([("yes", 2, 2.4), ("no", 4, 5)], [("yes", 3, 3.4), ("on", 4, 5)])))
    assert words == {"A": ["yes", "no"], "B": ["yes", "on"]}
    assert (record["leaked"], record["twice"]) == (0, 0)


def test_a_mix_on_both_channels_decides_nothing(tmp_path: Path) -> None:
    mix = voice([(4, 6, 0.1)], 1)
    left, right = mix + voice([(1, 3, 0.02)], 2), mix + voice([(7, 9, 0.3)], 3)
    words, record, _ = told(tmp_path, left, right, Says(([("well", 4.5, 5)], [("well", 4.5, 5)])))
    assert words == {"A": ["well"], "B": ["well"]} and record["twice"] == 1


def test_nothing_is_recognised_where_the_channel_is_quiet(tmp_path: Path) -> None:
    left = voice([(0, 10, 1e-5), (2, 4, 0.1), (4.2, 5, 0.1)], 1)
    recognizer = Says(([("Thanks", 0.5, 1), ("well", 1.5, 2.5), ("so", 4.0, 4.2), ("watching", 7, 8)], [("you", 3, 4)]))
    words, record, notes = told(tmp_path, left, voice([(0, 10, 1e-4)], 2), recognizer)
    assert words == {"A": ["well", "so"], "B": []}
    assert (record["quiet"], record["words"]) == (2, 2)
    assert notes == ["words where their channel is quiet, left out: 2"]
    assert len(recognizer.asked) == 1, "a silent channel is not even heard"
    (span,) = recognizer.asked[0]
    assert abs(span.start / recognizer.rate - 1.9) < 0.03 and abs(span.end / recognizer.rate - 5.1) < 0.03


def test_a_word_ends_where_its_sound_ends(tmp_path: Path) -> None:
    left = voice([(2, 4, 0.1)], 1)
    done = run(tmp_path, left, left * 0, Says(([("well", 3, 8)], [])))[0]
    (word,) = done.conversation.turns[0].words
    assert word.span == Span(3 * RATE, round(4.1 * RATE))


def test_real_words_that_leak_are_found_by_a_real_recogniser(podcasts: Path, tmp_path: Path) -> None:
    folder = podcasts.parent / "truth" / "bread"
    rate = (value := read_conversation(folder / "conversation.json")).recording.rate
    whole = Span(0, 9 * rate)
    frames, _ = soundfile.read(folder / "channels.flac", len(whole), dtype="float32")
    (tmp_path / "item").mkdir()
    soundfile.write(tmp_path / "item" / "d.flac", frames + 0.2 * frames[:, ::-1], rate, subtype="PCM_16")
    names = [track.speaker for track in sorted(value.tracks, key=lambda track: track.channel)]
    made = replace(
        value,
        recording=replace(value.recording, samples=len(whole)),
        turns=mark_overlaps(Turn(name, whole) for name in names),
        tracks=tuple(Track(name, "d.flac", channel, whole) for channel, name in enumerate(names)),
    )
    stage = Transcribe()
    stage.made = PocketSphinx(active=2500)
    done = stage.run(Take(made, tmp_path, tmp_path / "item", tmp_path), lambda event: None).conversation.turns
    record = stage.provenance().parameters
    alone = {name: [turn.span for turn in value.turns if turn.speaker == name] for name in names}
    strange = [
        word.text
        for turn in done
        for word in turn.words
        if not any(word.span & own for own in alone[turn.speaker])
        and any(word.span & own for own in _others(alone, turn.speaker))
    ]
    assert record["words"] >= 15 and record["leaked"] > 3 * len(strange)


def _others(spans: Mapping[str, list[Span]], speaker: str) -> list[Span]:
    return [span for name, own in spans.items() if name != speaker for span in own]
