"""The stage: rates, channels, names, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Conversation, Recording, Turn
from sepdiar.diarization.stage import Diarize
from sepdiar.errors import SepdiarError
from sepdiar.events import silence
from sepdiar.pipeline import Take

Talks = Callable[..., tuple[ArrayAudio, list[Turn]]]
Rates = Callable[..., float]


def diarized(folder: Path, audio: ArrayAudio, **settings: object) -> tuple[Turn, ...]:
    stage = Diarize("mfcc", **settings)  # type: ignore[arg-type]
    stage.check()
    stage.open()
    value = Conversation(Recording("talk-0", "talk.wav", "", audio.rate, audio.samples, audio.channels))
    return stage.run(Take(value, folder / "talk.wav", folder, folder, audio), silence).conversation.turns


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_turns_are_in_samples_of_the_recording(conversation: Talks, error_rate: Rates, tmp_path: Path, rate: int) -> None:
    audio, turns = conversation((2, 3), 60, rate)
    found = diarized(tmp_path, audio, speakers=2)
    assert error_rate(turns, found, audio) < 0.06
    assert list(dict.fromkeys(turn.speaker for turn in found)) == ["S1", "S2"]
    assert all(turn.span.end <= audio.samples for turn in found)


@pytest.mark.parametrize("gain", [0.02, 30.0])
def test_quiet_and_clipped_recordings_work_too(conversation: Talks, error_rate: Rates, tmp_path: Path, gain: float) -> None:
    audio, turns = conversation((2, 3), 40, noise=1e-4)
    changed = ArrayAudio(np.clip(audio.frames * np.float32(gain), -1, 1), audio.rate)
    assert error_rate(turns, diarized(tmp_path, changed, speakers=2), changed) < 0.12


@pytest.mark.parametrize("vad", ["silero", "energy"])
def test_silence_is_skipped_by_its_code(tmp_path: Path, vad: str) -> None:
    with pytest.raises(SepdiarError) as refused:
        diarized(tmp_path, ArrayAudio(np.zeros(32000, np.float32), 16000), mfcc={"vad": vad})
    assert refused.value.code == "SD120" and refused.value.where == "talk.wav"


def test_two_channels_are_left_and_right(conversation: Talks, error_rate: Rates, tmp_path: Path) -> None:
    (left, left_turns), (right, right_turns) = conversation((2,), 30, 8000, seed=1), conversation((3,), 30, 8000, seed=2)
    both = ArrayAudio(np.stack([left.frames, right.frames], axis=1), 8000)
    found = diarized(tmp_path, both)
    assert {turn.speaker for turn in found} == {"LEFT", "RIGHT"}
    for side, audio, turns in (("LEFT", left, left_turns), ("RIGHT", right, right_turns)):
        assert error_rate(turns, [turn for turn in found if turn.speaker == side], audio) < 0.05
    assert any(turn.overlap for turn in found)


def test_energy_needs_no_package_and_silero_names_its_own() -> None:
    assert "silero_vad" in Diarize("mfcc").packages
    assert Diarize("mfcc", mfcc={"vad": "energy"}).packages == ()


@pytest.mark.parametrize(("settings", "code"), [({"speakers": -1}, "SD202"), ({"mfcc": {"ears": 2}}, "SD202")])
def test_settings_are_refused_before_anything_is_loaded(settings: dict[str, object], code: str) -> None:
    with pytest.raises(SepdiarError) as refused:
        Diarize("mfcc", **settings).check()  # type: ignore[arg-type]
    assert refused.value.code == code
