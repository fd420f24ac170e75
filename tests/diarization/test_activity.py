"""Voice activity: where speech begins and ends, and what is not speech."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span, Turn
from sepdiar.diarization.activity import BLOCK, RATE, Activity, Energy, Silero, hysteresis, silero_file
from sepdiar.errors import SepdiarError

Talks = Callable[..., tuple[ArrayAudio, list[Turn]]]

BOTH = pytest.mark.parametrize("detector", [Silero, Energy])
LIMIT = round(0.05 * RATE)


def silence(seconds: float, noise: float = 0.0) -> ArrayAudio:
    return ArrayAudio((noise * np.random.default_rng(1).standard_normal(round(seconds * RATE))).astype(np.float32), RATE)


@BOTH
@pytest.mark.parametrize("noise", [1e-4, 1e-3])
def test_every_turn_begins_and_ends_within_50_ms(conversation: Talks, detector: type[Activity], noise: float) -> None:
    audio, turns = conversation((0, 1), 40, noise=noise)
    spans = detector().spans(audio)
    assert len(spans) == len(turns)
    for span, turn in zip(spans, turns, strict=True):
        assert abs(span.start - turn.span.start) <= LIMIT
        assert abs(span.end - turn.span.end) <= LIMIT


@BOTH
def test_level_plays_no_part(conversation: Talks, detector: type[Activity]) -> None:
    audio, turns = conversation((0, 1), 20, noise=1e-4)
    quiet = detector().spans(ArrayAudio(audio.frames * np.float32(0.05), RATE))
    assert len(quiet) == len(turns)


@BOTH
def test_silence_and_steady_noise_are_no_speech(detector: type[Activity]) -> None:
    assert detector().spans(silence(5)) == ()
    assert detector().spans(silence(20, noise=0.01)) == ()
    assert detector().spans(silence(0)) == ()
    assert detector().spans(silence(0.001)) == ()


@BOTH
def test_spans_are_in_order_apart_and_inside(conversation: Talks, detector: type[Activity]) -> None:
    audio, _ = conversation((0, 1), 33.3)
    found = detector(pause=0.3)
    spans = found.spans(audio)
    assert all(right.start - left.end > 0.3 * RATE for left, right in pairwise(spans))
    assert spans[0].start >= 0 and spans[-1].end <= audio.samples
    sounds = found.sounds(audio)
    assert len(sounds) >= len(spans)
    assert {sounds[0].start, sounds[-1].end} == {spans[0].start, spans[-1].end}


def test_silero_hears_the_same_whole_and_frame_by_frame(conversation: Talks) -> None:
    """The file that takes many frames at once, against the one of the same package that takes one after the other."""
    import onnxruntime

    audio, _ = conversation((0, 1), (BLOCK + 5000) / RATE)
    at_once = np.concatenate([score for score, _ in Silero().scores(audio)])
    folder = Path(next(iter(importlib.util.find_spec("silero_vad").submodule_search_locations)))
    session = onnxruntime.InferenceSession(str(folder / "data" / "silero_vad.onnx"), providers=["CPUExecutionProvider"])
    padded = np.zeros(64 + 512 * len(at_once), np.float32)
    padded[64 : 64 + audio.samples] = audio.frames
    state, one_by_one = np.zeros((2, 1, 128), np.float32), []
    for start in range(0, 512 * len(at_once), 512):
        given = {"input": padded[None, start : start + 576], "state": state, "sr": np.array(16000)}
        score, state = session.run(None, given)
        one_by_one.append(score[0, 0])
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-4)


def test_torch_stays_unloaded() -> None:
    code = "import sys; from sepdiar.diarization.activity import Silero; Silero(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "silero_vad" else there(name))
    with pytest.raises(SepdiarError) as refused:
        Silero()
    assert refused.value.code == "SD250"
    Energy()


def test_hysteresis_holds_on_between_the_two_thresholds() -> None:
    score = np.array([0.4, 0.4, 0.6, 0.4, 0.2, 0.4, 0.4, 0.2, 0.9], np.float32)
    assert hysteresis(score, 0.5, 0.3, 10) == (Span(20, 40), Span(80, 90))
    assert hysteresis(np.zeros(0, np.float32), 0.5, 0.3, 10) == ()


def test_the_card_names_the_file_that_runs() -> None:
    card = tomllib.loads((Path(__file__).parents[2] / "models" / "silero-vad" / "card.toml").read_text())
    assert silero_file().as_posix().endswith(card["path"])
    if version(card["package"]) == card["version"]:
        assert Silero().model_sha256 == card["sha256"]
