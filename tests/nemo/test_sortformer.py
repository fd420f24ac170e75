"""Sortformer through the real path: tiny ones of NeMo's class, saved as at their home, against the package's own call."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import sepdiar
from sepdiar.audio.source import ArrayAudio
from sepdiar.conversation import Span
from sepdiar.diarization.sortformer import Sortformer
from sepdiar.errors import SepdiarError
from sepdiar.registry import backends, load


@pytest.fixture(scope="module")
def streaming(sortformer, saved, clip, tmp_path_factory):
    return saved(sortformer(True, clip), tmp_path_factory.mktemp("streaming") / "streaming.nemo")


@pytest.fixture(scope="module")
def offline(sortformer, saved, clip, tmp_path_factory):
    return saved(sortformer(False, clip[: 10 * 16_000]), tmp_path_factory.mktemp("offline") / "offline.nemo")


def test_it_is_found_by_its_entry_point():
    assert load("diarizer", "sortformer") is Sortformer
    (row,) = [row for row in backends() if row.name == "sortformer"]
    assert row.available


def test_a_stream_heard_part_by_part_says_what_the_package_says_of_the_whole(streaming, clip, whole):
    diarizer = Sortformer(path=str(streaming), part=4.0)
    samples = clip[: 27 * 16_000 + 777]
    parts = list(diarizer._streamed(ArrayAudio(samples, 16_000)))
    assert [len(part) for part in parts[:-1]] == [50] * (len(parts) - 1) and len(parts) == 7
    told = whole(diarizer._network, samples).numpy()
    assert np.abs(np.concatenate(parts) - told).max() < 1e-6 and np.ptp(told) > 0.5


def test_turns_of_a_stream_and_how_many_speak_in_it(streaming, clip, pull):
    pull("sortformer-streaming-4spk-v2", streaming)
    diarizer, audio = Sortformer(), ArrayAudio(clip, 16_000)
    assert diarizer.model == "sortformer-streaming-4spk-v2, compact-embedding" and len(diarizer.model_sha256.split()) == 2
    turns = diarizer.diarize(audio)
    assert turns and turns == diarizer.diarize(audio)
    assert all(turn.span & Span(0, audio.samples) == turn.span for turn in turns)
    assert len({turn.speaker for turn in diarizer.diarize(audio, 1)}) == 1
    with pytest.raises(SepdiarError, match="SD202"):
        diarizer.diarize(audio, 5)
    assert diarizer.diarize(ArrayAudio(clip[:500], 16_000)) == diarizer.diarize(ArrayAudio(clip[:0], 16_000)) == []


def test_windows_are_heard_one_by_one_and_joined(offline, clip, whole, tmp_path):
    diarizer = Sortformer(path=str(offline), window=10.0, step=4.0)
    windows = np.stack([clip[:160_000], 0.1 * clip[160_000:320_000]])
    heard = diarizer._hears([Span(0, 160_000), Span(160_000, 320_000)], windows)
    assert heard.shape == (2, 125, 4) and np.ptp(heard) > 0.5
    alone = [whole(diarizer._network, window).numpy()[:125] for window in windows]
    assert np.abs(heard - np.stack(alone)).max() < 1e-6
    soundfile.write(tmp_path / "talk.wav", clip, 16_000, "FLOAT")
    settings = [f"diarize.sortformer.path={offline}", "diarize.sortformer.window=10.0", "diarize.sortformer.step=4.0"]
    found = sepdiar.diarize(tmp_path / "talk.wav", recipe="masking", diarizer="sortformer", speakers=2, settings=settings)
    assert found.turns and {turn.speaker for turn in found.turns} <= {"S1", "S2"}
    assert found.provenance[-1].model == "offline.nemo, compact-embedding"


@pytest.mark.parametrize("settings", [{"part": 0.1}, {"window": 2.0}, {"step": 80.0}, {"most": 0}])
def test_what_it_cannot_do_is_refused(settings):
    with pytest.raises(SepdiarError, match="SD202"):
        Sortformer(**settings)


def test_a_model_that_was_not_pulled_is_refused(pull):
    with pytest.raises(SepdiarError, match="SD251") as refused:
        Sortformer("sortformer-4spk-v1")
    assert refused.value.hint == "sepdiar models pull sortformer-4spk-v1"
