"""The first stage: what it puts into the recording, which channels it keeps, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sepdiar.audio.inputs import content_hash
from sepdiar.audio.stage import Decode
from sepdiar.conversation import Conversation, Recording, Span
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, silence
from sepdiar.pipeline import Take

Encode = Callable[..., Path]
RATE = 8000
TALK = np.zeros(40 * RATE, np.float32)
for _turn in range(0, 40, 10):
    TALK[_turn * RATE : (_turn + 4) * RATE] = np.random.default_rng(_turn).normal(0, 0.1, 4 * RATE)
ANSWER = np.roll(TALK, 5 * RATE)


@pytest.fixture
def take(tmp_path: Path) -> Callable[[Path], Take]:
    def made(file: Path, sha256: str | None = None) -> Take:
        recording = Recording("a-0123", file.name, content_hash(file) if sha256 is None else sha256)
        (tmp_path / "scratch").mkdir(exist_ok=True)
        return Take(Conversation(recording), file, tmp_path / "item", tmp_path / "scratch")

    return made


def heard(take: Take) -> NDArray[np.float32]:
    return take.sound.read(Span(0, take.sound.samples))


def test_mono_and_what_the_recording_then_says(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    events: list[Event] = []
    done = Decode().run(take(encode(tmp_path / "a.flac", TALK, RATE)), events.append)
    recording = done.conversation.recording
    assert (recording.rate, recording.samples, recording.channels) == (RATE, len(TALK), 1)
    assert (recording.notes, recording.damaged) == ((), ())
    assert (done.sound.rate, done.sound.samples, done.sound.channels, done.sound.bits) == (RATE, len(TALK), 1, 16)
    assert {event.kind for event in events} <= {"stage.progress"}
    assert Conversation.from_json(done.conversation.to_json()) == done.conversation


def test_one_speaker_a_channel_stays_two_channels(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    both = np.rint(np.column_stack([TALK, ANSWER]) * 32768) / 32768
    done = Decode().run(take(encode(tmp_path / "a.wav", both, RATE)), silence)
    assert done.sound.channels == 2
    assert np.array_equal(heard(done), both)
    assert done.conversation.recording.notes[0].startswith("one speaker a channel")


def test_two_equal_channels_become_one_exactly(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    mix = np.rint((TALK + ANSWER) * 32768).astype(np.float32) / 32768
    done = Decode().run(take(encode(tmp_path / "a.wav", np.column_stack([mix, mix]), RATE)), silence)
    assert np.array_equal(heard(done)[:, 0], mix)
    assert done.conversation.recording.channels == 2


def test_a_mix_becomes_its_mean_and_is_noted(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    mix = np.column_stack([TALK + 0.5 * ANSWER, 0.5 * TALK + ANSWER])
    events: list[Event] = []
    done = Decode().run(take(encode(tmp_path / "a.wav", mix, RATE, "FLOAT")), events.append)
    assert np.allclose(heard(done)[:, 0], mix.mean(axis=1), atol=2**-23)
    assert [event.facts["message"] for event in events if event.kind == "note"] == list(done.conversation.recording.notes)
    assert [path.name for path in done.scratch.iterdir()] == ["one.f32"]


def test_damage_is_refused_or_kept_as_silence(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    path = encode(tmp_path / "a.wav", TALK, RATE)
    path.write_bytes(path.read_bytes()[:-RATE])
    with pytest.raises(SepdiarError, match=r"SD112 damaged: a\.wav"):
        Decode().run(take(path), silence)
    done = Decode(salvage=True).run(take(path), silence)
    assert done.conversation.recording.damaged == (Span(len(TALK) - RATE // 2, len(TALK)),)
    assert done.sound.samples == len(TALK)


def test_too_short(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    path = encode(tmp_path / "a.wav", TALK[: RATE - 1], RATE)
    with pytest.raises(SepdiarError, match="SD111"):
        Decode().run(take(path), silence)
    assert Decode(minimum_seconds=0.5).run(take(path), silence).sound.samples == RATE - 1


def test_content_that_is_not_what_was_hashed(tmp_path: Path, encode: Encode, take: Callable[..., Take]) -> None:
    with pytest.raises(SepdiarError, match="SD116"):
        Decode().run(take(encode(tmp_path / "a.wav", TALK, RATE), "0" * 64), silence)


@pytest.mark.parametrize("wrong", [{"maximum_hours": 0}, {"minimum_seconds": -1}, {"timeout_seconds": float("nan")}])
def test_limits_that_nothing_can_meet(wrong: dict[str, float]) -> None:
    with pytest.raises(SepdiarError, match="SD202"):
        Decode(**wrong).check()
    Decode().check()


def test_the_same_input_gives_the_same_value(tmp_path: Path, encode: Encode, take: Callable[[Path], Take]) -> None:
    path = encode(tmp_path / "a.mp3", np.column_stack([TALK, ANSWER]), RATE)
    one, two = (Decode().run(take(path), silence) for _ in range(2))
    assert one.conversation.to_json() == two.conversation.to_json()
    assert replace(one, audio=None) == replace(two, audio=None)
